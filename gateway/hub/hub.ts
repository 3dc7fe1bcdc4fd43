import type { ErrorName } from '../../protocol/codes.ts';
import type { Gap } from '../../protocol/events.ts';
import type { Position } from '../../protocol/position.ts';
import type { Entry } from '../stream/stream.ts';

/**
 * Who listens to which topic. The hub joins what a subscriber missed to what is live, without
 * hole or double, and hands everything to outlets; it knows nothing of sockets or codecs.
 */
export interface Hub {
  /**
   * Answers through `outlet.deliver`, never before this returns: one `subbed` first, then entries
   * and gaps, in order; or `refused`. Subscribing to a topic again starts afresh from `from`: what
   * the older subscription had not been given yet is not given, its `subbed` neither, and `subbed`
   * comes again.
   */
  subscribe(outlet: Outlet, topic: string, start: Start): void;
  /**
   * Nothing of the topic is delivered after this returns. Returns the request whose `subbed` or
   * `refused` had not been delivered and will not be, 0 when it had been; undefined: there was no
   * subscription.
   */
  unsubscribe(outlet: Outlet, topic: string): number | undefined;
  /** All subscriptions of an outlet that is gone. */
  leave(outlet: Outlet): void;
  /** Where the outlet is in each topic: everything up to there was delivered to it. */
  positions(outlet: Outlet): Map<string, Position>;
  /**
   * Positions of the live topics of which the outlet got nothing newer than the Redis second
   * `olderThan`, and which were confirmed since: worth a tick, so that its cursor does not age.
   */
  confirmed(outlet: Outlet, olderThan: number): Map<string, Position>;
  /** Who is subscribed to a topic, or about to be, in no order. */
  subscribers(topic: string): readonly Outlet[];
  /** The outlet has room again: what it missed while it had none is read from the log. */
  drained(outlet: Outlet): void;
  /** Delivers what is pending now instead of at the end of the turn. */
  flush(): void;
}

/** How a subscription begins. */
export interface Start {
  /** Everything up to here was seen. Undefined: from now on. */
  readonly from: Position | undefined;
  /** The number that its `subbed` carries. */
  readonly request: number;
}

/** One subscriber, usually a connection. Its methods may call the hub; they never throw. */
export interface Outlet {
  /** The hub's own notes about this outlet; nobody else touches it. */
  subscriptions: unknown;
  /**
   * Takes a delivery, always. Returns false when the outlet has no room for more: the hub then
   * delivers nothing to it until `hub.drained(outlet)`, and continues from the log.
   */
  deliver(delivery: Delivery): boolean;
  /** The hub has handed out everything of this turn; the outlet may write. Called only for
   * outlets that got a delivery since the last time. */
  flush(): void;
}

export type Delivery = Batch | SubbedDelivery | GapDelivery | RefusedDelivery | StaleDelivery;

/**
 * Entries of one topic, contiguous. One object is given to every subscriber that gets the same
 * entries, so that an outlet can keep the encoded frame on it.
 */
export interface Batch {
  readonly kind: 'entries';
  readonly topic: string;
  readonly entries: readonly Entry[];
  /** One slot per codec, owned by the outlets: the frames of all entries, ready to write. */
  readonly frames: (Uint8Array | undefined)[];
}

export interface SubbedDelivery {
  readonly kind: 'subbed';
  readonly topic: string;
  readonly request: number;
  readonly position: Position;
  readonly replay: number;
}

export interface GapDelivery {
  readonly kind: 'gap';
  readonly topic: string;
  readonly gap: Gap;
}

/** The subscription could not be made, or ended; the hub has forgotten it. */
export interface RefusedDelivery {
  readonly kind: 'refused';
  readonly topic: string;
  /** 0: `subbed` had been delivered; the subscription ended later. */
  readonly request: number;
  readonly code: ErrorName;
  readonly message: string;
}

export interface StaleDelivery {
  readonly kind: 'stale';
  readonly stale: boolean;
}
