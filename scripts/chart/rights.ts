import { kind } from '../../operator/api/wscluster.ts';
import { COMMAND_KEY_SECRET, secrets } from '../../operator/command-key-secret.ts';
import { events } from '../../operator/kube/event-recorder.ts';
import { leases } from '../../operator/kube/lease.ts';
import type { Resource } from '../../operator/kube/resource.ts';
import { subjectAccessReviews, tokenReviews } from '../../operator/metrics-api/access.ts';
import { API_SERVICE, apiServices } from '../../operator/metrics-api/api-service.ts';
import { METRICS_SECRET } from '../../operator/metrics-api/certificate-store.ts';
import { NAMES } from '../../operator/operator.ts';
import {
  type ChildKind,
  childKinds,
  pods,
  replicaSets,
  wsClusters,
} from '../../operator/reconcile/resources.ts';

/** What the operator may do: RBAC rules, each with its reason. */
export interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** Of these objects alone. */
  readonly name?: string;
  readonly why: string;
}

const right = ({ group, plural }: Resource, verbs: readonly string[], why: string): Right => ({
  ...{ group, resource: plural, verbs, why },
});
const part = (name: string, verbs: readonly string[], why: string): Right => ({
  ...right(wsClusters, verbs, why),
  resource: `${kind.plural}/${name}`,
});

/** `get` before it makes one: an object of that name may be somebody else's. */
const MAKE = ['get', 'list', 'watch', 'create', 'patch'];
/** Of a kind of which something may be superfluous; what else is made goes with its WsCluster. */
const REMOVED: readonly ChildKind[] = [
  'configMaps',
  'deployments',
  'networkPolicies',
  'podMonitors',
  'horizontalPodAutoscalers',
];

const made: Readonly<Record<ChildKind, string>> = {
  serviceAccounts: 'gateways have one, without a token',
  services: 'clients connect to one; another names each gateway',
  configMaps: 'settings of gateways, and the ring',
  deployments: 'gateways',
  disruptionBudgets: 'how many gateways evictions leave',
  networkPolicies: 'who reaches gateways',
  horizontalPodAutoscalers: 'how many gateways there are, by their load',
  podMonitors: 'Prometheus reads gateways’ metrics, where its operator is there',
};

/** In every namespace, or in those of `watchNamespaces`. */
export const rights: readonly Right[] = [
  right(wsClusters, ['get', 'list', 'watch'], 'what is wanted'),
  part('status', ['patch'], 'what is'),
  part('finalizers', ['update'], 'to own what it makes, where the API server asks for that right'),
  right(pods, ['list', 'watch'], 'which gateways there are'),
  {
    ...right(pods, ['patch'], 'marks of those that are emptied: no right to change what one runs'),
    resource: `${pods.plural}/status`,
  },
  right(replicaSets, ['list', 'watch'], 'why a gateway could not be made'),
  ...(Object.keys(childKinds) as ChildKind[]).map((child) =>
    right(childKinds[child], REMOVED.includes(child) ? [...MAKE, 'delete'] : MAKE, made[child]),
  ),
  right(events, ['create', 'patch'], 'what happened'),
];

/** In its own namespace. */
export const ownRights: readonly Right[] = [
  right(leases, ['create'], 'who of the operators works'),
  { ...right(leases, ['get', 'update'], 'the same'), name: NAMES.lease },
  right(secrets, ['create'], 'the key by which gateways know it'),
  { ...right(secrets, ['get'], 'the same; no other Secret'), name: COMMAND_KEY_SECRET },
];

/** In its own namespace, where it serves metrics to autoscalers. */
export const ownMetricsRights: readonly Right[] = [
  { ...right(secrets, ['get', 'update'], 'what it serves with'), name: METRICS_SECRET },
];

/** In the whole cluster, where it serves metrics to autoscalers. */
export const metricsRights: readonly Right[] = [
  {
    ...right(apiServices, ['get', 'list', 'watch', 'create', 'patch', 'delete'], 'to be asked'),
    name: API_SERVICE,
  },
  right(subjectAccessReviews, ['create'], 'whether who asks for metrics may'),
  right(tokenReviews, ['create'], 'who asks for metrics with a token'),
];

/** In the whole cluster, where it serves none, and does not look after some namespaces alone. */
export const noMetricsRights: readonly Right[] = [
  {
    ...right(apiServices, ['get', 'delete'], 'to be asked no more, when it was before'),
    name: API_SERVICE,
  },
];

/** As a Role says it. */
export const asRules = (all: readonly Right[]): object[] =>
  all.map(({ group, resource, verbs, name }) => ({
    apiGroups: [group],
    resources: [resource],
    ...(name === undefined ? {} : { resourceNames: [name] }),
    verbs: [...verbs],
  }));
