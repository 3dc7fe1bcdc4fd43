import { type ClusterLoad, LoadUnknown } from './cluster-loads.ts';

export interface LoadMetric {
  /** As External metrics are called. */
  readonly name: string;
  /** In the JSON for other autoscalers. */
  readonly field: string;
  readonly about: string;
  /** Throws `LoadUnknown`. */
  readonly measure: (load: ClusterLoad) => number;
}

const OLDER = 'a gateway of an older version does not say it';

function known(value: number | undefined): number {
  if (value === undefined) throw new LoadUnknown(OLDER);
  return value;
}

/** What autoscalers can go by. All but the second are sums, made to be divided by replicas. */
export const loadMetrics: readonly LoadMetric[] = [
  {
    name: 'wscluster_connections',
    field: 'connections',
    about: 'Clients that are connected, over all gateways. One that moves counts once.',
    measure: ({ connections }) => connections,
  },
  {
    name: 'wscluster_connections_per_pod',
    field: 'connectionsPerPod',
    about: 'The same, divided by the gateways to which new clients come.',
    measure: ({ connections, serving }) => {
      if (connections === 0) return 0;
      if (serving === 0) throw new LoadUnknown('no gateway is ready for new clients');
      return connections / serving;
    },
  },
  {
    name: 'wscluster_event_loop_utilization_percent',
    field: 'eventLoopUtilizationPercent',
    about: 'How busy event loops are, added up: 150 are one and a half that do nothing else.',
    measure: ({ utilisation }) => known(utilisation) * 100,
  },
  {
    name: 'wscluster_publish_rate',
    field: 'publishRate',
    about: 'Publishes that were written, per second, over all gateways, of the last ten seconds.',
    measure: ({ publishRate }) => known(publishRate),
  },
];
