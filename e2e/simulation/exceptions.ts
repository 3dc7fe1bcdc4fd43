import type { GapRecord, HistoryRecord } from '../history/records.ts';
import type { Violation } from '../history/verdict.ts';

export interface ExceptionParts {
  readonly records: readonly HistoryRecord[];
  /** A message whose place says nothing about when its publisher called. */
  readonly unordered: (id: string) => boolean;
}

/** What the checker finds and nobody promised, each as narrow as it can be told. */
export class Exceptions {
  readonly #parts: ExceptionParts;

  constructor(parts: ExceptionParts) {
    this.#parts = parts;
  }

  covers(violation: Violation): boolean {
    if (violation.invariant === 'I5') return this.#order(violation);
    return violation.invariant === 'I8' && this.#lossInTwoPieces(violation);
  }

  /**
   * A message that a gateway failed to write, or that the store lost, and that its publisher sent
   * again because it had heard of neither, stands where the new sending came (docs/client.md).
   */
  #order({ detail }: Violation): boolean {
    const [, , , later = ''] = detail.split(' ');
    return this.#parts.unordered(later);
  }

  /**
   * The subscriber had part of what a failover lost. Told in one piece this is `truncated` up to
   * what it had, and `lost` from there; when the connection is full in between, the second begins
   * where the first did, since a position cannot say how much was taken back.
   */
  #lossInTwoPieces({ subscriber, topic, detail }: Violation): boolean {
    const [, reason, from, , to] = detail.split(/[ :]/);
    if (reason !== 'lost') return false;
    return this.#parts.records.some(
      (record) =>
        record.kind === 'gap' &&
        record.topic === topic &&
        isBy(record, subscriber) &&
        isTakenBack(record, { from: Number(from), to: Number(to) }),
    );
  }
}

function isBy(record: { readonly subscriber: string; readonly tap: string }, who?: string) {
  return `${record.subscriber}/${record.tap}` === who;
}

function isTakenBack(gap: GapRecord, lost: { readonly from: number; readonly to: number }) {
  return gap.reason === 'truncated' && gap.from === lost.from && (gap.to ?? 0) <= lost.to;
}
