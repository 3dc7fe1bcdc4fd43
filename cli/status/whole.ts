import { conditionIn } from '../../operator/reconcile/condition.ts';
import {
  connectionsOf,
  type GatewayView,
  statusOf,
  type Trouble,
} from '../../operator/reconcile/gateways.ts';
import { timeOf } from '../../operator/reconcile/times.ts';
import { emptyingOf, shortly } from '../drain/emptying.ts';
import type { Style } from '../screen.ts';
import { table } from '../table.ts';
import { count, duration, listed } from '../words.ts';
import { concerns } from './concerns.ts';
import type { Facts } from './facts.ts';
import { ringPicture, shardsOf } from './ring-picture.ts';
import { rolloutLines } from './rollout-lines.ts';

/** Everything about one WsCluster, as lines. */
export function whole(facts: Facts, style: Style): string[] {
  const attention = attentionLines(facts);
  const sections: readonly (readonly [string, readonly string[], 'alarm' | 'heading'])[] = [
    ['Needs attention', attention, 'alarm'],
    ['Rollout', rolloutLines(facts), 'heading'],
    ['Gateways', gatewayLines(facts), 'heading'],
    [ringTitle(facts), ringPicture(facts, style), 'heading'],
  ];
  return [
    style.heading(headline(facts)),
    ...sections
      .filter(([, lines]) => lines.length > 0)
      .flatMap(([title, lines, how]) => [
        '',
        style[how](title),
        ...lines.map((line) => `  ${line}`),
      ]),
  ];
}

function headline({ cluster, gateways }: Facts): string {
  const { metadata, spec, status } = cluster;
  const ready = conditionIn(status, 'Ready')?.status ?? 'Unknown';
  const { readyReplicas = 0, connections } = status ?? {};
  const told = gateways.flatMap((gateway) => connectionsOf(gateway) ?? []);
  const all = told.reduce((sum, one) => sum + one, 0);
  const isExact = told.length > 0 && told.length === gateways.length;
  const about = connections === undefined ? '' : `, about ${count(connections, 'client')}`;
  const clients = isExact ? `, ${count(all, 'client')}` : about;
  const of = `${readyReplicas} of ${count(spec.replicas, 'gateway')} ready`;
  return `${metadata.name} in ${metadata.namespace}: Ready ${ready}, ${of}${clients}`;
}

function attentionLines({ cluster, gateways, ringProblem, wallMs }: Facts): string[] {
  const conditions = concerns(cluster).map(({ title, reason, message, since }) => {
    const held = since === undefined ? '' : `, for ${duration(wallMs - timeOf(since))}`;
    return `${title} (${reason}${held}): ${message}`;
  });
  const troubles = together(gateways, ({ trouble }) => trouble && saidOf(trouble));
  const silent = together(gateways, ({ report }) =>
    report === undefined || 'status' in report ? undefined : `no numbers: ${report.problem}`,
  );
  const ring = ringProblem === undefined ? [] : [`the ring cannot be shown: ${ringProblem}`];
  return [...conditions, ...troubles, ...silent, ...ring];
}

const saidOf = ({ kind, message }: Trouble): string => `${kind}: ${message}`;

/** What there is to say of each, once for all of whom it is the same but for name and address. */
function together(
  gateways: readonly GatewayView[],
  problemOf: (gateway: GatewayView) => string | undefined,
): string[] {
  const names = new Map<string, string[]>();
  for (const gateway of gateways) {
    const { name, ip } = gateway;
    const own = problemOf(gateway)?.replaceAll(name, 'POD');
    if (own === undefined) continue;
    const problem = ip === undefined ? own : own.replaceAll(ip, 'POD');
    names.set(problem, [...(names.get(problem) ?? []), name]);
  }
  return [...names].map(([problem, who]) => `${listed(who, SHOWN)}: ${problem}`);
}

/** Names of gateways that have the same problem. */
const SHOWN = 3;

const COLUMNS = [
  { title: 'NAME' },
  { title: 'REVISION' },
  { title: 'READY' },
  { title: 'CLIENTS', isNumber: true },
  { title: 'SHARDS', isNumber: true },
  { title: 'RING' },
  { title: 'DRAIN' },
] as const;

function gatewayLines(facts: Facts): string[] {
  const { gateways, cluster, wallMs } = facts;
  if (gateways.length === 0) return ['none'];
  const shards = shardsOf(facts.ring);
  const rows = gateways.map((gateway) => {
    const { name, revision, ready, phase } = gateway;
    const ring = statusOf(gateway)?.ring;
    const emptying = emptyingOf(gateway, cluster, wallMs);
    const owned = shards?.get(name) ?? (shards === undefined ? ring?.owned : 0);
    const version = ring?.version && `${ring.version.generation}.${ring.version.counter}`;
    return [
      ...[name, revision, ready ? 'yes' : phase === 'waiting' ? 'starting' : 'no'],
      ...[shown(connectionsOf(gateway)), shown(owned), version ?? '?'],
      emptying === undefined ? '-' : shortly(emptying),
    ];
  });
  return table(COLUMNS, rows);
}

const shown = (number: number | undefined): string => (number === undefined ? '?' : `${number}`);

function ringTitle({ ring, cluster }: Facts): string {
  if (ring === undefined) return 'Ring';
  const { generation, counter } = ring.version;
  const { balancePercent } = cluster.status?.ring ?? {};
  const fullest =
    balancePercent === undefined ? '' : `, the fullest has ${balancePercent} % of its fair share`;
  return `Ring ${generation}.${counter}: ${count(ring.members.length, 'member')}${fullest}`;
}
