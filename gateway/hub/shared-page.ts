import type { Position } from '../../protocol/position.ts';
import { answersToo, type Entry, type Page } from '../stream/stream.ts';
import { batchOf, positionOf } from './deliveries.ts';
import type { Batch, GapDelivery } from './hub.ts';

/**
 * A page that was read once and serves every subscription whose cursor it passes through. What it
 * hands out is made once per range, so that outlets share encoded frames here too.
 */
export class SharedPage {
  readonly page: Page;
  readonly #topic: string;
  readonly #from: Position;
  /** After the entry with this seq comes this step. */
  readonly #after = new Map<number, number>();
  readonly #batches = new Map<string, Batch>();
  readonly #gaps = new Map<number, GapDelivery>();

  constructor(topic: string, from: Position, page: Page) {
    this.#topic = topic;
    this.#from = from;
    this.page = page;
    page.steps.forEach((step, index) => {
      if (step.kind === 'entry') this.#after.set(step.entry.seq, index + 1);
    });
  }

  /** The first step for a subscriber at `cursor`; undefined: the page does not lead past it. */
  start(cursor: Position): number | undefined {
    if (cursor.epoch === this.#from.epoch && cursor.seq === this.#from.seq) {
      return answersToo(this.page, this.#from, cursor) ? 0 : undefined;
    }
    const next = this.#after.get(cursor.seq);
    if (next === undefined) return undefined;
    const step = this.page.steps[next - 1];
    return step?.kind === 'entry' && step.entry.epoch === cursor.epoch ? next : undefined;
  }

  /** Whether it has something for a subscriber at `cursor` whose topic is at `told`. */
  leadsOn(cursor: Position, told: Position): boolean {
    const next = this.start(cursor);
    if (next === undefined) return false;
    return this.page.steps[next]?.kind === 'gap' || this.runEnd(next, told) > next;
  }

  /** The end (exclusive) of the entries that begin at `start`, none of them beyond `told`. */
  runEnd(start: number, told: Position): number {
    const { steps } = this.page;
    let end = start;
    for (let step = steps[end]; step?.kind === 'entry'; step = steps[end]) {
      if (step.entry.epoch === told.epoch && step.entry.seq > told.seq) break;
      end += 1;
    }
    return end;
  }

  batch(start: number, end: number): { batch: Batch; last: Position } {
    const key = `${start}-${end}`;
    let batch = this.#batches.get(key);
    if (batch === undefined) {
      const entries: Entry[] = [];
      for (const step of this.page.steps.slice(start, end)) {
        if (step.kind === 'entry') entries.push(step.entry);
      }
      batch = batchOf(this.#topic, entries);
      this.#batches.set(key, batch);
    }
    return { batch, last: positionOf(batch.entries.at(-1) as Entry) };
  }

  gap(index: number): GapDelivery | undefined {
    const made = this.#gaps.get(index);
    if (made !== undefined) return made;
    const step = this.page.steps[index];
    if (step?.kind !== 'gap') return undefined;
    const gap: GapDelivery = { kind: 'gap', topic: this.#topic, gap: step.gap };
    this.#gaps.set(index, gap);
    return gap;
  }
}
