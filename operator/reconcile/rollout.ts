import type { WsCluster } from '../api/wscluster.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Deployment, Observed, ReplicaSet } from './copies.ts';
import { names, REVISION_LABEL } from './desired/names.ts';
import type { Fleet } from './fleet.ts';
import type { Plan } from './plan.ts';

/** Of which there is a Deployment. */
export const revisionsOf = (deployments: readonly Deployment[]): ReadonlySet<string> =>
  new Set(deployments.flatMap(({ metadata }) => metadata.labels?.[REVISION_LABEL] ?? []));

/** Deployments of other revisions that are to have no gateway any more, and have none. */
export function superseded(
  { revision }: Plan,
  deployments: readonly Deployment[],
  { replicas }: Pick<Fleet, 'replicas'>,
): Deployment[] {
  return deployments.filter(({ metadata }) => {
    const own = metadata.labels?.[REVISION_LABEL] ?? '';
    return own !== revision && replicas.get(own) === 0;
  });
}

/** Settings of revisions of which there is no Deployment any more. */
export function abandonedConfigMaps(
  cluster: WsCluster,
  { revision }: Plan,
  { configMaps, deployments }: Pick<Observed, 'configMaps' | 'deployments'>,
): KubeObject[] {
  const used = new Set([
    names.ringConfigMap(cluster),
    names.configMap(cluster, revision),
    // A revision's settings are called like its Deployment.
    ...deployments.map(({ metadata }) => metadata.name),
  ]);
  return configMaps.filter(({ metadata }) => !used.has(metadata.name));
}

/** Whether a Deployment has its ReplicaSet: from then on it is paused. */
export function hasReplicaSet(
  deployment: Deployment | undefined,
  replicaSets: readonly ReplicaSet[],
): boolean {
  const uid = deployment?.metadata.uid;
  return replicaSets.some(({ metadata }) => metadata.ownerReferences?.some((o) => o.uid === uid));
}

/** Why ReplicaSets cannot make pods, without the names of those that they tried to make. */
export function notCreated(replicaSets: readonly ReplicaSet[]): string[] {
  return replicaSets.flatMap(({ status }) =>
    (status?.conditions ?? [])
      .filter(({ type, status: holds }) => type === 'ReplicaFailure' && holds === 'True')
      .map(({ message = 'no reason given' }) => message.replace(/^pods "[^"]*" is /, 'a pod is ')),
  );
}
