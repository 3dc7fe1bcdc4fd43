import type { Clock } from '../../protocol/clock.ts';
import type { Position } from '../../protocol/position.ts';
import type { PageLimit } from '../stream/stream.ts';
import type { CatchUp } from './catch-up.ts';
import type { HubCounts } from './counts.ts';
import { batchOf, positionOf, samePlace } from './deliveries.ts';
import type { Batch } from './hub.ts';
import type { Outlets } from './outlets.ts';
import type { Recent } from './recent.ts';
import type { SharedPage } from './shared-page.ts';
import type { Behind, LogReads, Subscription, Topic } from './topic.ts';

/** A turn ends after so many steps or, looked at now and then, so much time. */
const STEPS_PER_TURN = 1_024;
const STEPS_PER_LOOK = 16;
const TURN_MS = 4;
/** Batches from memory that are kept for the next subscription at the same place. */
const KEPT_BATCHES = 64;

/** Subscriptions with a position that became live: with everything, or after a gap. */
export interface Resumes {
  complete: number;
  broken: number;
}

export interface PumpContext {
  readonly clock: Clock;
  readonly counts: HubCounts;
  readonly outlets: Outlets;
  readonly page: PageLimit;
  catchUp(topic: Topic): LogReads;
  /** A turn is wanted, if none is due. */
  wake(): void;
  /** The subscription is over after its refusal was delivered. */
  end(subscription: Subscription): void;
}

/**
 * Takes subscriptions that are behind to where they are live: in the order in which they became
 * ready, one batch or page each, then the next; so that the longest way holds up nobody.
 */
export class Pump {
  readonly #context: PumpContext;
  #queue: Subscription[] = [];
  readonly #readers = new Set<CatchUp>();
  readonly #keepers = new Set<CatchUp>();
  readonly #batches = new Map<string, Batch>();
  readonly #resumes = { complete: 0, broken: 0 };

  constructor(context: PumpContext) {
    this.#context = context;
  }

  /** Since the start. */
  get resumes(): Readonly<Resumes> {
    return this.#resumes;
  }

  ready(subscription: Subscription): void {
    const { behind } = subscription;
    if (behind === undefined) return;
    behind.at = 'ready';
    if (behind.queued) return;
    behind.queued = true;
    this.#queue.push(subscription);
    this.#context.wake();
  }

  /** Lets a topic read its next page when this turn's steps are done. */
  reads(catchUp: CatchUp): void {
    this.#readers.add(catchUp);
    this.#context.wake();
  }

  /** A topic keeps its last page for others who are in the queue already. */
  keeps(catchUp: CatchUp): void {
    this.#keepers.add(catchUp);
  }

  get busy(): boolean {
    return this.#queue.length > 0 || this.#readers.size > 0;
  }

