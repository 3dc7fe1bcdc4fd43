import type { Position } from '../../protocol/position.ts';
import type { ResumeSource } from './counts.ts';
import type { Outlet, RefusedDelivery } from './hub.ts';
import type { SharedPage } from './shared-page.ts';
import type { Topic } from './topic.ts';

/**
 * One outlet on one topic. It is *live* (`place ≥ 0`: its position is the topic's, and nothing
 * here changes per message), *behind* (it has a cursor of its own), or over (neither).
 */
export class Subscription {
  readonly outlet: Outlet;
  readonly topic: Topic;
  /** Index among the topic's live subscriptions; −1: not live. */
  place = -1;
  /** See `Notes`. */
  turn = 0;
  behind: Behind | undefined;

  constructor(outlet: Outlet, topic: Topic) {
    this.outlet = outlet;
    this.topic = topic;
  }
}

/** What a subscription needs only until it is live. */
export interface Behind {
  /** Everything up to here was delivered. Absent: wants to start at the head, not yet known. */
  cursor: Position | undefined;
  /** The request that `subbed` has still to answer; undefined once it has. */
  request: number | undefined;
  /**
   * `ready`: the pump will take a step. `waiting`: for a page. `parked`: for the topic to move on.
   * `held`: for its outlet to have room.
   */
  at: 'ready' | 'waiting' | 'parked' | 'held';
  /** In the pump's queue, whatever `at` says meanwhile. */
  queued: boolean;
  /** A page that was read for it and is still to be delivered. */
  page: SharedPage | undefined;
  /** Counted when it becomes live; undefined: not a resume. */
  resume: ResumeSource | undefined;
  /**
   * The log, or this pod's own head, says that the cursor is what it seems. Where it begins with
   * number 0 that must be asked: a topic that was born, published to and forgotten meanwhile is
   * back at number 0 of the same epoch, and its messages were missed.
   */
  sure: boolean;
  /** The epoch in which the log confirmed a cursor that is ahead of what this pod has heard. */
  proven: string | undefined;
  /** To be delivered as soon as the outlet has room; then it is over. */
  refusal: RefusedDelivery | undefined;
}

export function behindAt(cursor: Position | undefined, request?: number): Behind {
  return {
    cursor,
    request,
    at: 'held',
    queued: false,
    page: undefined,
    resume: request === undefined || cursor === undefined ? undefined : 'memory',
    sure: cursor !== undefined && cursor.seq > 0,
    proven: undefined,
    refusal: undefined,
  };
}

/**
 * What the hub keeps on an outlet: its only subscription itself, or a table of several. Either
 * carries the number of the last turn in which the outlet was noted for a flush.
 */
export type Notes = Subscription | SubscriptionTable;

export class SubscriptionTable {
  turn: number;
  readonly byTopic = new Map<string, Subscription>();

  constructor(turn: number) {
    this.turn = turn;
  }
}

/** Whether the outlet has no subscription left; its table stays for the flush alone. */
export function isEmpty(notes: Notes): boolean {
  return notes instanceof SubscriptionTable && notes.byTopic.size === 0;
}

export function notesOf(outlet: Outlet): Notes | undefined {
  return outlet.subscriptions as Notes | undefined;
}

export function findSubscription(outlet: Outlet, topic: string): Subscription | undefined {
  const notes = notesOf(outlet);
  if (notes instanceof SubscriptionTable) return notes.byTopic.get(topic);
  return notes?.topic.name === topic ? notes : undefined;
}

export function subscriptionsOf(outlet: Outlet): Iterable<Subscription> {
  const notes = notesOf(outlet);
  if (notes === undefined) return [];
  return notes instanceof SubscriptionTable ? notes.byTopic.values() : [notes];
}

/** Notes a subscription on its outlet; it takes the place of an older one to the same topic. */
export function attach(subscription: Subscription): void {
  const { outlet, topic } = subscription;
  const notes = notesOf(outlet);
  subscription.turn = notes?.turn ?? 0;
  if (notes instanceof SubscriptionTable && notes.byTopic.size > 0) {
    notes.byTopic.set(topic.name, subscription);
  } else if (notes instanceof Subscription && notes.topic.name !== topic.name) {
    const table = new SubscriptionTable(notes.turn);
    table.byTopic.set(notes.topic.name, notes);
    table.byTopic.set(topic.name, subscription);
    outlet.subscriptions = table;
  } else {
    outlet.subscriptions = subscription;
  }
}

/** Forgets a subscription; an empty table stays until the flush that the outlet was noted for. */
export function detach(subscription: Subscription): void {
  const { outlet, topic } = subscription;
  const notes = notesOf(outlet);
  if (notes === subscription) {
    outlet.subscriptions = new SubscriptionTable(subscription.turn);
  } else if (notes instanceof SubscriptionTable && notes.byTopic.get(topic.name) === subscription) {
    notes.byTopic.delete(topic.name);
    const [last, another] = notes.byTopic.values();
    if (last !== undefined && another === undefined) {
      last.turn = notes.turn;
      outlet.subscriptions = last;
    }
  }
}
