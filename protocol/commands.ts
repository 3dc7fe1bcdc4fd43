import type { Payload } from './payload.ts';
import type { Position } from './position.ts';

/**
 * What a client says, apart from how it is written. A decoder returns these and nothing else;
 * every field is already checked against `limits.ts`.
 *
 * `id` numbers a request (1 … 2^53−1, chosen by the client); the answer carries the same number.
 * `Data` is what stands for the application's data: bytes in a gateway, a value in the client.
 */
export type Command<Data = Payload> = Hello | Sub | Unsub | Pub<Data> | Ack | Auth | Ping;

export interface Hello {
  readonly type: 'hello';
  readonly id?: number;
  /** A JWT. Not needed where the upgrade carried one. */
  readonly token?: string;
  /** Name of a session whose cursors the server keeps, 1–64 of `[0-9A-Za-z_-]`. */
  readonly session?: string;
  /**
   * What the client can do; unknown names are ignored. `ack`: the cursors of its session move by
   * its acks alone.
   */
  readonly features?: readonly string[];
  /** The token of the `move` that brought the client here. */
  readonly move?: string;
  /** Name and version of the client, for logs. */
  readonly client?: string;
}

export interface Sub {
  readonly type: 'sub';
  readonly id: number;
  readonly topics: readonly TopicRequest[];
}

/** With a position: continue after it. Without: from now on, or from the session's cursor. */
export interface TopicRequest {
  readonly topic: string;
  readonly position?: Position;
}

export interface Unsub {
  readonly type: 'unsub';
  readonly id: number;
  readonly topics: readonly string[];
}

export interface Pub<Data = Payload> {
  readonly type: 'pub';
  readonly id: number;
  readonly topic: string;
  readonly data: Data;
  /** Idempotency: the same (producer, seq) is written at most once per topic and identity. */
  readonly producer?: ProducerSeq;
  /**
   * It was sent before, and the answer was lost. Where it was not written, and a message with a
   * higher number of this producer was, it is refused with `out_of_order`. Default: false.
   */
  readonly retry?: boolean;
  /** When the publish counts as done. Default: `leader`. */
  readonly ack?: AckLevel;
}

export interface ProducerSeq {
  /** Chosen by the client, 1–64 of `[0-9A-Za-z_-]`; one per process or page. */
  readonly id: string;
  /** Grows with each message of the producer, from 1. */
  readonly seq: number;
}

/** `leader`: the master wrote it. `replicas`: so did every configured replica. */
export type AckLevel = 'leader' | 'replicas';

/** Cumulative: everything up to the position was processed. Moves a server-kept cursor. */
export interface Ack {
  readonly type: 'ack';
  readonly positions: readonly TopicPosition[];
}

export interface TopicPosition {
  readonly topic: string;
  readonly position: Position;
}

export interface Auth {
  readonly type: 'auth';
  readonly id: number;
  readonly token: string;
}

export interface Ping {
  readonly type: 'ping';
  /** Any number of the client's, given back in `pong`. */
  readonly at: number;
}
