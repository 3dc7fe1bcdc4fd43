import type { V1APIService } from '@kubernetes/client-node';
import type { ApiServer } from '../kube/connection.ts';
import { isNotFound } from '../kube/kube-error.ts';
import { isKubeObject, type KubeObject, type Raw } from '../kube/objects.ts';
import { remove } from '../kube/remove.ts';
import { pathOf, type Resource } from '../kube/resource.ts';
import { GROUP } from './questions.ts';

export const apiServices: Resource = {
  ...{ group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices' },
  ...{ kind: 'APIService', namespaced: false },
};
/** There is one for all of a cluster: whoever has it answers for every External metric. */
export const API_SERVICE = `${GROUP.version}.${GROUP.group}`;
const LABELS = { 'app.kubernetes.io/managed-by': 'wscluster-operator' };
/** It is about to go for good: nobody is to make it anew. */
const WITHDRAWN = 'wscluster.io/withdrawn';

export type ApiService = KubeObject & Raw<Pick<V1APIService, 'spec' | 'status'>>;

/** The Service by which the API server reaches the metrics API. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** `authorities`: PEM. */
export function apiService(service: ServiceName, authorities: readonly string[]): ApiService {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: API_SERVICE, labels: LABELS },
    spec: {
      ...{ group: GROUP.group, version: GROUP.version },
      // As others that serve metrics have them: nothing else is in this group.
      ...{ groupPriorityMinimum: 100, versionPriority: 100 },
      service: { ...service, port: 443 },
      caBundle: Buffer.from(authorities.join('')).toString('base64'),
    },
  };
}

/** Whether an operator of this namespace made it. */
export const isOurs = (object: KubeObject, namespace: string): boolean =>
  Object.entries(LABELS).every(([label, value]) => object.metadata.labels?.[label] === value) &&
  (object as ApiService).spec?.service?.namespace === namespace;

export const isWithdrawn = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.[WITHDRAWN] !== undefined;

/** `namespace/name` of the Service that answers, in words for people. */
export function ownerOf({ spec }: ApiService): string {
  const { service } = spec ?? {};
  return service === undefined ? 'the API server itself' : `${service.namespace}/${service.name}`;
}

export interface Withdrawal {
  /** Of the operator. */
  readonly namespace: string;
  /** Operators that run are to leave it so. */
  readonly forGood: boolean;
  readonly signal: AbortSignal;
}

/**
 * Takes the API server's reference to this operator away. `foreign`: it is somebody else's, and
 * stays. Throws a `KubeError`.
 */
export async function withdraw(
  api: ApiServer,
  { namespace, forGood, signal }: Withdrawal,
): Promise<'withdrawn' | 'absent' | 'foreign'> {
  const path = pathOf(apiServices, { name: API_SERVICE });
  try {
    const object = await api.call({ method: 'GET', path, signal });
    if (!isKubeObject(object)) throw new TypeError(`${API_SERVICE} is no object`);
    if (!isOurs(object, namespace)) return 'foreign';
    const patch = 'merge-patch+json' as const;
    const body = { metadata: { annotations: { [WITHDRAWN]: 'true' } } };
    if (forGood) await api.call({ method: 'PATCH', path, patch, body, signal });
    await remove(api, { resource: apiServices, object, signal });
    return 'withdrawn';
  } catch (error) {
    if (isNotFound(error)) return 'absent';
    throw error;
  }
}
