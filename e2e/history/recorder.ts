import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { HistoryRecord } from './records.ts';

/** Collects the records of one run, in the order in which they happened. */
export class Recorder {
  readonly run: string;
  readonly #limit: number;
  readonly #records: HistoryRecord[] = [];

  /** `limit`: more records than this end the run, so that a runaway cannot eat the machine. */
  constructor(run: string, limit = 20_000_000) {
    this.run = run;
    this.#limit = limit;
  }

  get records(): readonly HistoryRecord[] {
    return this.#records;
  }

  write(record: HistoryRecord): void {
    if (this.#records.length >= this.#limit) {
      throw new Error(`history: more than ${this.#limit} records`);
    }
    this.#records.push(record);
  }

  /** NDJSON, for a failed run that somebody wants to look at. */
  async save(path: string): Promise<void> {
    await pipeline(lines(this.#records), createWriteStream(path));
  }
}

function* lines(records: readonly HistoryRecord[]): Generator<string> {
  for (const record of records) yield `${JSON.stringify(record)}\n`;
}

/** Monotonic nanoseconds of this process. */
export function nanoseconds(): number {
  return Math.round(performance.now() * 1e6);
}

/** What tells two payloads apart; not a defence against anybody. */
export function hashOf(text: string): number {
  return crc32(text);
}
