import { kind, versions, type WsCluster } from '../../api/wscluster.ts';
import type { OwnerReference } from '../../kube/objects.ts';

/** How what is made for a WsCluster is called, labelled and owned. */

/** The cluster that a pod belongs to. Everything that is made has it: watches filter by it. */
export const CLUSTER_LABEL = `${kind.group}/cluster`;
/** The revision that a pod has. */
export const REVISION_LABEL = `${kind.group}/revision`;
/** Pods that were told to drain have it; its value says nothing. */
export const DRAINING_LABEL = `${kind.group}/draining`;
/** Annotation by which somebody asks for that, with any value; without it a pod is called back. */
export const DRAIN_REQUESTED = `${kind.group}/drain-requested`;
/** Annotation of a pod that was called back because it was asked for no more: since when. */
export const DRAIN_CANCELLED = `${kind.group}/drain-cancelled`;
/** Annotations of such pods: since when, and why. */
export const DRAINING_SINCE = `${kind.group}/draining-since`;
export const DRAINING_WHY = `${kind.group}/draining-why`;

/** Fixed, and numbers alone: what is made for one cluster never meets that of another there. */
export const PORTS = { client: 8001, admin: 9001 } as const;

export const names = {
  /** For clients. */
  service: ({ metadata }: WsCluster) => metadata.name,
  /** Of single pods, ready or not. */
  headlessService: ({ metadata }: WsCluster) => `${metadata.name}-pods`,
  serviceAccount: ({ metadata }: WsCluster) => metadata.name,
  disruptionBudget: ({ metadata }: WsCluster) => metadata.name,
  networkPolicy: ({ metadata }: WsCluster) => metadata.name,
  podMonitor: ({ metadata }: WsCluster) => metadata.name,
  autoscaler: ({ metadata }: WsCluster) => metadata.name,
  /** The ring, and the public keys of who may push it; it changes all the time. */
  ringConfigMap: ({ metadata }: WsCluster) => `${metadata.name}-ring`,
  /** Of a revision: pods of an older one that start again keep what they had. */
  configMap: ({ metadata }: WsCluster, revision: string) => `${metadata.name}-${revision}`,
  deployment: ({ metadata }: WsCluster, revision: string) => `${metadata.name}-${revision}`,
} as const;

/** Of all pods of a cluster, of every revision. */
export const selectorOf = ({ metadata }: WsCluster) => ({ [CLUSTER_LABEL]: metadata.name });

/** Of the pods of one revision, and of no other. */
export const revisionSelectorOf = (cluster: WsCluster, revision: string) => ({
  ...selectorOf(cluster),
  [REVISION_LABEL]: revision,
});

/** `status.selector`: the same in one text. */
export const selectorText = (cluster: WsCluster): string =>
  Object.entries(selectorOf(cluster))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

const labelsOf = (cluster: WsCluster) => ({
  'app.kubernetes.io/name': 'wscluster-gateway',
  'app.kubernetes.io/instance': cluster.metadata.name,
  'app.kubernetes.io/managed-by': 'wscluster-operator',
  ...selectorOf(cluster),
});

/** Of pods: a selector must find in them what it looks for, whatever the spec adds. */
export const podLabelsOf = (cluster: WsCluster, revision: string) => ({
  ...cluster.spec.pod?.labels,
  ...labelsOf(cluster),
  ...revisionSelectorOf(cluster, revision),
});

/**
 * Of an object that is made for a cluster. Nothing of the cluster's own labels and annotations:
 * who manages those would take the object for one of its own, and remove it.
 */
export const metadataOf = (cluster: WsCluster, name: string) => ({
  name,
  namespace: cluster.metadata.namespace,
  labels: labelsOf(cluster),
  ownerReferences: [ownerOf(cluster)],
});

function ownerOf({ metadata: { name, uid } }: WsCluster): OwnerReference {
  return {
    apiVersion: `${kind.group}/${versions.stored}`,
    kind: kind.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
