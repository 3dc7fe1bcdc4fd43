import { type Ring, SHARDS } from '../../protocol/ring.ts';
import { DRAINING_SHOWN } from '../api/status.ts';
import type { WsClusterStatus } from '../api/wscluster.ts';
import type { Condition } from './condition.ts';
import { findingsOf } from './conditions.ts';
import { countsOf, isComplete, isRollout } from './counts.ts';
import { selectorText } from './desired/names.ts';
import { byName, connectionsOf, type GatewayView } from './gateways.ts';
import { revisionStatus } from './plan.ts';
import { rounded } from './rounded.ts';
import type { Finding, Situation } from './situation.ts';
import { timeText } from './times.ts';
import { isEmptied } from './victims.ts';

/** What the status of a WsCluster is to say. */
export function statusToBe(
  situation: Situation,
  ring: Ring | undefined,
  was: WsClusterStatus | undefined,
): WsClusterStatus {
  const { cluster, plan, gateways, wallMs } = situation;
  const staying = gateways.filter(({ phase }) => phase === 'running' || phase === 'waiting');
  const newest = staying.filter(({ revision }) => revision === plan.revision);
  const leaving = gateways.filter(({ phase }) => phase === 'leaving');
  const connections = allConnections(situation);
  const stable = isStable(situation) ? plan.revision : was?.stableRevision;
  return {
    observedGeneration: cluster.metadata.generation,
    conditions: conditionsOf(findingsOf(situation), was?.conditions ?? [], {
      generation: cluster.metadata.generation,
      wallMs,
    }),
    // An autoscaler that finds more than it asked for would ask for those.
    replicas: Math.min(staying.length, plan.replicas),
    selector: selectorText(cluster),
    readyReplicas: staying.filter(({ ready }) => ready).length,
    updatedReplicas: newest.filter(({ ready }) => ready).length,
    drainingReplicas: leaving.length,
    ...(connections === undefined ? {} : { connections: rounded(connections) }),
    ...(ring === undefined ? {} : { ring: ringStatus(ring) }),
    ...(leaving.length === 0 ? {} : { draining: drainingStatus(leaving, situation) }),
    revision: revisionStatus(plan),
    ...(stable === undefined ? {} : { stableRevision: stable }),
  };
}

/** Whether the revision is the only one that is left. */
function isStable(situation: Situation): boolean {
  const { plan, gateways } = situation;
  const others = gateways.some(
    ({ revision, phase }) => revision !== plan.revision && phase !== 'over',
  );
  return !others && !isRollout(situation) && isComplete(countsOf(situation));
}

type Draining = NonNullable<WsClusterStatus['draining']>[number];

function drainingStatus(
  leaving: readonly GatewayView[],
  { cluster, wallMs }: Situation,
): Draining[] {
  const { spec } = cluster;
  return leaving
    .toSorted(byName)
    .slice(0, DRAINING_SHOWN)
    .map((gateway): Draining => {
      const { name, mark, endsBy } = gateway;
      const connections = connectionsOf(gateway);
      const isEmpty = mark !== undefined && isEmptied(gateway, { spec, wallMs });
      const until = endsBy ?? (mark && mark.since + spec.disruption.drainDeadlineSeconds * 1_000);
      return {
        pod: name,
        state: endsBy === undefined ? (isEmpty ? 'Empty' : 'Emptying') : 'Ending',
        reason: mark?.reason ?? 'Deleted',
        ...(connections === undefined ? {} : { connections: rounded(connections) }),
        ...(until === undefined ? {} : { until: timeText(until) }),
      };
    });
}

/** Undefined while nobody could say; zero where nobody runs. */
function allConnections({ gateways, cluster }: Situation): number | undefined {
  const running = gateways.filter(({ phase }) => phase === 'running' || phase === 'leaving');
  const told = running.flatMap((gateway) => connectionsOf(gateway) ?? []);
  if (told.length === 0 && running.length > 0) return cluster.status?.connections;
  return told.reduce((sum, count) => sum + count, 0);
}

function ringStatus({ version, members, owners }: Ring): NonNullable<WsClusterStatus['ring']> {
  const shards = new Uint32Array(members.length);
  for (const owner of owners) shards[owner] = (shards[owner] ?? 0) + 1;
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const fullest = Math.max(
    ...members.map(({ weight }, place) => (shards[place] ?? 0) / ((SHARDS * weight) / total)),
  );
  return {
    version: `${version.generation}.${version.counter}`,
    members: members.length,
    balancePercent: Math.max(100, Math.floor(fullest * 100)),
  };
}

interface Moment {
  readonly generation: number;
  readonly wallMs: number;
}

/** Since when each holds: as before, unless its status is another one. */
function conditionsOf(
  findings: readonly Finding[],
  was: readonly Condition[],
  { generation, wallMs }: Moment,
): Condition[] {
  const now = timeText(wallMs);
  return findings.map((finding) => {
    const before = was.find(({ type }) => type === finding.type);
    const same = before?.status === finding.status;
    return {
      ...finding,
      observedGeneration: generation,
      lastTransitionTime: same ? before.lastTransitionTime : now,
    };
  });
}
