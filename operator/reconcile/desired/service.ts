import type { V1Service } from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { metadataOf, names, selectorOf } from './names.ts';

/** What clients connect to: gateways of every revision that are ready. */
export function service(cluster: WsCluster): Raw<V1Service> {
  const { annotations, port, type, ...rest } = cluster.spec.service;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadataOf(cluster, names.service(cluster)),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      type,
      ...rest,
      selector: selectorOf(cluster),
      ports: [
        {
          name: 'client',
          port,
          targetPort: 'client',
          protocol: 'TCP',
          // Meshes and implementations of the Gateway API then let upgrades pass.
          appProtocol: 'kubernetes.io/ws',
        },
      ],
    },
  };
}
