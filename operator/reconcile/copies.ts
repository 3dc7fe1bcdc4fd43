import type { V1Deployment, V1ReplicaSet } from '@kubernetes/client-node';
import type { WsCluster } from '../api/wscluster.ts';
import type { ObjectReader } from '../kube/object-cache.ts';
import type { KubeObject, Raw } from '../kube/objects.ts';
import { CLUSTER_LABEL } from './desired/names.ts';
import type { Pod } from './gateways.ts';
import type { ChildKind } from './resources.ts';

/** As informers hold them: metadata is always there. */
export type Deployment = KubeObject & Raw<Pick<V1Deployment, 'spec' | 'status'>>;
export type ReplicaSet = KubeObject & Raw<Pick<V1ReplicaSet, 'spec' | 'status'>>;
export type ObservedPod = KubeObject & Pod;

/** What a reconciler reads: nothing of it costs a call. */
export interface Copies {
  readonly clusters: ObjectReader<WsCluster>;
  readonly pods: ObjectReader<ObservedPod>;
  readonly replicaSets: ObjectReader<ReplicaSet>;
  /** Undefined where a kind is not known. */
  readonly children: Readonly<Record<ChildKind, ObjectReader<KubeObject> | undefined>>;
}

/** `namespace/name` of the WsCluster that an object says it is made for. */
export function clusterKeyOf({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels?.[CLUSTER_LABEL];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

/** Whether it was made for this very WsCluster, not for one that had its name. */
export function isMadeFor(cluster: WsCluster): (object: KubeObject) => boolean {
  return (object) => controllerUidOf(object) === cluster.metadata.uid;
}

/** Whether it was made for one that had the name before, and is about to go after it. */
export function isLeftOver(cluster: WsCluster, { metadata }: KubeObject): boolean {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return owner?.kind === cluster.kind && owner.name === cluster.metadata.name;
}

const controllerUidOf = ({ metadata }: KubeObject): string | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;

/** What there is of one cluster. */
export interface Observed {
  readonly deployments: readonly Deployment[];
  readonly replicaSets: readonly ReplicaSet[];
  readonly pods: readonly ObservedPod[];
  readonly configMaps: readonly KubeObject[];
}

/**
 * What there is of a cluster. Labels can be put on anything: only what is owned counts, and pods
 * that are going, whose owners may be gone.
 */
export function observe(copies: Copies, cluster: WsCluster): Observed {
  const { namespace } = cluster.metadata;
  const key = `${namespace}/${cluster.metadata.name}`;
  const of = <T extends KubeObject>(reader: ObjectReader<T> | undefined): T[] =>
    (reader?.list(namespace) ?? []).filter((object) => clusterKeyOf(object) === key);
  const isOurs = isMadeFor(cluster);
  const { deployments: reader, configMaps } = copies.children;
  // The API server answers a path with the kind of that path.
  const deployments = of(reader).filter(isOurs) as Deployment[];
  const replicaSets = ownedBy(deployments, of(copies.replicaSets));
  const pods = of(copies.pods);
  const going = pods.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  return {
    deployments,
    replicaSets,
    pods: [...new Set([...ownedBy(replicaSets, pods), ...going])],
    configMaps: of(configMaps).filter(isOurs),
  };
}

function ownedBy<T extends KubeObject>(owners: readonly KubeObject[], objects: readonly T[]): T[] {
  const uids = new Set(owners.map(({ metadata }) => metadata.uid));
  return objects.filter((object) => uids.has(controllerUidOf(object)));
}
