import type { V1ServiceAccount } from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { metadataOf, names } from './names.ts';

/** Gateways never speak to the API server: their account has no rights, and pods get no token. */
export function serviceAccount(cluster: WsCluster): Raw<V1ServiceAccount> {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadataOf(cluster, names.serviceAccount(cluster)),
    automountServiceAccountToken: false,
  };
}
