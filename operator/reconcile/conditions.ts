import { ringBalanced } from './balance.ts';
import { capacitySuitable } from './capacity.ts';
import { conditionIn } from './condition.ts';
import { type Counts, countsOf, isComplete, isRollout } from './counts.ts';
import { drainTooSlow } from './drain-time.ts';
import { byName, statusOf } from './gateways.ts';
import { whyEmptied } from './movements-said.ts';
import { weaknessesOf } from './problems.ts';
import { metricsAvailable, type Scaling, scalingActive } from './scaling.ts';
import { type Finding, finding, type Situation } from './situation.ts';
import { timeOf } from './times.ts';
import { versionSkew } from './version-skew.ts';

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
    drainTooSlow(situation),
    finding('MetricsAvailable', ...metricsAvailable(scaling)),
    redisSuitable(situation),
    capacitySuitable(situation),
    ringBalanced(situation),
    versionSkew(situation),
  ];
}

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
  const { cluster, plan, stop, wallMs } = situation;
  if (stop !== undefined && isRollout(situation)) {
    return finding('Progressing', stop.reason === 'Paused' ? 'True' : 'False', [
      ...([stop.reason, stop.message] as const),
    ]);
  }
  if (isComplete(counts)) return finding('Progressing', 'True', completeFor(situation));
  const deadlineS = cluster.spec.rollout.progressDeadlineSeconds;
  const [, message] = onTheWay(counts);
  if (wallMs - lastStep(situation) < deadlineS * 1_000) {
    const back = plan.revision === plan.asked ? '' : `, back to revision ${plan.revision}`;
    return finding('Progressing', 'True', ['Working', `${message}${back}`]);
  }
  const stuck = `${message}, and nothing changed for ${deadlineS} s; Degraded says what it needs`;
  return finding('Progressing', 'False', ['DeadlineExceeded', stuck]);
}

function completeFor({ plan, targets }: Situation): readonly [string, string] {
  const { revision, asked } = plan;
  if (revision !== asked) {
    const message = `the rollout of revision ${asked} was aborted; all have revision ${revision}`;
    return ['Aborted', message];
  }
  const kept = [...targets].reduce(
    (sum, [name, count]) => sum + (name === revision ? 0 : count),
    0,
  );
  if (kept === 0) return ['Complete', 'every gateway that is wanted is there'];
  return ['PartitionReached', `${gateways(kept)} as before, as spec.rollout.partition has it`];
}

/** When something last became of the gateways: one was made, became ready, or was not any more. */
function lastStep({ cluster, gateways: all, wallMs }: Situation): number {
  const since = conditionIn(cluster.status, 'Ready');
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
  const leaving = all.filter(({ phase }) => phase === 'leaving').toSorted(byName);
  if (leaving.length === 0) {
    return finding('Draining', 'False', ['NoneDraining', 'no gateway is emptied']);
  }
  const shown = leaving.slice(0, SHOWN).map(({ name, mark }) => {
    const why = mark === undefined ? 'its pod is being deleted' : whyEmptied[mark.reason];
    return `${name}, as ${why}`;
  });
  const more = leaving.length - shown.length;
  const names = [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  const message = `${gateways(leaving.length)} being emptied: ${names}`;
  return finding('Draining', 'True', ['GatewaysDraining', message]);
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
