import type { Clock } from '../../protocol/clock.ts';
import { decodeRing, ringDigest } from '../../protocol/ring-document.ts';
import type { WsCluster, WsClusterStatus } from '../api/wscluster.ts';
import type { GatewayClient } from '../gateways/gateway-client.ts';
import type { GatewayReports } from '../gateways/gateway-reports.ts';
import { pushRing, type RingReceiver } from '../gateways/ring-push.ts';
import type { Reconcile, Reconciled } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Log } from '../kube/log.ts';
import { remove } from '../kube/remove.ts';
import { childrenOf } from './children.ts';
import { conditionIn } from './condition.ts';
import { type Observed, observe } from './copies.ts';
import { RING_KEYS } from './desired/mounts.ts';
import { names } from './desired/names.ts';
import type { OperatorPods } from './desired/network-policy.ts';
import type { Basis } from './desired/revision.ts';
import type { DrainMarks } from './drain-marks.ts';
import { type Fleet, fleetOf } from './fleet.ts';
import { adminPortOf, type GatewayView, gatewayOf, isEnding, statusOf } from './gateways.ts';
import { happeningsOf } from './happenings.ts';
import { type Made, type MakeOptions, make } from './make.ts';
import { membersOf } from './members.ts';
import { drain, mark } from './movements.ts';
import { movementsSaid } from './movements-said.ts';
import { type Plan, planOf } from './plan.ts';
import { problemsOf } from './problems.ts';
import { childKinds } from './resources.ts';
import { type RingDecision, ringToBe } from './ring.ts';
import { abandonedConfigMaps, notCreated, revisionsOf, superseded } from './rollout.ts';
import { type MetricsState, type Scaling, scalingHappenings } from './scaling.ts';
import { statusToBe } from './status.ts';
import type { StatusWriter } from './status-writer.ts';
import { type Stop, stopOf } from './stop.ts';

export interface ReconcilerParts extends MakeOptions {
  readonly statuses: StatusWriter;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly reports: Pick<GatewayReports, 'of'>;
  readonly gateways: Pick<GatewayClient, 'pushRing' | 'drain' | 'stay'>;
  readonly marks: DrainMarks;
  /** Public keys by which gateways know the operator, as a JWK Set. */
  readonly operatorKeys: string;
  /** What gateways are made from where nobody said something else. */
  readonly basis: Basis;
  readonly operator: OperatorPods;
  /** Of this operator. */
  readonly version: string;
  /** Whether autoscalers get numbers from this operator. */
  readonly metrics: () => MetricsState;
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Log;
}

/**
 * Gateways tell nothing by themselves: they are asked, more often while something goes on. Without
 * one to ask, the watches tell all that changes but the time.
 */
const LOOK_AGAIN_MS = { settled: 15_000, unsettled: 2_000, refused: 30_000 } as const;

/**
 * Makes of a WsCluster what its spec says: looks at what is, decides who comes and who goes, makes
 * what is to be, tells gateways their ring and to empty themselves, and writes down what came of
 * it. Nothing is remembered from one time to the next but what was written. A WsCluster that is
 * deleted takes with it what it owns.
 */
export function reconciler(parts: ReconcilerParts): Reconcile {
  return async (key, signal) => {
    const stored = parts.copies.clusters.get(key);
    if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) return {};
    const status = parts.statuses.current(stored);
    const cluster = status === undefined ? stored : { ...stored, status };
    const seen = await look(parts, cluster, signal);
    const course = await decide(parts, { stored, cluster, seen }, signal);
    const made = await makeAll(parts, course, signal);
    await removeOld(parts, course, signal);
    const unsynced = await push(parts, { ...course, made }, signal);
    const { gateways, wallMs } = course;
    await drain(parts, { pods: seen.observed.pods, gateways, wallMs }, signal);
    return conclude(parts, { ...course, stored, made, unsynced }, signal);
  };
}

interface Seen {
  readonly observed: Observed;
  readonly gateways: readonly GatewayView[];
}

