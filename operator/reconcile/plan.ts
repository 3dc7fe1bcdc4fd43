import type { WsCluster, WsClusterStatus } from '../api/wscluster.ts';
import { type Basis, revisionOf } from './desired/revision.ts';

/** How many gateways there are to be, and of which revision. */
export interface Plan {
  readonly replicas: number;
  readonly revision: string;
  readonly basis: Basis;
}

/** `own`: what this operator makes gateways from where nobody said something else. */
export function planOf(cluster: WsCluster, own: Basis): Plan {
  const basis = basisOf(cluster, own);
  return { replicas: replicasOf(cluster), revision: revisionOf(cluster, basis), basis };
}

/** What is wanted, held between the bounds of autoscaling; 0 stops the cluster all the same. */
function replicasOf({ spec: { replicas, autoscaling } }: WsCluster): number {
  if (autoscaling === undefined || replicas === 0) return replicas;
  return Math.min(Math.max(replicas, autoscaling.minReplicas), autoscaling.maxReplicas);
}

/**
 * What the gateways that run were made from, as long as their spec says what it said then: a new
 * operator, with another image or template, restarts nobody who has not asked for it.
 */
function basisOf(cluster: WsCluster, own: Basis): Basis {
  const made = cluster.status?.revision;
  if (made === undefined) return own;
  const basis = { image: made.image, templateVersion: made.templateVersion };
  return revisionOf(cluster, basis) === made.name ? basis : own;
}

/** What the status is to remember of it. */
export function revisionStatus({
  revision,
  basis,
}: Plan): NonNullable<WsClusterStatus['revision']> {
  return { name: revision, image: basis.image, templateVersion: basis.templateVersion };
}
