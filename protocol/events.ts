import type { ErrorName, GapReason, MoveReason } from './code-table.ts';
import type { TopicPosition } from './commands.ts';
import type { Payload } from './payload.ts';
import type { Position } from './position.ts';

/** What the server says, apart from how it is written. `at` is always milliseconds since 1970. */
export type ServerEvent<Data = Payload> =
  | Welcome
  | Subbed
  | Msg<Data>
  | Acked
  | Err
  | GapEvent
  | Stale
  | Tick
  | Move
  | Pong;

export interface Welcome {
  readonly type: 'welcome';
  readonly id?: number;
  readonly session: string;
  /** Who the server takes the client for; absent when anonymous. */
  readonly identity?: string;
  /** Something is heard from the server at least this often, in milliseconds. */
  readonly heartbeat: number;
  readonly limits: { readonly frameBytes: number; readonly topics: number };
  readonly features: readonly string[];
  readonly pod: string;
}

/** Answers `sub`; one or more per request, together naming each topic once. */
export interface Subbed {
  readonly type: 'subbed';
  readonly id: number;
  readonly topics: readonly SubbedTopic[];
}

export type SubbedTopic =
  /** Messages and gaps after `position` follow; `replay` of them are known to be waiting. */
  | { readonly topic: string; readonly position: Position; readonly replay: number }
  | { readonly topic: string; readonly error: ErrorName; readonly message: string };

export interface Msg<Data = Payload> {
  readonly type: 'msg';
  readonly topic: string;
  readonly position: Position;
  readonly data: Data;
  /** The publisher's `producer:seq`, when it gave one. */
  readonly id?: string;
  readonly at: number;
}

export interface Acked {
  readonly type: 'acked';
  readonly id: number;
  /** Of a publish: where the message is. */
  readonly position?: Position;
  /** Of a publish: this (producer, seq) had been written before; `position` is that one's. */
  readonly duplicate?: true;
}

export interface Err {
  readonly type: 'err';
  /** The request that it answers; absent when a frame could not be attributed. */
  readonly id?: number;
  /** Without `id`: the subscription to this topic, which had been answered, has ended. */
  readonly topic?: string;
  readonly code: ErrorName;
  readonly message: string;
  readonly at: number;
  /** Finds the matching line in the gateway's log. */
  readonly request: string;
}

/**
 * Messages `from` … `to` (inclusive; of the epoch in which the subscriber was) were missed, or
 * may have been. What follows continues after `position`. `from` and `to` are absent when the
 * range cannot be known (`epoch_unknown`, `expired`).
 */
export interface Gap {
  readonly reason: GapReason;
  readonly from?: number;
  readonly to?: number;
  readonly position: Position;
}

export interface GapEvent extends Gap {
  readonly type: 'gap';
  readonly topic: string;
}

/** The gateway cannot reach Redis (`stale: true`), or can again (`stale: false`). */
export interface Stale {
  readonly type: 'stale';
  readonly stale: boolean;
  readonly at: number;
}

/** Nothing else was sent for one heartbeat, or positions got old. */
export interface Tick {
  readonly type: 'tick';
  readonly at: number;
  readonly positions: readonly TopicPosition[];
}

/**
 * Asks a client that announced `move` to go on at another gateway: connect there, resume, then
 * leave here. Until then, and if the other one cannot be reached, this connection is served.
 */
export interface Move {
  readonly type: 'move';
  /** Where to; absent: any of the addresses that the client knows. */
  readonly to?: string;
  /** Milliseconds that it may take. After that the gateway may close. */
  readonly within: number;
  readonly reason: MoveReason;
  /** To be given back in the `hello` of the new connection. */
  readonly token: string;
}

export interface Pong {
  readonly type: 'pong';
  readonly at: number;
}