async function look(
  { copies, reports, marks }: ReconcilerParts,
  cluster: WsCluster,
  signal: AbortSignal,
): Promise<Seen> {
  const observed = observe(copies, cluster);
  const said = await reports.of(
    observed.pods.flatMap((pod) => adminPortOf(pod) ?? []),
    signal,
  );
  const gateways = observed.pods.map((pod) => {
    const report = said.get(pod.metadata.uid ?? '');
    return gatewayOf(pod, { report, mark: marks.of(pod) });
  });
  return { observed, gateways };
}

/** What is to be, as far as it can be said before anything is made. */
interface Course {
  readonly cluster: WsCluster;
  readonly plan: Plan;
  readonly stop: Stop | undefined;
  readonly fleet: Fleet;
  readonly observed: Observed;
  /** With those that are to be emptied from now on, and those that are not any more. */
  readonly gateways: readonly GatewayView[];
  readonly ring: RingDecision;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

/** Who is to go is written down first: whatever else comes of it, it goes on from there. */
async function decide(
  parts: ReconcilerParts,
  { stored, cluster, seen }: { stored: WsCluster; cluster: WsCluster; seen: Seen },
  signal: AbortSignal,
): Promise<Course> {
  const { observed, gateways } = seen;
  const { deployments, pods } = observed;
  const wallMs = parts.clock.wall();
  const plan = planOf(cluster, parts.basis, revisionsOf(deployments));
  const stop = stopOf({ cluster, plan, gateways });
  const { spec } = cluster;
  const stopped = stop && (stop.reason === 'Paused' ? 'paused' : 'failing');
  const fleet = fleetOf({ plan, spec, gateways, deployments, stopped, wallMs });
  const moved = await mark(parts, { pods, gateways, fleet, wallMs }, signal);
  for (const said of movementsSaid(gateways, moved, spec)) parts.events.record(stored, said);
  const ring = ringOf(parts, cluster, { gateways: moved, newcomers: fleet.newcomers, wallMs });
  return { cluster, plan, stop, fleet, observed, gateways: moved, ring, wallMs };
}

function ringOf(
  { copies }: ReconcilerParts,
  cluster: WsCluster,
  { gateways, newcomers, wallMs }: Pick<Course, 'gateways' | 'wallMs'> & Pick<Fleet, 'newcomers'>,
): RingDecision {
  const { namespace, uid } = cluster.metadata;
  const key = `${namespace}/${names.ringConfigMap(cluster)}`;
  const held = ringIn(copies.children.configMaps?.get(key));
  const reported = gateways.flatMap((gateway) => {
    const { version, digest } = statusOf(gateway)?.ring ?? {};
    return version === undefined || digest === undefined ? [] : [{ version, digest }];
  });
  const looked = { known: idsIn(held), newcomers, wallMs };
  const members = membersOf(gateways, looked);
  return ringToBe({ cluster: uid, held, reported, members });
}

function ringIn(configMap: object | undefined): string | undefined {
  if (configMap === undefined || !('data' in configMap)) return undefined;
  const data = configMap.data as Readonly<Record<string, string>> | undefined;
  return data?.[RING_KEYS.ring];
}

function idsIn(document: string | undefined): ReadonlySet<string> {
  try {
    return new Set(decodeRing(document ?? '').members.map(({ id }) => id));
  } catch {
    // What is none is written over.
    return new Set();
  }
}

function makeAll(parts: ReconcilerParts, course: Course, signal: AbortSignal): Promise<Made> {
  const { cluster, ring } = course;
  const { operator, operatorKeys } = parts;
  const document = ring.kind === 'none' ? undefined : ring.document;
  const children = childrenOf({
    ...course,
    operator,
    ringContent: { ring: document, operatorKeys },
  });
  return make(parts, { cluster, children }, signal);
}

async function removeOld(
  { api }: ReconcilerParts,
  { cluster, plan, observed, fleet }: Course,
  signal: AbortSignal,
): Promise<void> {
  for (const object of superseded(plan, observed.deployments, fleet)) {
    await remove(api, { resource: childKinds.deployments, object, signal });
  }
  for (const object of abandonedConfigMaps(cluster, plan, observed)) {
    await remove(api, { resource: childKinds.configMaps, object, signal });
  }
}

/** To all that serve, also those that are leaving: they pass clients on by it. */
async function push(
  { gateways: client }: ReconcilerParts,
  { cluster, ring, made, observed, gateways }: Course & { readonly made: Made },
  signal: AbortSignal,
) {
  const configMap = names.ringConfigMap(cluster);
  const unwritten = [...made.foreign, ...made.leftOver, ...made.refused];
  // The ConfigMap comes first: what it does not hold, nobody is told.
  if (ring.kind === 'none' || unwritten.some(({ name }) => name === configMap)) return [];
  const receivers = observed.pods.flatMap((pod): RingReceiver[] => {
    const gateway = gateways.find(({ uid }) => uid === pod.metadata.uid);
    const port = adminPortOf(pod);
    if (gateway === undefined || port === undefined) return [];
    const started = statusOf(gateway)?.started ?? gateway.ready;
    const digest = statusOf(gateway)?.ring?.digest;
    return started ? [{ ...port, name: gateway.name, digest }] : [];
  });
  const { document } = ring;
  const ringToPush = { document, digest: ringDigest(document), receivers };
  const unsynced = await pushRing(client, ringToPush, signal);
  // One that ends does not answer any more at some point: nothing is wrong with that.
  const leaving = gateways.filter(({ phase }) => phase === 'leaving');
  return unsynced.filter((one) => !leaving.some(({ name }) => name === one.name));
}

interface Outcome extends Course {
  /** As the informer holds it. */
  readonly stored: WsCluster;
  readonly made: Made;
  readonly unsynced: Awaited<ReturnType<typeof push>>;
}

/** Writes what came of it, and says when to look again. */
async function conclude(
  { copies, metrics, statuses, events, version: own, clock, log }: ReconcilerParts,
  outcome: Outcome,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { stored, cluster, plan, stop, fleet, gateways, observed, ring, made, unsynced } = outcome;
  const refused = made.refused.map(({ error, ...about }) => ({ ...about, message: error.message }));
  const problems = problemsOf({
    ...{ cluster, gateways, foreign: made.foreign, refused },
    notCreated: notCreated(observed.replicaSets),
  });
  const known = ring.kind === 'none' ? undefined : ring.ring;
  const version = known && `${known.version.generation}.${known.version.counter}`;
  const key = `${cluster.metadata.namespace}/${names.autoscaler(cluster)}`;
  const autoscaler = copies.children.horizontalPodAutoscalers?.get(key);
  const scaling: Scaling = { cluster, held: plan.replicas, autoscaler, metrics: metrics() };
  const situation = {
    ...{ cluster, plan, stop, targets: fleet.targets, gateways, problems, scaling },
    version: own,
    wallMs: clock.wall(),
    ring: version === undefined ? undefined : { version, unsynced },
  };
  const status = statusToBe(situation, known, cluster.status);
  const write = await statuses.write(stored, status, signal);
  if (write.kind === 'written') {
    const happenings = happeningsOf(write.was, status);
    happenings.push(...scalingHappenings(scaling, write.was, status));
    for (const happening of happenings) events.record(stored, happening);
  }
  for (const { kind, name, error } of made.refused) {
    log.warn({ cluster: cluster.metadata.name, kind, name, err: error }, 'refused');
  }
  const again = LOOK_AGAIN_MS[made.refused.length > 0 ? 'refused' : paceOf(outcome, status)];
  return { againAfterMs: write.kind === 'later' ? Math.min(again, write.inMs) : again };
}

function paceOf({ observed, gateways, wallMs }: Course, status: WsClusterStatus) {
  const ready = conditionIn(status, 'Ready')?.status === 'True';
  const askable = observed.pods.some((pod) => adminPortOf(pod) !== undefined);
  const emptying = gateways.some(
    (gateway) => gateway.mark !== undefined || isEnding(gateway, wallMs),
  );
  return (ready && !emptying) || !askable ? 'settled' : 'unsettled';
}
