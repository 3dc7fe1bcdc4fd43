import type { WsCluster } from '../../operator/api/wscluster.ts';
import { conditionIn } from '../../operator/reconcile/condition.ts';
import type { Style } from '../screen.ts';
import { table } from '../table.ts';
import { concerns } from './concerns.ts';

const COLUMNS = [
  { title: 'NAME' },
  { title: 'READY' },
  { title: 'PODS', isNumber: true },
  { title: 'WANTED', isNumber: true },
  { title: 'CONNECTIONS', isNumber: true },
  { title: 'RING' },
  { title: 'DRAINING', isNumber: true },
  { title: 'ROLLOUT' },
  { title: 'ATTENTION' },
] as const;

/** All WsClusters of a namespace, a line each. */
export function overview(
  clusters: readonly WsCluster[],
  { namespace, style }: { readonly namespace: string; readonly style: Style },
): string[] {
  if (clusters.length === 0) return [`there is no WsCluster in the namespace ${namespace}`];
  const [titles = '', ...lines] = table(COLUMNS, clusters.map(row));
  return [style.heading(titles), ...lines];
}

function row(cluster: WsCluster): string[] {
  const { metadata, spec, status = {} } = cluster;
  const reasons = concerns(cluster).map(({ reason }) => reason);
  return [
    metadata.name,
    conditionIn(status, 'Ready')?.status ?? 'Unknown',
    shown(status.readyReplicas),
    `${spec.replicas}`,
    shown(status.connections),
    status.ring?.version ?? '-',
    shown(status.drainingReplicas),
    conditionIn(status, 'Progressing')?.reason ?? '-',
    reasons.length === 0 ? '-' : [...new Set(reasons)].join(', '),
  ];
}

const shown = (number: number | undefined): string => (number === undefined ? '-' : `${number}`);
