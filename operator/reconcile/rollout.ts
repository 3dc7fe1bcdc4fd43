import type { WsCluster } from '../api/wscluster.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Deployment, Observed, ReplicaSet } from './copies.ts';
import { names, REVISION_LABEL } from './desired/names.ts';
import type { GatewayView } from './gateways.ts';
import type { Plan } from './plan.ts';

/**
 * Deployments of older revisions that can go: all of them, once enough gateways of the newest are
 * ready to take their place; before that only those that have nobody running, and serve nobody.
 */
export function superseded(
  { revision, replicas }: Plan,
  deployments: readonly Deployment[],
  gateways: readonly GatewayView[],
): Deployment[] {
  const running = gateways.filter(({ phase }) => phase === 'running');
  const ready = running.filter((gateway) => gateway.ready && gateway.revision === revision);
  const replaced = ready.length >= replicas;
  return deployments.filter((deployment) => {
    const own = deployment.metadata.labels?.[REVISION_LABEL];
    if (own === revision) return false;
    return replaced || !running.some((gateway) => gateway.revision === own);
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
