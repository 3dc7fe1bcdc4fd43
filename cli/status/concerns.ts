import type { WsCluster } from '../../operator/api/wscluster.ts';
import {
  type Condition,
  type ConditionType,
  conditionIn,
} from '../../operator/reconcile/condition.ts';

/** What somebody should look at. */
export interface Concern {
  readonly title: string;
  readonly reason: string;
  readonly message: string;
  /** Since when, as the condition says it. */
  readonly since: string | undefined;
}

/** The status in which a condition is one; those that are not here never are. */
const WRONG: readonly (readonly [ConditionType, Condition['status']])[] = [
  ['Degraded', 'True'],
  ['Available', 'False'],
  ['Ready', 'False'],
  ['Progressing', 'False'],
  ['RingSynced', 'False'],
  ['ScalingActive', 'False'],
  ['DrainTooSlow', 'True'],
  ['MetricsAvailable', 'False'],
  ['RedisSuitable', 'False'],
  ['CapacitySuitable', 'False'],
  ['RingBalanced', 'False'],
  ['VersionSkew', 'True'],
];

/** Of a condition that does not hold because nobody asked for it. */
const FINE = new Set(['NotWanted']);

/** What the conditions say that needs attention; what several of them say, once. */
export function concerns({ metadata, status }: WsCluster): Concern[] {
  const told: Concern[] = [];
  for (const [type, wrong] of WRONG) {
    const found = conditionIn(status, type);
    if (found?.status !== wrong || FINE.has(found.reason)) continue;
    const { reason, message, lastTransitionTime: since } = found;
    if (told.some((one) => one.reason === reason)) continue;
    told.push({ title: type, reason, message, since });
  }
  const unseen = notLookedAt(metadata.generation, status?.observedGeneration);
  return unseen === undefined ? told : [unseen, ...told];
}

function notLookedAt(generation: number, observed = 0): Concern | undefined {
  if (observed >= generation) return undefined;
  const what = observed === 0 ? 'it' : 'its newest change';
  return {
    title: 'Not looked at',
    reason: 'NotObserved',
    message: `no operator has looked at ${what} yet: does one run, and watch this namespace?`,
    since: undefined,
  };
}
