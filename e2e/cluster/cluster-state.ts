import { AssertionError } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { WsCluster } from '../../operator/api/wscluster.ts';
import type { ApiServer } from '../../operator/kube/connection.ts';
import { isNotFound } from '../../operator/kube/kube-error.ts';
import { isRecord, type KubeObject } from '../../operator/kube/objects.ts';
import { pathOf, type Resource } from '../../operator/kube/resource.ts';
import { NAMES } from '../../operator/operator.ts';
import { type ConditionType, conditionIn } from '../../operator/reconcile/condition.ts';
import type { ObservedPod } from '../../operator/reconcile/copies.ts';
import { RING_KEYS } from '../../operator/reconcile/desired/mounts.ts';
import { CLUSTER_LABEL } from '../../operator/reconcile/desired/names.ts';
import { childKinds, pods, replicaSets, wsClusters } from '../../operator/reconcile/resources.ts';
import { type Ring, SHARDS } from '../../protocol/ring.ts';
import { decodeRing } from '../../protocol/ring-document.ts';
import { until } from '../deadline.ts';

/** As the API server gives it to whoever lists. */
interface Listed extends KubeObject {
  readonly metadata: KubeObject['metadata'] & {
    readonly managedFields?: readonly { readonly manager?: string; readonly fieldsV1?: object }[];
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly status?: unknown;
}

const KINDS: readonly Resource[] = [...Object.values(childKinds), replicaSets, pods];
/** A ring may give one member so many shards more than another. */
const BALANCED = 1.05;

export interface ClusterName {
  readonly namespace: string;
  readonly name: string;
}

/** All that is there of a cluster, or of all clusters of a namespace: kind and name. */
export async function remains(api: ApiServer, namespace: string, name?: string): Promise<string[]> {
  const objects = await all(api, { namespace, name });
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
}

/** Uids of its pods, but of those that are going. */
export async function podsOf(api: ApiServer, { namespace, name }: ClusterName): Promise<string[]> {
  return (await all(api, { namespace, name }, [pods]))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.uid ?? '');
}

/**
 * What there is of a cluster, without what differs each time although nothing is different: uids,
 * versions, times, random names. Two that are alike are deeply equal.
 */
export async function stateOf(api: ApiServer, { namespace, name }: ClusterName): Promise<unknown> {
  const path = pathOf(wsClusters, { namespace, name });
  const cluster = (await api.call({ method: 'GET', path })) as WsCluster;
  const objects = await all(api, { namespace, name });
  const running = objects.filter(({ kind }) => kind === 'Pod');
  const names = running.map(({ metadata }) => metadata.name ?? '').sort();
  const lines = objects.map((object) => shown(object, cluster.metadata.uid, names));
  const { conditions = [], ring, ...status } = cluster.status ?? {};
  const told = {
    ...status,
    ring: ring?.members,
    conditions: conditions.map(({ lastTransitionTime: _, ...condition }) => ({
      ...condition,
      message: condition.message.replace(/ring \d+\.\d+/, 'ring N'),
    })),
  };
  const text = JSON.stringify([told, ...lines.sort(byText)])
    .replaceAll(cluster.metadata.uid, 'UID')
    .replaceAll(namespace, 'NAMESPACE')
    .replaceAll(name, 'NAME');
  return JSON.parse(text);
}

/** Waits until a cluster is just that, as `stateOf` says it; the error says what differs. */
export async function becomes(
  api: ApiServer,
  { at, state, why }: { readonly at: ClusterName; readonly state: unknown; readonly why: string },
): Promise<void> {
  let last: unknown;
  const difference = () => {
    const sides = { actual: last, expected: state };
    return new AssertionError({ ...sides, operator: 'deepStrictEqual' }).message;
  };
  await until(
    async () => {
      last = await stateOf(api, at);
      return isDeepStrictEqual(last, state);
    },
    {
      for: () => `${at.name} to be as it was ${why}: ${difference()}`,
      ...{ deadlineMs: 30_000, everyMs: 200 },
    },
  );
}

/** Whether the status says that all is as the spec wants it. */
export function isSettled({ metadata, status }: WsCluster): boolean {
  const holds = (type: string, is: string) =>
    status?.conditions?.some((one) => one.type === type && `${one.status} ${one.reason}` === is);
  return (
    status?.observedGeneration === metadata.generation &&
    holds('Ready', 'True AllReady') === true &&
    holds('RingSynced', 'True Synced') === true &&
    holds('Draining', 'False NoneDraining') === true
  );
}

