import type { conditionTypes } from '../api/status.ts';
import type { WsCluster, WsClusterStatus } from '../api/wscluster.ts';
import type { Unsynced } from '../gateways/ring-push.ts';
import { type GatewayView, statusOf, timeOf } from './gateways.ts';
import type { Plan } from './plan.ts';
import { type Problem, weaknessesOf } from './problems.ts';
import { metricsAvailable, type Scaling, scalingActive } from './scaling.ts';

export type ConditionType = keyof typeof conditionTypes;
export type Condition = NonNullable<WsClusterStatus['conditions']>[number];

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
  readonly gateways: readonly GatewayView[];
  readonly problems: readonly Problem[];
  /** Undefined while there is none. */
  readonly ring: { readonly version: string; readonly unsynced: readonly Unsynced[] } | undefined;
  /** Default: no autoscaler, and no metrics for one. */
  readonly scaling?: Scaling;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

/** Shown of each list in a message: it is read by people. */
const SHOWN = 3;

/** All conditions of a WsCluster, in the order in which they are declared. */
export function findingsOf(situation: Situation): Finding[] {
  const counts = countsOf(situation);
  const { cluster, plan } = situation;
  const none: Scaling = {
    ...{ cluster, held: plan.replicas, autoscaler: undefined },
    metrics: { kind: 'off' },
  };
  const { scaling = none } = situation;
  return [
    ready(situation, counts),
    available(situation, counts),
    progressing(situation, counts),
    degraded(situation),
    ringSynced(situation),
    finding('ScalingActive', ...scalingActive(scaling)),
    draining(situation),
    finding('MetricsAvailable', ...metricsAvailable(scaling)),
    redisSuitable(situation),
  ];
}

interface Counts {
  /** Gateways that are to be there. */
  readonly wanted: number;
  /** Of the newest revision, ready and not leaving. */
  readonly ready: number;
  /** Of any revision. */
  readonly serving: number;
  /** Of older revisions, or too many, and not leaving. */
  readonly surplus: number;
}

function countsOf({ plan, gateways }: Situation): Counts {
  const staying = gateways.filter(({ phase }) => phase === 'running' || phase === 'waiting');
  const newest = staying.filter(({ revision }) => revision === plan.revision);
  return {
    wanted: plan.replicas,
    ready: newest.filter((gateway) => gateway.ready).length,
    serving: staying.filter((gateway) => gateway.ready).length,
    surplus: staying.length - Math.min(newest.length, plan.replicas),
  };
}

const isComplete = ({ wanted, ready, surplus }: Counts): boolean =>
  ready === wanted && surplus === 0;

const finding = (
  type: ConditionType,
  status: Condition['status'],
  [reason, message]: readonly [reason: string, message: string],
): Finding => ({ type, status, reason, message });

function ready(situation: Situation, counts: Counts): Finding {
  const [problem] = situation.problems;
  if (problem !== undefined) return finding('Ready', 'False', [problem.reason, problem.message]);
  if (!isComplete(counts)) return finding('Ready', 'False', onTheWay(counts));
  if (counts.wanted === 0) return finding('Ready', 'True', STOPPED);
  return finding('Ready', 'True', ['AllReady', `${gateways(counts.wanted)} ready`]);
}

const STOPPED = ['Stopped', 'no gateway runs, as spec.replicas is 0'] as const;

const gateways = (count: number): string =>
  count === 1 ? '1 gateway is' : `${count} gateways are`;

function onTheWay({ wanted, ready: there, surplus }: Counts): readonly [string, string] {
  if (there < wanted) return ['GatewaysNotReady', `${there} of ${wanted} gateways are ready`];
  return ['RemovingGateways', `${gateways(surplus)} yet to go`];
}

