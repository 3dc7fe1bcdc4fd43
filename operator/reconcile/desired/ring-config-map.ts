import type { V1ConfigMap } from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { RING_KEYS } from './mounts.ts';
import { metadataOf, names } from './names.ts';

/** What gateways are told while they run. */
export interface RingContent {
  /** The newest ring, as `protocol/ring-document.ts` writes it; undefined before the first one. */
  readonly ring: string | undefined;
  /** Public keys of the operator, as a JWK Set: whoever signs with them may command gateways. */
  readonly operatorKeys: string;
}

/**
 * The ring for gateways that start, and the keys by which they know the operator; those that run
 * are told a ring at their admin port. It must be there before pods: without the keys they wait.
 */
export function ringConfigMap(
  cluster: WsCluster,
  { ring, operatorKeys }: RingContent,
): Raw<V1ConfigMap> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf(cluster, names.ringConfigMap(cluster)),
    data: {
      ...(ring === undefined ? {} : { [RING_KEYS.ring]: ring }),
      [RING_KEYS.operatorKeys]: operatorKeys,
    },
  };
}
