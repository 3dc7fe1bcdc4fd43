import type { ApiServer } from './connection.ts';
import { isConflict, isNotFound } from './kube-error.ts';
import type { KubeObject } from './objects.ts';
import { pathOf, type Resource } from './resource.ts';

export interface Removal {
  readonly resource: Resource;
  /** As it was observed, with its uid: another object of that name is left alone. */
  readonly object: KubeObject;
  /** Only if nobody wrote since it was observed. Default: false. */
  readonly asObserved?: boolean;
  /** What becomes of those that it owns. Default: they go after it. */
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly signal: AbortSignal;
}

/**
 * `gone`: it was not there any more. Throws a `KubeError`; `Conflict` when somebody wrote since and
 * that was not to be.
 */
export async function remove(api: ApiServer, removal: Removal): Promise<'deleted' | 'gone'> {
  const { resource, object, asObserved = false, propagation = 'Background', signal } = removal;
  const { name, namespace, uid, resourceVersion } = object.metadata;
  if (uid === undefined) throw new TypeError('an object without a uid was never observed');
  const preconditions = asObserved ? { uid, resourceVersion } : { uid };
  const body = {
    ...{ apiVersion: 'v1', kind: 'DeleteOptions', preconditions },
    propagationPolicy: propagation,
  };
  const path = pathOf(resource, { name, namespace });
  try {
    await api.call({ method: 'DELETE', path, body, signal });
    return 'deleted';
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    // The name is another object's: this one is gone.
    if (isConflict(error) && !asObserved) return 'gone';
    throw error;
  }
}
