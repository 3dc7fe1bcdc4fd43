import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { DRAINING_LABEL, metadataOf, names, selectorOf } from './names.ts';

/**
 * How many gateways an eviction must leave. As a number and not as `maxUnavailable`: that one
 * counts pods that drain, which are not ready, and would forbid every eviction meanwhile.
 *
 * @param wanted Gateways that must be there, of all revisions: the replicas that are wanted, and
 *   those besides that hold clients of pods that were evicted and are not empty yet.
 */
export function disruptionBudget(cluster: WsCluster, wanted: number): Raw<V1PodDisruptionBudget> {
  const { maxUnavailable } = cluster.spec.disruption;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(cluster, names.disruptionBudget(cluster)),
    spec: {
      minAvailable: Math.max(0, wanted - maxUnavailable),
      // One that is not ready serves nobody, and must not keep its node from being emptied.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: {
        matchLabels: selectorOf(cluster),
        matchExpressions: [{ key: DRAINING_LABEL, operator: 'DoesNotExist' }],
      },
    },
  };
}
