import type { MoveReason } from '../../protocol/code-table.ts';
import type { ErrorName } from '../../protocol/codes.ts';
import type { ConnectionState } from './connection-state.ts';
import type { Health } from './health.ts';
import type { BadMove } from './move-tokens.ts';
import type { HopCounts } from './proxy/hop-door.ts';
import type { TunnelCounts } from './proxy/tunnels.ts';

/** What the edge counts. Labels are bounded sets of names. */
export interface EdgeCounts extends HopCounts, TunnelCounts {
  /** An upgrade was answered over HTTP. */
  refused(why: Refused): void;
  /** A connection changed its state; `from` is absent for a new one. */
  state(from: ConnectionState | undefined, to: ConnectionState): void;
  /** A connection changed its health; `to` is absent when it closed. */
  health(from: Health | undefined, to: Health | undefined): void;
  /** A connection is gone: the code that we gave, or else the one that the peer gave. */
  closed(code: number): void;
  received(command: string): void;
  /** A request was answered with `err`, or one topic of a `sub` with an error. */
  failed(code: ErrorName): void;
  /** The peer broke the rules of WebSocket; closed with this code. */
  violation(code: number): void;
  /** A client was over a rate: nothing is read from it until it is within. */
  limited(by: 'connection' | 'identity'): void;
  /** A connection became slow, read everything, or read nothing for too long. */
  slow(what: 'began' | 'ended' | 'closed'): void;
  roundTrip(ms: number): void;
  published(outcome: 'ok' | 'failed' | 'unknown'): void;
  /**
   * Cursors of a session were written; or the write failed and is tried again; or they are given
   * up, because the session has more of them than it may.
   */
  cursors(what: 'saved' | 'failed' | 'dropped', count: number): void;
  /** Sessions were given up, because their identity has more of them than it may. */
  sessionsForgotten(count: number): void;
  /** A connection was asked to leave: within the budget, over it, or it was cut at the end. */
  moved(how: Moved): void;
  /** A client was asked to go on elsewhere without a break. */
  asked(reason: MoveReason): void;
  /** A client that was asked ended its connection here, in time or later. */
  departed(when: 'in_time' | 'late'): void;
  /** A client showed the token of a move. */
  moveToken(outcome: MoveTokenOutcome): void;
}

export type MoveTokenOutcome = 'ok' | BadMove;

export type Refused = 'path' | 'host' | 'origin' | 'handshake' | 'full' | 'leaving' | 'hop';
export type Moved = 'paced' | 'hurried' | 'forced';

const nothing = () => {};

/** Counts nothing. */
export const silentEdgeCounts: EdgeCounts = {
  refused: nothing,
  state: nothing,
  health: nothing,
  closed: nothing,
  received: nothing,
  failed: nothing,
  violation: nothing,
  limited: nothing,
  slow: nothing,
  roundTrip: nothing,
  published: nothing,
  cursors: nothing,
  sessionsForgotten: nothing,
  moved: nothing,
  asked: nothing,
  departed: nothing,
  moveToken: nothing,
  hop: nothing,
  proxied: nothing,
  tunnelCut: nothing,
};
