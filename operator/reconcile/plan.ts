import { kind, type WsCluster, type WsClusterStatus } from '../api/wscluster.ts';
import { type Basis, revisionOf } from './desired/revision.ts';

/** How many gateways there are to be, and of which revision. */
export interface Plan {
  readonly replicas: number;
  readonly revision: string;
  /** What pods of the revision that the spec asks for are made from. */
  readonly basis: Basis;
  /** The revision that the spec asks for; another one only where its rollout was aborted. */
  readonly asked: string;
  /** The revision that all gateways had last; undefined: there was none. */
  readonly stable: string | undefined;
}

/**
 * Of a WsCluster: the name of a revision that is not to be. While the spec asks for it, gateways
 * are those of the revision before, if there is still one of them.
 */
export const ABORT_ANNOTATION = `${kind.group}/aborted-revision`;

/**
 * @param own What this operator makes gateways from where nobody said something else.
 * @param there Revisions of which there is a Deployment.
 */
export function planOf(cluster: WsCluster, own: Basis, there: ReadonlySet<string>): Plan {
  const basis = basisOf(cluster, own);
  const asked = revisionOf(cluster, basis);
  const stable = cluster.status?.stableRevision;
  const isAborted = cluster.metadata.annotations?.[ABORT_ANNOTATION] === asked;
  const canGoBack = stable !== undefined && there.has(stable);
  const revision = isAborted && canGoBack ? stable : asked;
  return { replicas: replicasOf(cluster), revision, asked, basis, stable };
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
export function revisionStatus({ asked, basis }: Plan): NonNullable<WsClusterStatus['revision']> {
  return { name: asked, image: basis.image, templateVersion: basis.templateVersion };
}
