import { createHash } from 'node:crypto';
import { kind, type WsCluster } from '../../api/wscluster.ts';
import { variables } from './configuration.ts';
import { type Defaults, podTemplate } from './pod-template.ts';

/**
 * Raised when `podTemplate` or `variables` make something else of the same spec: revisions that
 * exist keep theirs, so that no new operator restarts every cluster.
 */
const TEMPLATE_VERSION = 1;

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
 * needs other pods. Number of replicas, Service, policies and metrics are not in it.
 */
export function revisionOf(cluster: WsCluster, defaults: Defaults): string {
  // Under no name of a revision: those would differ by themselves.
  const content = {
    template: podTemplate(cluster, '', defaults),
    variables: variables(cluster),
    version: TEMPLATE_VERSION,
    restart: cluster.metadata.annotations?.[RESTART_ANNOTATION],
  };
  const digest = createHash('sha256').update(canonical(content)).digest();
  return [...digest.subarray(0, LENGTH)]
    .map((byte) => ALPHABET.charAt(byte % ALPHABET.length))
    .join('');
}

/** JSON with sorted names: an API server may give them in any order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
