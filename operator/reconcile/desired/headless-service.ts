import type { V1Service } from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { metadataOf, names, PORTS, selectorOf } from './names.ts';

/**
 * Names of single gateways, ready or not: one that drains is still asked, by those that pass its
 * clients on and by whoever wants to know how it goes.
 */
export function headlessService(cluster: WsCluster): Raw<V1Service> {
  const { ipFamilyPolicy, ipFamilies } = cluster.spec.service;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(cluster, names.headlessService(cluster)),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      ...(ipFamilyPolicy === undefined ? {} : { ipFamilyPolicy }),
      ...(ipFamilies === undefined ? {} : { ipFamilies }),
      selector: selectorOf(cluster),
      ports: [
        {
          name: 'client',
          port: PORTS.client,
          targetPort: 'client',
          protocol: 'TCP',
          appProtocol: 'kubernetes.io/ws',
        },
        {
          name: 'admin',
          port: PORTS.admin,
          targetPort: 'admin',
          protocol: 'TCP',
          appProtocol: 'http',
        },
      ],
    },
  };
}
