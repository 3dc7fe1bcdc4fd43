/** What the page and the server of the page say to each other. */

/**
 * - `frozen`: the gateway processes nothing, its connections stay open.
 * - `draining`: it owns nothing any more, and asks its clients to go.
 * - `left`: it was empty, and ended.
 * - `killed`: it ended without a word to anybody.
 */
export type Condition = 'starting' | 'running' | 'frozen' | 'draining' | 'left' | 'killed';

export interface GatewayView {
  /** 1 … 9; the gateway listens on the page's port + id. */
  readonly id: number;
  readonly name: string;
  readonly port: number;
  readonly condition: Condition;
  /** WebSocket connections now, those of other programs included. */
  readonly connections: number;
}

/** Which ring is in force; of two that differ the page asks for the document anew. */
export interface RingStamp {
  readonly generation: number;
  readonly counter: number;
  /** SHA-256 of the document. */
  readonly digest: string;
}

export interface FleetView {
  /** Differs each time the process was started. */
  readonly run: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly store: 'memory' | 'redis';
  readonly gateways: readonly GatewayView[];
  /** The newest that any gateway has which answers; undefined: none answers, or none has one. */
  readonly ring: RingStamp | undefined;
  /** Whether another gateway may be started. */
  readonly mayStart: boolean;
}

export const actions = ['kill', 'freeze', 'thaw', 'drain', 'revive'] as const;

/** What can be done to a gateway. `revive`: start one that ended again, on its port. */
export type Action = (typeof actions)[number];

/** Paths of the control API. Every request that changes something answers with a `FleetView`. */
export const paths = {
  /** GET: a `FleetView`. */
  fleet: '/api/fleet',
  /** GET: server-sent events, each a `FleetView`: at once, after changes, and twice a second. */
  events: '/api/events',
  /** GET: the document of the ring in force, as `decodeRing` takes it; 404: see `FleetView`. */
  ring: '/api/ring',
  /** POST: starts another gateway; POST to `…/<id>/<action>` does something to one. */
  gateways: '/api/gateways',
} as const;

/** In the URL of a WebSocket: the key by which the connection is placed. */
export const KEY_PARAMETER = 'key';

/** The most gateways of one process. */
export const GATEWAYS_MAX = 9;
