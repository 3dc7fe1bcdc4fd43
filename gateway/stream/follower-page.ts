import type { Position } from '../../protocol/position.ts';
import type { Resumed } from './log.ts';
import type { Entry, PageStep, StreamEvent } from './stream.ts';

/** The log answered what cannot be. Nothing of the answer may be used. */
export class Inconsistent extends Error {
  override readonly name = 'Inconsistent';
}

export type TopicEvent = Extract<StreamEvent, { readonly topic: string }>;

export interface ReadFrom extends Position {
  /** See `isUnbornAgain`. */
  readonly excusesUnborn: boolean;
}

/**
 * What a listener at `from` must be told so that it is where the page ends. Entries of one event
 * are of one epoch; the beginning of another one is an event of its own.
 */
export function eventsOf(topic: string, from: ReadFrom, page: Resumed): TopicEvent[] {
  if (from.excusesUnborn && isUnbornAgain(from, page)) {
    const { cursor } = page;
    return cursor.epoch === from.epoch ? [] : [{ type: 'epoch', topic, head: cursor }];
  }
  const telling = new Telling(topic, from);
  for (const step of page.steps) telling.add(step);
  telling.finish(page);
  return telling.events;
}

/**
 * A listener waits for a topic's first message, and the log knows neither the topic nor the
 * position. If the listener heard everything until now, there was no message; and after a change
 * of lineage whoever knew of one would have reported it, so that the topic would exist. Then
 * nothing was lost, although the log cannot say so of a position that it is only given.
 */
function isUnbornAgain(from: Position, { steps, head }: Resumed): boolean {
  const [step, ...more] = steps;
  if (from.seq !== 0 || head.seq !== 0 || more.length > 0) return false;
  return step?.kind === 'gap' && step.gap.reason === 'epoch_unknown';
}

class Telling {
  readonly events: TopicEvent[] = [];
  readonly #topic: string;
  #at: Position;
  #run: Entry[] = [];

  constructor(topic: string, from: Position) {
    this.#topic = topic;
    this.#at = from;
  }

  add(step: PageStep): void {
    if (step.kind === 'gap') {
      this.#endRun();
      this.events.push({ type: 'gap', topic: this.#topic, gap: step.gap });
      this.#at = step.gap.position;
      return;
    }
    const { entry } = step;
    const { epoch, seq, confirmed } = this.#at;
    if (entry.seq !== seq + 1) {
      throw new Inconsistent(`entry ${entry.seq} of ${this.#topic} follows on ${seq}`);
    }
    if (entry.epoch !== epoch) this.#enter({ epoch: entry.epoch, seq, confirmed });
    this.#run.push(entry);
    this.#at = { epoch: entry.epoch, seq: entry.seq, confirmed: Math.floor(entry.at / 1000) };
  }

  finish({ cursor, head }: Resumed): void {
    this.#endRun();
    const { epoch, seq } = this.#at;
    const forgotten = cursor.epoch !== epoch && cursor.seq === 0;
    if (cursor.seq !== seq && !forgotten) {
      throw new Inconsistent(`the page of ${this.#topic} ends at ${seq}, not at ${cursor.seq}`);
    }
    if (cursor.epoch !== epoch) this.#enter(cursor);
    if (this.events.length === 0 && !isSamePlace(cursor, head)) {
      throw new Inconsistent(`an empty page of ${this.#topic} although more follows`);
    }
  }

  #enter(head: Position): void {
    this.#endRun();
    this.events.push({ type: 'epoch', topic: this.#topic, head });
  }

  #endRun(): void {
    if (this.#run.length === 0) return;
    this.events.push({ type: 'entries', topic: this.#topic, entries: this.#run });
    this.#run = [];
  }
}

export function isSamePlace(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.seq === b.seq;
}
