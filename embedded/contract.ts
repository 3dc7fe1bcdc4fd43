/** What the page and the server of the page say to each other. */

/**
 * `frozen`: the gateway processes nothing, its connections stay open. `killed`: it ended without
 * a word to anybody.
 */
export type Condition = 'starting' | 'running' | 'frozen' | 'killed';

export interface GatewayView {
  /** 1 … 9; the gateway listens on the page's port + id. */
  readonly id: number;
  readonly name: string;
  readonly port: number;
  readonly condition: Condition;
  /** WebSocket connections now, those of other programs included. */
  readonly connections: number;
}

export interface FleetView {
  /** Differs each time the process was started. */
  readonly run: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly store: 'memory' | 'redis';
  readonly gateways: readonly GatewayView[];
  /** Whether another gateway may be started. */
  readonly mayStart: boolean;
}

export const actions = ['kill', 'freeze', 'thaw', 'revive'] as const;

/** What can be done to a gateway. `revive`: start a killed one again on its port. */
export type Action = (typeof actions)[number];

/** Paths of the control API. Every request that changes something answers with a `FleetView`. */
export const paths = {
  /** GET: a `FleetView`. */
  fleet: '/api/fleet',
  /** GET: server-sent events, each a `FleetView`: at once, after changes, and twice a second. */
  events: '/api/events',
  /** POST: starts another gateway; POST to `…/<id>/<action>` does something to one. */
  gateways: '/api/gateways',
} as const;

/** The most gateways of one process. */
export const GATEWAYS_MAX = 9;