/** As many as a disruption may leave are enough. */
function available({ cluster }: Situation, { wanted, serving }: Counts): Finding {
  if (wanted === 0) return finding('Available', 'False', STOPPED);
  const enough = Math.max(1, wanted - cluster.spec.disruption.maxUnavailable);
  const message = `${serving} of ${wanted} gateways serve; ${enough} are enough`;
  if (serving >= enough) {
    // Those that come and go beyond that change nothing.
    return finding('Available', 'True', ['EnoughReady', `at least ${enough} of ${wanted} serve`]);
  }
  return finding('Available', 'False', ['NotEnoughReady', message]);
}

function progressing(situation: Situation, counts: Counts): Finding {
  if (isComplete(counts)) {
    return finding('Progressing', 'True', ['Complete', 'every gateway that is wanted is there']);
  }
  const { cluster, wallMs } = situation;
  const deadlineS = cluster.spec.rollout.progressDeadlineSeconds;
  const [, message] = onTheWay(counts);
  if (wallMs - lastStep(situation) < deadlineS * 1_000) {
    return finding('Progressing', 'True', ['Working', message]);
  }
  const stuck = `${message}, and nothing changed for ${deadlineS} s; Degraded says what it needs`;
  return finding('Progressing', 'False', ['DeadlineExceeded', stuck]);
}

/** When something last became of the gateways: one was made, became ready, or was not any more. */
function lastStep({ cluster, gateways: all, wallMs }: Situation): number {
  const since = cluster.status?.conditions?.find(({ type }) => type === 'Ready');
  // Without any, it begins now.
  if (since === undefined) return wallMs;
  const steps = all.flatMap(({ createdAt, readySince }) => [createdAt, readySince]);
  return Math.max(timeOf(since.lastTransitionTime), ...steps);
}

function degraded({ problems }: Situation): Finding {
  const [first] = problems;
  if (first === undefined) return finding('Degraded', 'False', ['AsExpected', 'nothing is wrong']);
  const shown = problems.slice(0, SHOWN).map(({ message }) => message);
  const more = problems.length - shown.length;
  const message = [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('. ');
  return finding('Degraded', 'True', [first.reason, message]);
}

function ringSynced({ ring }: Situation): Finding {
  if (ring === undefined) {
    return finding('RingSynced', 'Unknown', ['NoRing', 'no gateway was ready yet']);
  }
  const { version, unsynced } = ring;
  if (unsynced.length === 0) {
    return finding('RingSynced', 'True', ['Synced', `every gateway has ring ${version}`]);
  }
  const shown = unsynced.slice(0, SHOWN).map(({ name, problem }) => `${name}: ${problem}`);
  const more = unsynced.length - shown.length;
  const message =
    `ring ${version} did not reach ${unsynced.length === 1 ? 'a gateway' : 'gateways'}, which ` +
    'read it from a file, a minute later; does a network policy keep the operator out? ' +
    [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  return finding('RingSynced', 'False', ['NotReached', message]);
}

function draining({ gateways: all }: Situation): Finding {
  const count = all.filter(({ phase }) => phase === 'leaving').length;
  if (count === 0) return finding('Draining', 'False', ['NoneDraining', 'no gateway is emptied']);
  return finding('Draining', 'True', ['GatewaysDraining', `${gateways(count)} being emptied`]);
}

function redisSuitable({ gateways: all, problems }: Situation): Finding {
  const problem = problems.find(({ reason }) => reason === 'RedisUnreachable');
  if (problem !== undefined) {
    return finding('RedisSuitable', 'False', [problem.reason, problem.message]);
  }
  const weaknesses = weaknessesOf(all);
  if (weaknesses.length > 0) {
    return finding('RedisSuitable', 'False', ['RedisUnsuitable', weaknesses.join('. ')]);
  }
  const told = all.some((gateway) => statusOf(gateway)?.stream !== undefined);
  if (!told) return finding('RedisSuitable', 'Unknown', ['NotAsked', 'no gateway could say']);
  return finding('RedisSuitable', 'True', ['Suitable', 'Redis keeps what is promised']);
}
