import { createHash } from 'node:crypto';
import { type Saying, said } from '../../api/said.ts';
import { kind, type WsCluster } from '../../api/wscluster.ts';
import { connectionsPerPod } from './configuration.ts';

/** What pods are made from besides the spec; `status.revision` remembers it for those that run. */
export interface Basis {
  /** Image of gateways of clusters that name none. */
  readonly image: string;
  /** `TEMPLATE_VERSION` of the operator that made them. */
  readonly templateVersion: number;
}

/** Raised when `podTemplate` or `variables` make something else of the same spec. */
export const TEMPLATE_VERSION = 1;

/**
 * Of a WsCluster: another value, such as the time, replaces all gateways. Deployments are paused:
 * `kubectl rollout restart` of one does nothing.
 */
export const RESTART_ANNOTATION = `${kind.group}/restarted-at`;

/** Letters and digits that make no words, as Kubernetes uses them in names. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const LENGTH = 8;

/**
 * The name of what pods of this spec are like: the same for the same, another for anything that
 * needs other pods.
 *
 * It is made from what is said, not from what becomes of it: so an operator that makes other pods
 * than the one before can tell, by the basis in the status, that nobody has asked for any, and
 * leaves those that run alone.
 */
export function revisionOf(cluster: WsCluster, { image, templateVersion }: Basis): string {
  const content = {
    spec: Object.fromEntries(said(cluster.spec).filter(isOfPods)),
    connectionsPerPod: connectionsPerPod(cluster),
    image: cluster.spec.image ?? image,
    templateVersion,
    restart: cluster.metadata.annotations?.[RESTART_ANNOTATION],
  };
  const digest = createHash('sha256').update(canonical(content)).digest();
  return [...digest.subarray(0, LENGTH)]
    .map((byte) => ALPHABET.charAt(byte % ALPHABET.length))
    .join('');
}

/** What pods are not made from: it is about their number, or about other objects. */
const NOT_OF_PODS = new Set([
  ...['replicas', 'autoscaling', 'rollout', 'service', 'networkPolicy', 'metrics'],
  'disruption.maxUnavailable',
  // Stands in the content by itself, as what it comes to.
  ...['image', 'limits.connectionsPerPod'],
]);

const isOfPods = ([path]: Saying) =>
  !NOT_OF_PODS.has(path) && !NOT_OF_PODS.has(path.split('.')[0] ?? '');

/** JSON with sorted names: an API server may give them in any order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