export interface Sought {
  readonly type: ConditionType;
  /** `True AllReady` */
  readonly is: string;
  readonly deadlineMs: number;
  readonly everyMs: number;
}

/** Waits until a condition of the cluster is that. Resolves with its message. */
export async function reaches(
  read: () => Promise<WsCluster>,
  { type, is, ...wait }: Sought,
): Promise<string> {
  let last = '';
  return until(
    async () => {
      const cluster = await read();
      const found = conditionOf(cluster, type);
      last = `${type} of ${cluster.metadata.name} to be ${is}, not ${found.is}: ${found.message}`;
      return found.is === is && found.message;
    },
    { for: () => last, ...wait },
  );
}

export interface Found {
  /** `True AllReady`, or whatever it is. */
  readonly is: string;
  readonly message: string;
}

export function conditionOf(cluster: WsCluster, type: ConditionType): Found {
  const { status, reason, message = '' } = conditionIn(cluster.status, type) ?? {};
  return { is: `${status} ${reason}`, message };
}

async function all(
  api: ApiServer,
  { namespace, name }: { readonly namespace: string; readonly name?: string | undefined },
  kinds = KINDS,
): Promise<Listed[]> {
  const labelSelector = name === undefined ? CLUSTER_LABEL : `${CLUSTER_LABEL}=${name}`;
  const lists = kinds.map(async (resource) => {
    const path = pathOf(resource, { namespace });
    const list = await api
      .call({ method: 'GET', path, query: { labelSelector } })
      .catch((error: unknown) => {
        // A kind that this cluster does not know.
        if (isNotFound(error)) return { items: [] };
        throw error;
      });
    const { items } = list as { readonly items: readonly Listed[] };
    return items.map((item) => ({ ...item, kind: resource.kind }));
  });
  return (await Promise.all(lists)).flat();
}

/** By what it is, and what the operator has set in it. */
function shown(object: Listed, owner: string, names: readonly string[]): object {
  const { kind, metadata, spec = {}, data } = object;
  const { labels: { 'pod-template-hash': _, ...labels } = {}, annotations = {} } = metadata;
  const leaving = metadata.deletionTimestamp === undefined ? {} : { leaving: true };
  if (kind === 'Pod') return { kind, labels, ready: isReady(object), ...leaving };
  if (kind === 'ReplicaSet') return { kind, labels, replicas: spec['replicas'], ...leaving };
  const { clusterIP: __, clusterIPs: ___, ...rest } = spec;
  const { [NAMES.annotation]: applied, ...others } = annotations;
  const owned = metadata.ownerReferences?.map(({ uid }) => uid === owner);
  return {
    ...{ kind, name: metadata.name, labels, others, applied: applied !== undefined, owned },
    ...{ spec: rest, ...leaving, ours: ownedFields(object) },
    ...(data === undefined ? {} : { data: withoutRing(data, names) }),
  };
}

/** What the operator owns of it, once for each way in which it wrote. */
const ownedFields = ({ metadata }: Listed) =>
  (metadata.managedFields ?? [])
    .filter(({ manager }) => manager === NAMES.fieldManager)
    .map(({ fieldsV1 }) => fieldsV1);

function withoutRing(data: Readonly<Record<string, string>>, names: readonly string[]): object {
  const { [RING_KEYS.ring]: document, ...rest } = data;
  if (document === undefined) return rest;
  const ring = readable(document);
  if (ring === undefined) return { ...rest, ring: 'no ring' };
  const { members, owners } = ring;
  const shards = members.map((_, at) => owners.filter((owner) => owner === at).length);
  const ids = members.map(({ id }) => id).sort();
  return {
    ...rest,
    ring: {
      ofAllPods: isDeepStrictEqual(ids, names),
      balanced: Math.max(...shards) <= (SHARDS / members.length) * BALANCED,
    },
  };
}

/** Undefined where somebody wrote over it. */
function readable(document: string): Ring | undefined {
  try {
    return decodeRing(document);
  } catch {
    return undefined;
  }
}

function isReady({ status }: Listed): boolean {
  const { conditions = [] } = (isRecord(status) ? status : {}) as NonNullable<
    ObservedPod['status']
  >;
  return conditions.some((one) => one.type === 'Ready' && one.status === 'True');
}

const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
