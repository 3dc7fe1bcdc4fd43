import { kind } from '../api/wscluster.ts';
import type { Attempt } from './access.ts';
import { type LoadMetric, loadMetrics } from './load-metrics.ts';
import { badRequest, notFound } from './refusal.ts';

/** The group that is served: the API server has one server for all of it. */
export const GROUP = { group: 'external.metrics.k8s.io', version: 'v1beta1' } as const;
export const CLUSTER_LABEL = `${kind.group}/cluster`;

/** What somebody asks for. */
export type Question =
  | { readonly kind: 'live' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'document'; readonly document: Document }
  /** One metric, as autoscalers of Kubernetes ask for it. */
  | {
      readonly kind: 'metric';
      readonly metric: LoadMetric;
      readonly cluster: ClusterName;
      readonly attempt: Attempt;
    }
  /** All of them, for others. */
  | { readonly kind: 'load'; readonly cluster: ClusterName; readonly attempt: Attempt };

export type Document = 'groups' | 'group' | 'resources' | 'openapi-v2' | 'openapi-v3';

export interface ClusterName {
  readonly namespace: string;
  readonly name: string;
}

const documents: Readonly<Record<string, Document>> = {
  '/apis': 'groups',
  [`/apis/${GROUP.group}`]: 'group',
  [`/apis/${GROUP.group}/${GROUP.version}`]: 'resources',
  '/openapi/v2': 'openapi-v2',
  '/openapi/v3': 'openapi-v3',
};

const METRIC = new RegExp(
  `^/apis/${GROUP.group}/${GROUP.version}/namespaces/([^/]+)/([^/]+)$`.replaceAll('.', '\\.'),
);
const LOAD = /^\/v1\/namespaces\/([^/]+)\/wsclusters\/([^/]+)\/load$/;

/** What a URL asks for. Throws a `Refusal` that says what it may be. */
export function questionOf(url: string): Question {
  const { pathname, searchParams } = parsed(url);
  const path = pathname.length > 1 ? pathname.replace(/\/$/, '') : pathname;
  if (path === '/livez' || path === '/healthz') return { kind: 'live' };
  if (path === '/readyz') return { kind: 'ready' };
  const document = documents[path];
  if (document !== undefined) return { kind: 'document', document };
  const [, namespace = '', name = ''] = METRIC.exec(path) ?? LOAD.exec(path) ?? [];
  if (namespace === '') throw notFound('the server could not find the requested resource');
  if (LOAD.test(path)) return loadOf({ namespace: decoded(namespace), name: decoded(name) });
  return metricOf(decoded(namespace), decoded(name), searchParams.get('labelSelector') ?? '');
}

function parsed(url: string): URL {
  try {
    return new URL(url, 'https://metrics');
  } catch {
    throw badRequest('that is no path');
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest('that is no path');
  }
}

const loadOf = (cluster: ClusterName): Question => ({
  ...{ kind: 'load', cluster },
  // Who may read a WsCluster may know how many clients it has: its status says that, too.
  attempt: { verb: 'get', group: kind.group, resource: kind.plural, ...cluster },
});

function metricOf(namespace: string, name: string, selector: string): Question {
  const metric = loadMetrics.find((one) => one.name === name);
  if (metric === undefined) {
    const known = loadMetrics.map((one) => one.name).join(', ');
    throw notFound(`there is no metric ${JSON.stringify(name)}, but ${known}`);
  }
  const cluster = { namespace, name: clusterIn(selector) };
  const attempt = { verb: 'list', group: GROUP.group, resource: name, namespace };
  return { kind: 'metric', metric, cluster, attempt };
}

/** `label=name`, `label==name`, or `label in (name)`: all that means one. */
const ONE = new RegExp(
  `^${CLUSTER_LABEL.replaceAll('.', '\\.')}(?:==?|\\s+in\\s*\\()\\s*([-a-z0-9]+)\\s*(\\))?$`,
);

function clusterIn(selector: string): string {
  const [, name = '', closed] = ONE.exec(selector.trim()) ?? [];
  if (name !== '' && selector.includes('(') === (closed !== undefined)) return name;
  throw badRequest(
    `labelSelector must be ${CLUSTER_LABEL}=NAME, of one WsCluster, not ` +
      JSON.stringify(selector.slice(0, 100)),
  );
}
