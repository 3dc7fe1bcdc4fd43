import type { Entry } from './stream.ts';

/** A live copy that waits until its topic has been read up to it. */
export type ParkedCopy =
  | { readonly entries: readonly Entry[]; readonly second: number; readonly range: CopyRange }
  | { readonly entries: undefined; readonly range: CopyRange };

export interface CopyRange {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

const OVERHEAD_BYTES = 128;

/** Live copies of one topic that came while it was read from the log, in the order of arrival. */
export class Parked {
  readonly #limitBytes: number;
  #copies: ParkedCopy[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get epochs(): Set<string> {
    return new Set(this.#copies.map((copy) => copy.range.epoch));
  }

  /** False: it would be too much, and everything was dropped. What is dropped is in the log. */
  add(copy: ParkedCopy): boolean {
    this.#bytes += bytesOf(copy);
    if (this.#bytes > this.#limitBytes) {
      this.clear();
      return false;
    }
    this.#copies.push(copy);
    return true;
  }

  /** All of them, to be joined; the ones that do not fit yet are added again. */
  take(): ParkedCopy[] {
    const copies = this.#copies;
    this.clear();
    return copies;
  }

  clear(): void {
    this.#copies = [];
    this.#bytes = 0;
  }
}

function bytesOf({ entries }: ParkedCopy): number {
  let bytes = OVERHEAD_BYTES;
  for (const entry of entries ?? []) bytes += entry.data.bytes.length + OVERHEAD_BYTES;
  return bytes;
}
