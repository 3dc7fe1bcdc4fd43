import type { HubCounts } from './counts.ts';
import type { Delivery, Outlet } from './hub.ts';
import {
  isEmpty,
  type Notes,
  notesOf,
  SubscriptionTable,
  subscriptionsOf,
} from './outlet-notes.ts';
import { behindAt, Subscription, type Topic } from './topic.ts';

/**
 * All outlets that have subscriptions: who has room, who is to be flushed, who knows that the
 * stream is stale. Every delivery of the hub goes through `fan` or `give`.
 */
export class Outlets {
  readonly #counts: HubCounts;
  readonly #all = new Set<Outlet>();
  /** Those that refused more and were not drained since. */
  readonly #full = new Set<Outlet>();
  /** Those that were told that the stream is stale, and not yet that it no longer is. */
  readonly #worried = new Set<Outlet>();
  #touched: Outlet[] = [];
  /** Numbers the turns, so that an outlet is noted for a flush once in each. */
  #turn = 1;

  constructor(counts: HubCounts) {
    this.#counts = counts;
  }

  get size(): number {
    return this.#all.size;
  }

  /** All that have subscriptions. */
  all(): Outlet[] {
    return [...this.#all];
  }

  get full(): number {
    return this.#full.size;
  }

  join(outlet: Outlet): void {
    this.#all.add(outlet);
  }

  /** The outlet has no subscription left, but is still there. */
  rest(outlet: Outlet): void {
    this.#all.delete(outlet);
  }

  forget(outlet: Outlet): void {
    this.#all.delete(outlet);
    this.#full.delete(outlet);
    this.#worried.delete(outlet);
    outlet.subscriptions = undefined;
  }

  isFull(outlet: Outlet): boolean {
    return this.#full.has(outlet);
  }

  /** Whether the outlet had been full. */
  drain(outlet: Outlet): boolean {
    return this.#full.delete(outlet);
  }

  /** Gives one outlet a delivery. False: it is full now, and its subscriptions are held. */
  give(outlet: Outlet, delivery: Delivery): boolean {
    const notes = notesOf(outlet) ?? new SubscriptionTable(0);
    outlet.subscriptions = notes;
    if (notes.turn !== this.#turn) {
      notes.turn = this.#turn;
      this.#touched.push(outlet);
    }
    if (outlet.deliver(delivery)) return true;
    this.#hold(outlet);
    return false;
  }

  /** Gives all live subscribers of a topic the same delivery. Returns how many there were. */
  fan(topic: Topic, delivery: Delivery): number {
    const { live } = topic;
    if (live === undefined) return 0;
    if (live instanceof Subscription) {
      this.give(live.outlet, delivery);
      return 1;
    }
    topic.beginFan();
    try {
      return this.#fanOut(live, delivery);
    } finally {
      topic.endFan();
    }
  }

  /** The hub's hot loop: whoever becomes live meanwhile is past `count` and not yet meant. */
  #fanOut(live: readonly (Subscription | undefined)[], delivery: Delivery): number {
    const turn = this.#turn;
    const touched = this.#touched;
    const count = live.length;
    let given = 0;
    for (let place = 0; place < count; place += 1) {
      const subscription = live[place];
      if (subscription === undefined) continue;
      const { outlet } = subscription;
      const notes = outlet.subscriptions as Notes;
      if (notes.turn !== turn) {
        notes.turn = turn;
        touched.push(outlet);
      }
      given += 1;
      if (!outlet.deliver(delivery)) this.#hold(outlet);
    }
    return given;
  }

  /** Brings every outlet that has room to know whether the stream is stale. */
  tell(stale: boolean): void {
    for (const outlet of stale ? this.#all : this.#worried) {
      if (this.#full.has(outlet) || this.#worried.has(outlet) === stale) continue;
      if (stale) this.#worried.add(outlet);
      else this.#worried.delete(outlet);
      this.give(outlet, { kind: 'stale', stale });
    }
  }

  /** Lets every outlet that got something since the last flush write. */
  flush(): void {
    const touched = this.#touched;
    if (touched.length === 0) return;
    this.#touched = [];
    this.#turn += 1;
    for (const outlet of touched) {
      const notes = notesOf(outlet);
      // Without notes it left meanwhile.
      if (notes === undefined) continue;
      if (isEmpty(notes)) outlet.subscriptions = undefined;
      outlet.flush();
    }
  }

  #hold(outlet: Outlet): void {
    if (notesOf(outlet) === undefined || this.#full.has(outlet)) return;
    this.#full.add(outlet);
    this.#counts.slow();
    for (const subscription of subscriptionsOf(outlet)) {
      const { topic, behind } = subscription;
      if (behind === undefined) {
        topic.remove(subscription);
        subscription.behind = behindAt(topic.told);
      } else {
        topic.catchUp?.release(subscription);
        behind.at = 'held';
        behind.sure = (behind.cursor?.seq ?? 0) > 0;
      }
    }
  }
}
