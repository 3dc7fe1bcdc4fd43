import { nearest } from '../gateway/settings/nearest.ts';
import type { WsCluster } from '../operator/api/wscluster.ts';
import { isNotFound } from '../operator/kube/kube-error.ts';
import { listAll } from '../operator/kube/list-pages.ts';
import { isKubeObject, type KubeObject } from '../operator/kube/objects.ts';
import { pathOf, type Resource } from '../operator/kube/resource.ts';
import type { ObservedPod } from '../operator/reconcile/copies.ts';
import { RING_KEYS } from '../operator/reconcile/desired/mounts.ts';
import { CLUSTER_LABEL, names, selectorText } from '../operator/reconcile/desired/names.ts';
import { childKinds, pods, wsClusters } from '../operator/reconcile/resources.ts';
import type { Ring } from '../protocol/ring.ts';
import { decodeRing } from '../protocol/ring-document.ts';
import type { Desk } from './command.ts';
import { Complaint, Misuse } from './complaint.ts';
import { listed } from './words.ts';

/** What there is in the namespace, by name; who is asked for and is not there is a `Complaint`. */

type Where = Pick<Desk, 'api' | 'namespace'>;

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Also as `kubectl get` prints it: `pod/chat-0`. Throws `Misuse` for what no object is called. */
export function nameIn(text: string, what: string): string {
  const name = text.replace(/^[a-z.0-9]+\//, '');
  if (NAME.test(name)) return name;
  throw new Misuse(`${JSON.stringify(text)} is no name of a ${what}: they have a-z 0-9 - .`);
}

export async function clustersOf({ api, namespace }: Where): Promise<WsCluster[]> {
  const scope = { resource: wsClusters, namespace };
  const { signal } = new AbortController();
  const { objects } = await listAll(api, scope, signal).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    const found = 'this Kubernetes knows no WsClusters';
    throw new Complaint(`${found}: is it the right --context, and is the operator installed?`);
  });
  return (objects as (KubeObject & WsCluster)[]).toSorted(byName);
}

export async function clusterOf(where: Where, name: string): Promise<WsCluster> {
  const found = await read(where, wsClusters, name);
  if (found !== undefined) return found as KubeObject & WsCluster;
  const all = (await clustersOf(where)).map(({ metadata }) => metadata.name);
  throw new Complaint(missing(`WsCluster ${name}`, where, { names: all, wanted: name }));
}

/** Pods of gateways: of one cluster, or of all. */
export async function podsOf(where: Where, cluster?: WsCluster): Promise<ObservedPod[]> {
  const { api, namespace } = where;
  const labelSelector = cluster === undefined ? CLUSTER_LABEL : selectorText(cluster);
  const scope = { resource: pods, namespace, labelSelector };
  const { objects } = await listAll(api, scope, new AbortController().signal);
  return (objects as ObservedPod[]).toSorted(byName);
}

/** The pod of a gateway, and the name of its cluster. */
export async function gatewayPodOf(where: Where, name: string) {
  const pod = await podOf(where, name);
  const cluster = pod?.metadata.labels?.[CLUSTER_LABEL];
  if (pod !== undefined && cluster !== undefined) return { pod, cluster };
  const all = (await podsOf(where)).map(({ metadata }) => metadata.name ?? '');
  if (pod === undefined) {
    throw new Complaint(missing(`pod ${name}`, where, { names: all, wanted: name }));
  }
  const gateways = all.length === 0 ? 'none' : listed(all);
  const why = `pod ${name} is no gateway of a WsCluster: it has no label ${CLUSTER_LABEL}`;
  throw new Complaint(`${why}; gateways in ${where.namespace}: ${gateways}`);
}

export async function podOf(where: Where, name: string): Promise<ObservedPod | undefined> {
  return read(where, pods, name);
}

/** The newest ring that the operator has made; undefined before the first one. */
export async function ringOf(where: Where, cluster: WsCluster): Promise<Ring | undefined> {
  const found = await read(where, childKinds.configMaps, names.ringConfigMap(cluster));
  const { data } = (found ?? {}) as { readonly data?: Readonly<Record<string, string>> };
  const document = data?.[RING_KEYS.ring];
  return document === undefined ? undefined : decodeRing(document);
}

/** A merge patch of this very object: another one of its name is left alone. */
export async function change(
  { api, namespace }: Where,
  { resource, metadata }: { resource: Resource; metadata: KubeObject['metadata'] },
  patch: { readonly annotations?: object; readonly spec?: object },
): Promise<void> {
  const { name, uid } = metadata;
  const { annotations, spec } = patch;
  await api.call({
    method: 'PATCH',
    path: pathOf(resource, { namespace, name }),
    patch: 'merge-patch+json',
    body: {
      metadata: { uid, ...(annotations === undefined ? {} : { annotations }) },
      ...(spec === undefined ? {} : { spec }),
    },
  });
}

async function read({ api, namespace }: Where, resource: Resource, name: string) {
  try {
    const path = pathOf(resource, { namespace, name });
    const found = await api.call({ method: 'GET', path });
    return isKubeObject(found) ? found : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

interface Known {
  readonly names: readonly string[];
  readonly wanted: string;
}

function missing(what: string, { namespace }: Where, { names: all, wanted }: Known): string {
  const lacking = `there is no ${what} in the namespace ${namespace}`;
  if (all.length === 0) return `${lacking}, nor any other: is it the right -n?`;
  const likely = nearest(wanted, all);
  return likely === undefined
    ? `${lacking}; there are ${listed(all)}`
    : `${lacking}; did you mean ${likely}?`;
}

const byName = (a: KubeObject, b: KubeObject) =>
  (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
