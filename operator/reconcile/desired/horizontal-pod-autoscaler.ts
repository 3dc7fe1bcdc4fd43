import type { V2HorizontalPodAutoscaler, V2MetricSpec } from '@kubernetes/client-node';
import { kind, versions, type WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { metadataOf, names, selectorOf } from './names.ts';

/** Sums over all gateways, as the metrics API calls them. */
const CONNECTIONS = 'wscluster_connections';
const EVENT_LOOPS = 'wscluster_event_loop_utilization_percent';

const MINUTE_S = 60;
/** So many at least may be added in a minute: a percentage of three is not much. */
const PODS_PER_MINUTE = 4;

export interface Autoscaling {
  /** Gateways are being replaced: what is counted meanwhile takes none away. */
  readonly rollingOut: boolean;
}

/**
 * What sets the number of gateways. On the WsCluster itself, whose scale counts neither gateways
 * that drain nor those that are being replaced. Undefined where the spec wants none, and before the
 * status says which pods are meant: an autoscaler without a selector does nothing.
 */
export function horizontalPodAutoscaler(
  cluster: WsCluster,
  { rollingOut }: Autoscaling,
): Raw<V2HorizontalPodAutoscaler> | undefined {
  const { autoscaling } = cluster.spec;
  if (autoscaling?.mode !== 'HPA' || cluster.status?.selector === undefined) return undefined;
  const { minReplicas, maxReplicas } = autoscaling;
  const { scaleUpPercentPerMinute, scaleDownPercentPerMinute } = autoscaling;
  const percent = (value: number) => ({ type: 'Percent', value, periodSeconds: MINUTE_S });
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadataOf(cluster, names.autoscaler(cluster)),
    spec: {
      scaleTargetRef: {
        apiVersion: `${kind.group}/${versions.stored}`,
        ...{ kind: kind.kind, name: cluster.metadata.name },
      },
      ...{ minReplicas, maxReplicas },
      metrics: metricsOf(cluster, autoscaling),
      behavior: {
        scaleUp: {
          ...{ stabilizationWindowSeconds: 0, selectPolicy: 'Max' },
          policies: [
            percent(scaleUpPercentPerMinute),
            { type: 'Pods', value: PODS_PER_MINUTE, periodSeconds: MINUTE_S },
          ],
        },
        scaleDown: {
          stabilizationWindowSeconds: autoscaling.scaleDownStabilizationSeconds,
          selectPolicy: rollingOut ? 'Disabled' : 'Max',
          // Of few gateways it is one: what is left is rounded down.
          policies: [percent(scaleDownPercentPerMinute)],
        },
      },
    },
  };
}

/** As the API server writes it, so that it is found to be as desired. */
function quantity(value: number): string {
  const suffixes = ['', 'k', 'M'];
  let [left, place] = [value, 0];
  while (left % 1_000 === 0 && place < suffixes.length - 1)
    [left, place] = [left / 1_000, place + 1];
  return `${left}${suffixes[place]}`;
}

function metricsOf(
  cluster: WsCluster,
  autoscaling: NonNullable<WsCluster['spec']['autoscaling']>,
): Raw<V2MetricSpec>[] {
  const { targetConnectionsPerPod, targetEventLoopUtilizationPercentage: loops } = autoscaling;
  const { targetCPUUtilizationPercentage: cpu } = autoscaling;
  const external = (name: string, averageValue: number): Raw<V2MetricSpec> => ({
    type: 'External',
    external: {
      metric: { name, selector: { matchLabels: selectorOf(cluster) } },
      // Divided by the replicas of the scale, not by pods that a selector finds.
      target: { type: 'AverageValue', averageValue: quantity(averageValue) },
    },
  });
  return [
    external(CONNECTIONS, targetConnectionsPerPod),
    ...(loops === undefined ? [] : [external(EVENT_LOOPS, loops)]),
    ...(cpu === undefined
      ? []
      : [
          {
            type: 'Resource',
            resource: {
              name: 'cpu',
              target: { type: 'Utilization', averageUtilization: cpu },
            },
          },
        ]),
  ];
}
