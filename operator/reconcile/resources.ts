import { kind, versions } from '../api/wscluster.ts';
import type { Resource } from '../kube/resource.ts';

/** The kinds that the operator reads and writes. */

const core = { group: '', version: 'v1', namespaced: true } as const;
const apps = { group: 'apps', version: 'v1', namespaced: true } as const;

export const wsClusters: Resource = {
  ...{ group: kind.group, version: versions.stored, plural: kind.plural, kind: kind.kind },
  namespaced: true,
};
export const pods: Resource = { ...core, plural: 'pods', kind: 'Pod' };
export const replicaSets: Resource = { ...apps, plural: 'replicasets', kind: 'ReplicaSet' };

/** Of which some are made for each WsCluster. */
export const childKinds = {
  serviceAccounts: { ...core, plural: 'serviceaccounts', kind: 'ServiceAccount' },
  services: { ...core, plural: 'services', kind: 'Service' },
  configMaps: { ...core, plural: 'configmaps', kind: 'ConfigMap' },
  deployments: { ...apps, plural: 'deployments', kind: 'Deployment' },
  disruptionBudgets: {
    ...{ group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' },
    ...{ kind: 'PodDisruptionBudget', namespaced: true },
  },
  networkPolicies: {
    ...{ group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies' },
    ...{ kind: 'NetworkPolicy', namespaced: true },
  },
  horizontalPodAutoscalers: {
    ...{ group: 'autoscaling', version: 'v2', plural: 'horizontalpodautoscalers' },
    ...{ kind: 'HorizontalPodAutoscaler', namespaced: true },
  },
  podMonitors: {
    ...{ group: 'monitoring.coreos.com', version: 'v1', plural: 'podmonitors' },
    ...{ kind: 'PodMonitor', namespaced: true },
  },
} as const satisfies Readonly<Record<string, Resource>>;

export type ChildKind = keyof typeof childKinds;
