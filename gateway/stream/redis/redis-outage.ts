/** Reasons of one outage that are told; what more there are repeats what these say. */
const REASONS_MAX = 10;

/**
 * Why a connection cannot be had, for a log that is read by people: each reason once per outage,
 * although it is met again with every try.
 */
export class Outage {
  readonly #tell: (reason: string) => void;
  readonly #told = new Set<string>();

  constructor(tell: (reason: string) => void) {
    this.#tell = tell;
  }

  failed({ message }: Error): void {
    // How long the client waits before its next try grows with each.
    const reason = message.replace(/ after \d+ ?ms\b/g, '');
    if (this.#told.has(reason) || this.#told.size === REASONS_MAX) return;
    this.#told.add(reason);
    this.#tell(reason);
  }

  /** The connection is there: the next outage is another one. */
  over(): void {
    this.#told.clear();
  }
}
