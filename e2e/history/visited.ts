import type { Span, TopicCanon } from './canon.ts';
import type { GapRecord } from './records.ts';

/** Where a subscriber is: everything up to `seq` of the epoch was delivered, or told as missed. */
export interface Place {
  readonly span: Span;
  readonly seq: number;
}

interface Reached {
  readonly low: number;
  readonly high: number;
}

/**
 * Where a plain client has been. The server keeps its cursor, and moves it only past what the
 * client has proven to have read: any of these places, and no other, may be where it is resumed.
 */
export class Visited {
  readonly #topic: TopicCanon;
  readonly #reached = new Map<Span, Reached>();

  constructor(topic: TopicCanon) {
    this.#topic = topic;
  }

  add({ span, seq }: Place): void {
    const { low, high } = this.#reached.get(span) ?? { low: seq, high: seq };
    this.#reached.set(span, { low: Math.min(low, seq), high: Math.max(high, seq) });
  }

  /** The newest place from which a resume begins with the message that makes this the next. */
  beforeMessage({ span: its, seq }: Place): Place | undefined {
    // Of its own epoch, or where it left an earlier one.
    return this.#newest((span) => (this.#topic.common(span, its) >= seq - 1 ? seq - 1 : -1));
  }

  /** The newest place from which a resume begins with this gap, which has a range. */
  beforeGap({ reason, from = 0, to = 0 }: GapRecord, next: Span): Place | undefined {
    return this.#newest((span, { high }) => {
      const end = this.#topic.common(span, next);
      // Some of what was had is taken back.
      if (reason === 'truncated') return end === from - 1 && high > end ? Math.min(high, to) : -1;
      // Before it is told of a loss, a subscriber gets all that was kept.
      if (reason === 'lost') return end === from - 1 ? end : -1;
      return from - 1 <= end ? from - 1 : -1;
    });
  }

  /** The newest last place in an epoch of which `holds` is true. */
  last(holds: (place: Place) => boolean): Place | undefined {
    return this.#places(({ high }) => high).find(holds);
  }

  /** Whether it was there: at its number, or between two of the same epoch. */
  has({ span, seq }: Place): boolean {
    const reached = this.#reached.get(span);
    return reached !== undefined && reached.low <= seq && seq <= reached.high;
  }

  #newest(seqIn: (span: Span, reached: Reached) => number): Place | undefined {
    return this.#places((reached, span) => seqIn(span, reached)).find((place) => this.has(place));
  }

  /** One place for each epoch, the newest first. */
  #places(seqIn: (reached: Reached, span: Span) => number): Place[] {
    return [...this.#reached]
      .map(([span, reached]) => ({ span, seq: seqIn(reached, span) }))
      .reverse();
  }
}
