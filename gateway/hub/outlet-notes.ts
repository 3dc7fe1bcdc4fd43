import type { Outlet } from './hub.ts';
import { Subscription } from './topic.ts';

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
