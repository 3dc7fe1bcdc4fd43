import type { WsCluster } from '../../api/wscluster.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { metadataOf, names, selectorOf } from './names.ts';

/** Of Prometheus' operator, as far as it is used here. */
interface PodMonitor extends KubeObject {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints: readonly {
      readonly port: string;
      readonly path: string;
      readonly interval: string;
    }[];
  };
}

/**
 * Where Prometheus reads the gateways' metrics. Undefined where the spec wants none; where its kind
 * is not known, it cannot be made.
 */
export function podMonitor(cluster: WsCluster): PodMonitor | undefined {
  const { enabled, intervalSeconds, labels } = cluster.spec.metrics.podMonitor;
  if (!enabled) return undefined;
  const metadata = metadataOf(cluster, names.podMonitor(cluster));
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: { ...metadata, labels: { ...labels, ...metadata.labels } },
    spec: {
      selector: { matchLabels: selectorOf(cluster) },
      podMetricsEndpoints: [{ port: 'admin', path: '/metrics', interval: `${intervalSeconds}s` }],
    },
  };
}