  /** One turn's work. */
  run(): void {
    const queue = this.#queue;
    const until = this.#context.clock.now() + TURN_MS;
    let taken = 0;
    while (taken < queue.length && taken < STEPS_PER_TURN) {
      if (taken % STEPS_PER_LOOK === STEPS_PER_LOOK - 1 && this.#context.clock.now() > until) break;
      this.#step(queue[taken] as Subscription);
      taken += 1;
    }
    queue.splice(0, taken);
    for (const reader of this.#readers) reader.next();
    this.#readers.clear();
    if (queue.length === 0) this.#forget();
  }

  /** Nobody is on the way any more who could use what was kept for sharing. */
  #forget(): void {
    this.#batches.clear();
    for (const keeper of this.#keepers) keeper.forget();
    this.#keepers.clear();
  }

  #step(subscription: Subscription): void {
    const { behind, outlet, topic } = subscription;
    if (behind === undefined) return;
    behind.queued = false;
    if (behind.at !== 'ready') return;
    if (this.#context.outlets.isFull(outlet)) {
      topic.catchUp?.release(subscription);
      behind.at = 'held';
    } else if (behind.refusal !== undefined) {
      this.#context.counts.refused(behind.refusal.code);
      this.#context.outlets.give(outlet, behind.refusal);
      this.#context.end(subscription);
    } else if (topic.told === undefined) {
      this.#context.catchUp(topic).park(subscription, behind);
    } else if (behind.request === undefined || this.#answer(subscription, behind, topic.told)) {
      this.#advance(subscription, behind, topic.told);
    }
  }

  /** Delivers `subbed`. False: nothing else may follow now. */
  #answer(subscription: Subscription, behind: Behind, told: Position): boolean {
    const { outlet, topic } = subscription;
    const position = behind.cursor ?? told;
    const replay = position.epoch === told.epoch ? Math.max(0, told.seq - position.seq) : 0;
    const request = behind.request ?? 0;
    if (behind.cursor === undefined) behind.sure = true;
    behind.cursor = position;
    behind.request = undefined;
    this.#context.outlets.give(outlet, {
      kind: 'subbed',
      topic: topic.name,
      request,
      position,
      replay,
    });
    return mayGoOn(subscription, behind);
  }

  #advance(subscription: Subscription, behind: Behind, told: Position): void {
    const { topic } = subscription;
    const { cursor, page } = behind;
    if (cursor === undefined) return;
    if (behind.sure && topic.isAt(cursor)) {
      this.#join(subscription, behind);
    } else if (page !== undefined) {
      this.#fromPage(subscription, behind, page);
    } else if (!topic.isAt(cursor) && topic.recent?.covers(cursor)) {
      this.#fromMemory(subscription, behind, topic.recent);
    } else if (isAhead(cursor, told) && behind.proven === told.epoch) {
      this.#context.catchUp(topic).park(subscription, behind);
    } else {
      this.#context.catchUp(topic).wait(subscription, behind);
    }
  }

  #join(subscription: Subscription, behind: Behind): void {
    const { topic } = subscription;
    topic.catchUp?.release(subscription);
    subscription.behind = undefined;
    topic.add(subscription);
    if (behind.resume === undefined) return;
    this.#context.counts.resumed(behind.resume);
    this.#resumes[behind.broken ? 'broken' : 'complete'] += 1;
  }

  #fromMemory(subscription: Subscription, behind: Behind, recent: Recent): void {
    const batch = this.#recentBatch(subscription.topic.name, recent, behind.cursor as Position);
    const last = batch.entries.at(-1);
    if (last === undefined) throw new Error('recent entries cover a cursor and have none after it');
    behind.cursor = positionOf(last);
    behind.sure = true;
    this.#context.outlets.give(subscription.outlet, batch);
    this.#goOn(subscription, behind);
  }

  #recentBatch(topic: string, recent: Recent, cursor: Position): Batch {
    const key = `${cursor.epoch}:${cursor.seq}-${recent.last}/${topic}`;
    let batch = this.#batches.get(key);
    if (batch === undefined) {
      batch = batchOf(topic, recent.slice(cursor.seq, this.#context.page));
      if (this.#batches.size >= KEPT_BATCHES) this.#batches.clear();
      this.#batches.set(key, batch);
    }
    return batch;
  }

  /**
   * Delivers the steps of a page up to where the topic is; what the log has beyond will be told to
   * the live ones. A gap may lead beyond: the subscription then waits for the topic.
   */
  #fromPage(subscription: Subscription, behind: Behind, shared: SharedPage): void {
    const { topic } = subscription;
    const before = behind.cursor as Position;
    const { steps, cursor } = shared.page;
    let next = shared.start(before) ?? 0;
    while (next < steps.length && !(behind.sure && topic.isAt(behind.cursor))) {
      behind.sure = true;
      const after = this.#pageStep(subscription, behind, { shared, next });
      if (!mayGoOn(subscription, behind)) return;
      if (after === next) break;
      next = after;
    }
    behind.sure = true;
    if (next >= steps.length) behind.cursor = cursor;
    topic.catchUp?.release(subscription);
    if (!samePlace(before, behind.cursor as Position)) this.#goOn(subscription, behind);
    else this.#stuck(subscription, behind);
  }

  /** Delivers one gap or one run of entries; returns the step after it. */
  #pageStep(
    { outlet, topic }: Subscription,
    behind: Behind,
    { shared, next }: { shared: SharedPage; next: number },
  ): number {
    const gap = shared.gap(next);
    if (gap !== undefined) {
      behind.cursor = gap.gap.position;
      behind.broken = true;
      this.#context.counts.gap(gap.gap.reason, 1);
      this.#context.outlets.give(outlet, gap);
      return next + 1;
    }
    const end = shared.runEnd(next, topic.told as Position);
    if (end === next) return next;
    const { batch, last } = shared.batch(next, end);
    behind.cursor = last;
    this.#context.outlets.give(outlet, batch);
    return end;
  }

  #goOn(subscription: Subscription, behind: Behind): void {
    if (!mayGoOn(subscription, behind)) return;
    const { topic } = subscription;
    const cursor = behind.cursor as Position;
    if (topic.isAt(cursor)) this.#join(subscription, behind);
    else if (topic.recent?.covers(cursor)) this.ready(subscription);
    // Waiting costs no step, and must begin before the last one lets go of the page.
    else this.#advance(subscription, behind, topic.told as Position);
  }

  /** The log has nothing more up to where the topic is: it is the topic that has to move. */
  #stuck(subscription: Subscription, behind: Behind): void {
    const { topic } = subscription;
    const { told } = topic;
    if (topic.isAt(behind.cursor)) {
      this.#join(subscription, behind);
      return;
    }
    if (told !== undefined && isAhead(behind.cursor as Position, told)) behind.proven = told.epoch;
    this.#context.catchUp(topic).park(subscription, behind);
  }
}

/** What a delivery may have changed: the outlet is full, has unsubscribed or is gone. */
function mayGoOn(subscription: Subscription, behind: Behind): boolean {
  return subscription.behind === behind && behind.at === 'ready';
}

function isAhead(cursor: Position, told: Position): boolean {
  return cursor.epoch === told.epoch && cursor.seq > told.seq;
}
