import type { WsCluster } from '../api/wscluster.ts';
import type { Unsynced } from '../gateways/ring-push.ts';
import type { Condition, ConditionType } from './condition.ts';
import type { GatewayView } from './gateways.ts';
import type { Plan } from './plan.ts';
import type { Problem } from './problems.ts';
import type { Scaling } from './scaling.ts';
import type { Stop } from './stop.ts';

/** What holds, before it is known since when. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** What is, as far as conditions follow from it. */
export interface Situation {
  readonly cluster: WsCluster;
  readonly plan: Plan;
  /** Of each revision: gateways that are to serve in the end, as far as it may go now. */
  readonly targets: ReadonlyMap<string, number>;
  /** Why a rollout goes no further. */
  readonly stop: Stop | undefined;
  readonly gateways: readonly GatewayView[];
  readonly problems: readonly Problem[];
  /** Undefined while there is none. */
  readonly ring: { readonly version: string; readonly unsynced: readonly Unsynced[] } | undefined;
  /** Default: no autoscaler, and no metrics for one. */
  readonly scaling?: Scaling;
  /** Of this operator. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

export const finding = (
  type: ConditionType,
  status: Condition['status'],
  [reason, message]: readonly [reason: string, message: string],
): Finding => ({ type, status, reason, message });
