import type { Timer } from '../../protocol/clock.ts';
import type { Gap } from '../../protocol/events.ts';
import type { Position } from '../../protocol/position.ts';
import type { Entry } from '../stream/stream.ts';
import type { ResumeSource } from './counts.ts';
import { samePlace } from './deliveries.ts';
import type { Outlet, RefusedDelivery } from './hub.ts';
import type { Recent } from './recent.ts';
import type { SharedPage } from './shared-page.ts';

/** The newest Redis second that the stream confirmed for all topics, and how many came before. */
export interface Confirmation {
  second: number;
  serial: number;
}

/** What the stream said of a topic and was not yet handed out. */
export type Pending =
  | { readonly kind: 'entries'; readonly entries: Entry[] }
  | { readonly kind: 'gap'; readonly gap: Gap }
  | { readonly kind: 'epoch'; readonly head: Position };

/** The reads of a topic's log for its subscriptions that are behind; `CatchUp` does them. */
export interface LogReads {
  /** The subscription is served a page, with all who wait for the same. */
  wait(subscription: Subscription, behind: Behind): void;
  /** The subscription goes on when the topic does. */
  park(subscription: Subscription, behind: Behind): void;
  /** The subscription is over, was held, or was given its page. */
  release(subscription: Subscription): void;
  /** The topic moved on, or was opened. */
  moved(): void;
  /** The topic is no longer followed. */
  stop(): void;
}

/** One followed topic: where it is, who is live on it, and what was handed out lately. */
export class Topic {
  readonly name: string;
  /** Subscriptions of any kind. */
  count = 0;
  /** Those that are live. One needs no array; undefined slots only while a fan-out runs. */
  live: Subscription | (Subscription | undefined)[] | undefined;
  pending: Pending[] | undefined;
  recent: Recent | undefined;
  /** Exists once a subscription was behind. */
  catchUp: LogReads | undefined;
  /** Ends the wait for `opened`, or the lingering after the last subscriber. */
  timer: Timer | undefined;
  /** No longer followed; what is still under way for it is to be ignored. */
  dropped = false;
  readonly #confirmation: Confirmation;
  #told: Position | undefined;
  /** The confirmation that was the newest when `#told` was set. */
  #serial = 0;
  #changed = 0;
  #fans = 0;
  #holes = 0;

  constructor(name: string, confirmation: Confirmation) {
    this.name = name;
    this.#confirmation = confirmation;
  }

  /**
   * Where every live subscription is: what was handed out, which may be less than what the stream
   * said. Undefined until the topic is opened. Carries the newest confirmation.
   */
  get told(): Position | undefined {
    const told = this.#told;
    if (told === undefined || this.#serial === this.#confirmation.serial) return told;
    this.#serial = this.#confirmation.serial;
    this.#told = { ...told, confirmed: this.#confirmation.second };
    return this.#told;
  }

  set told(position: Position | undefined) {
    this.#told = position;
    this.#serial = this.#confirmation.serial;
    this.#changed = position?.confirmed ?? 0;
  }

  /** `confirmed` of the last position that live subscribers got with a message or gap. */
  get changed(): number {
    return this.#changed;
  }

  isAt(cursor: Position | undefined): boolean {
    return cursor !== undefined && this.#told !== undefined && samePlace(cursor, this.#told);
  }

  /** Those whose subscriptions are live. */
  liveOutlets(): Outlet[] {
    const { live = [] } = this;
    if (live instanceof Subscription) return [live.outlet];
    return live.flatMap((subscription) =>
      subscription === undefined ? [] : [subscription.outlet],
    );
  }

  /** Makes a subscription live; it gets whatever is handed out from the next fan-out on. */
  add(subscription: Subscription): void {
    const { live } = this;
    if (live === undefined) {
      subscription.place = 0;
      this.live = subscription;
    } else if (live instanceof Subscription) {
      subscription.place = 1;
      this.live = [live, subscription];
    } else {
      subscription.place = live.push(subscription) - 1;
    }
  }

  /** Ends being live. Safe while a fan-out runs: the place stays empty until that is over. */
  remove(subscription: Subscription): void {
    const { live } = this;
    const { place } = subscription;
    subscription.place = -1;
    if (!Array.isArray(live)) {
      this.live = undefined;
    } else if (this.#fans > 0) {
      live[place] = undefined;
      this.#holes += 1;
    } else {
      const last = live.pop();
      if (last !== undefined && last !== subscription) {
        live[place] = last;
        last.place = place;
      }
      this.#settle(live);
    }
  }

  /** Brackets an iteration over `live`. */
  beginFan(): void {
    this.#fans += 1;
  }

  endFan(): void {
    this.#fans -= 1;
    if (this.#fans > 0 || this.#holes === 0 || !Array.isArray(this.live)) return;
    this.#holes = 0;
    let end = 0;
    for (const subscription of this.live) {
      if (subscription === undefined) continue;
      subscription.place = end;
      this.live[end] = subscription;
      end += 1;
    }
    this.live.length = end;
    this.#settle(this.live);
  }

  #settle(live: (Subscription | undefined)[]): void {
    if (live.length > 1) return;
    [this.live] = live;
  }
}

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
  /** It was told a gap on the way. */
  broken: boolean;
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
    broken: false,
    sure: cursor !== undefined && cursor.seq > 0,
    proven: undefined,
    refusal: undefined,
  };
}
