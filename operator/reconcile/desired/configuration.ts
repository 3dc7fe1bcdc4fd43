import type { V1ConfigMap } from '@kubernetes/client-node';
import { gatewayVariables, variableOf } from '../../api/gateway-variables.ts';
import { connectionsFor } from '../../api/scale-fields.ts';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { fileSettings } from './mounts.ts';
import { metadataOf, names, PORTS } from './names.ts';

/**
 * The settings of the gateways of one revision, as their environment. They are read once, at the
 * start; so a change is another revision, and this object never changes.
 */
export function configuration(cluster: WsCluster, revision: string): Raw<V1ConfigMap> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf(cluster, names.configMap(cluster, revision)),
    immutable: true,
    data: variables(cluster),
  };
}

/** A week, the longest: with less a pod would be started again, and say no more than it did. */
const START_WAIT_S = 604_800;

/** Environment variables by name, sorted. Nothing secret is in it. */
function variables(cluster: WsCluster): Readonly<Record<string, string>> {
  const { namespace, name, uid } = cluster.metadata;
  const settings: readonly (readonly [string, string])[] = [
    // All addresses, of both IP families.
    ['host', '::'],
    ['adminHost', '::'],
    ['port', String(PORTS.client)],
    ['adminPort', String(PORTS.admin)],
    ['startWaitS', String(START_WAIT_S)],
    ['ring.source', 'given'],
    ['ring.cluster', uid],
    ['redis.keyPrefix', cluster.spec.redis.keyPrefix ?? `${namespace}/${name}/${uid}`],
    ['edge.maxConnections', String(connectionsPerPod(cluster))],
    ...fileSettings(cluster),
  ];
  const given = settings.map(([setting, value]) => [variableOf(setting), value] as const);
  const all = { ...gatewayVariables(cluster.spec), ...Object.fromEntries(given) };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What `limits.connectionsPerPod` comes to. */
export function connectionsPerPod({ spec: { limits, autoscaling } }: WsCluster): number {
  return limits.connectionsPerPod ?? connectionsFor(autoscaling?.targetConnectionsPerPod);
}
