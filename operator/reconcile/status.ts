import { type Ring, SHARDS } from '../../protocol/ring.ts';
import type { WsClusterStatus } from '../api/wscluster.ts';
import { type Condition, type Finding, findingsOf, type Situation } from './conditions.ts';
import { selectorText } from './desired/names.ts';
import { statusOf } from './gateways.ts';
import { revisionStatus } from './plan.ts';

/** What the status of a WsCluster is to say. */
export function statusToBe(
  situation: Situation,
  ring: Ring | undefined,
  was: WsClusterStatus | undefined,
): WsClusterStatus {
  const { cluster, plan, gateways, wallMs } = situation;
  const staying = gateways.filter(({ phase }) => phase === 'running' || phase === 'waiting');
  const newest = staying.filter(({ revision }) => revision === plan.revision);
  const connections = connectionsOf(situation);
  return {
    observedGeneration: cluster.metadata.generation,
    conditions: conditionsOf(findingsOf(situation), was?.conditions ?? [], {
      generation: cluster.metadata.generation,
      wallMs,
    }),
    // An autoscaler that finds more than it asked for would ask for those.
    replicas: Math.min(newest.length, plan.replicas),
    selector: selectorText(cluster),
    readyReplicas: staying.filter(({ ready }) => ready).length,
    drainingReplicas: gateways.filter(({ phase }) => phase === 'leaving').length,
    ...(connections === undefined ? {} : { connections: rounded(connections) }),
    ...(ring === undefined ? {} : { ring: ringStatus(ring) }),
    revision: revisionStatus(plan),
  };
}

/** Undefined while nobody could say; zero where nobody runs. */
function connectionsOf({ gateways, cluster }: Situation): number | undefined {
  const running = gateways.filter(({ phase }) => phase === 'running' || phase === 'leaving');
  const told = running.flatMap((gateway) => statusOf(gateway)?.edge?.connections ?? []);
  if (told.length === 0 && running.length > 0) return cluster.status?.connections;
  return told.reduce((sum, count) => sum + count, 0);
}

/** To two digits: a number that is never the same would be written for ever. */
function rounded(count: number): number {
  if (count < 100) return count;
  const unit = 10 ** (Math.floor(Math.log10(count)) - 1);
  return Math.round(count / unit) * unit;
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
  const now = new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
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
