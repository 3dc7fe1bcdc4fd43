import type { WsClusterSpec } from '../api/wscluster.ts';
import type { Deployment } from './copies.ts';
import type { GatewayView } from './gateways.ts';
import type { Plan } from './plan.ts';

/** What there is, as far as it decides who comes and who goes. */
export interface FleetInput {
  readonly plan: Plan;
  readonly spec: Pick<WsClusterSpec, 'rollout' | 'disruption'>;
  readonly gateways: readonly GatewayView[];
  readonly deployments: readonly Deployment[];
  /** Why the rollout goes no further: somebody wants it to wait, or new gateways work badly. */
  readonly stopped: 'paused' | 'failing' | undefined;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

/** The gateways of one revision. */
export interface Group {
  readonly revision: string;
  readonly isNewest: boolean;
  readonly target: number;
  /** They serve, or will. */
  readonly live: readonly GatewayView[];
  /** To be emptied, and not being deleted yet. */
  readonly marked: readonly GatewayView[];
  /** Live ones, and those that its Deployment is still to make. */
  readonly heads: number;
}
