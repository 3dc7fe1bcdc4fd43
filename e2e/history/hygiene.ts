import type { ProcessRecord } from './records.ts';
import type { Findings } from './verdict.ts';

/**
 * What a process may have open or running beyond a tenth more than at its baseline: connections to
 * Redis and its Sentinels come and go, with their timers; a leak has as many as clients came.
 */
const SLACK = 8;

/** Memory of a worn process, in percent of what it was warm, at most. */
export const WORN = 110;

/** I11: whether a process is back at its baseline. */
export const isBack = (now: number, baseline: number): boolean => now <= baseline * 1.1 + SLACK;

/** I11: what processes hold, and how they ended. */
export class Hygiene {
  readonly #findings: Findings;
  readonly #baseline = new Map<string, ProcessRecord>();
  readonly #warm = new Map<string, ProcessRecord>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  take(record: ProcessRecord): void {
    switch (record.phase) {
      case 'baseline':
        this.#baseline.set(record.name, record);
        break;
      case 'warm':
        this.#warm.set(record.name, record);
        break;
      case 'settled':
        this.#settled(record);
        break;
      case 'worn':
        this.#worn(record);
        break;
      case 'exit':
        if (record.planned !== true) this.#found(record, `ended unasked: ${record.detail ?? ''}`);
        break;
    }
  }

  #settled(record: ProcessRecord): void {
    for (const what of ['files', 'timers'] as const) {
      const [before, now] = [this.#baseline.get(record.name)?.[what], record[what]];
      if (before === undefined || now === undefined || isBack(now, before)) continue;
      this.#found(record, `${now} ${what}, ${before} before`);
    }
  }

  #worn(record: ProcessRecord): void {
    for (const what of ['heldBytes', 'rssBytes'] as const) {
      const before = this.#warm.get(record.name)?.[what] ?? Number.NaN;
      const now = record[what] ?? Number.NaN;
      if (now * 100 <= before * WORN) continue;
      this.#found(record, `${now} ${what}, ${before} when it was warm`);
    }
  }

  #found({ name }: ProcessRecord, detail: string): void {
    this.#findings.add({ invariant: 'I11', subscriber: name, detail });
  }
}
