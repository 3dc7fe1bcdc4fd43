/** How many batches a partition had taken, of one lineage. */
export interface Written {
  readonly lineage: string;
  readonly count: number;
}

/**
 * The proof of a rollback where INFO is hidden. Every publish is counted beside what it writes; a
 * server that now counts less than it once said has lost writes, by a failover or a restart. So
 * each script is called with a claim: the highest count that was seen, and of which lineage.
 */
export class WriteCount {
  #written: Written | undefined;

  /** A script said so; undefined: INFO is not hidden, and nothing is counted. */
  saw(written: Written | undefined): void {
    if (written === undefined) return;
    const { lineage, count } = this.#written ?? { lineage: '', count: 0 };
    if (written.lineage !== lineage || written.count > count) this.#written = written;
  }

  /** What stands behind the random epoch in a script's first argument. */
  claim(waits: boolean): string {
    if (this.#written === undefined) return waits ? '1' : '';
    const { lineage, count } = this.#written;
    return `${waits ? '1' : '0'}${lineage}${count}`;
  }
}
