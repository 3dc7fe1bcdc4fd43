import type { ApiServer } from './connection.ts';
import { failed, isNotFound, KubeError } from './kube-error.ts';
import { isKubeObject, type KubeObject } from './objects.ts';
import { hashOf, project, sameContent } from './projection.ts';
import { remember } from './remember.ts';
import { apiVersionOf, pathOf, type Resource } from './resource.ts';

export interface ApplierOptions {
  readonly api: ApiServer;
  /** Owns the fields that are applied: the same for ever, or the old one's fields stay. */
  readonly fieldManager: string;
  /** Annotation that holds what was applied last: `wscluster.io/applied`. */
  readonly annotation: string;
}

export interface Application {
  readonly resource: Resource;
  /** Every field that is to be ours, and no other; `apiVersion` and `kind` are added. */
  readonly desired: KubeObject;
  /** What an informer holds of it now; undefined: nothing. */
  readonly observed: KubeObject | undefined;
  /** Whether an object of that name is ours to change. */
  readonly isOurs: (object: KubeObject) => boolean;
  /** Only if nobody wrote since it was observed; else `Conflict`. Default: false. */
  readonly asObserved?: boolean;
  readonly signal: AbortSignal;
}

export interface StatusApplication {
  readonly resource: Resource;
  /** Of whom, with its uid. */
  readonly observed: KubeObject;
  readonly status: object;
  readonly signal: AbortSignal;
}

/** `foreign`: an object of that name is not ours; nothing was written. */
export type Applied =
  | { readonly outcome: 'unchanged' | 'created' | 'changed'; readonly object: KubeObject }
  | { readonly outcome: 'foreign'; readonly object: KubeObject };

/** What an object was when it was as desired. */
interface Settled {
  readonly uid: string | undefined;
  /** Of what was desired. */
  readonly desired: string;
  /** Of what the API server made of it, at the same places. */
  readonly projection: string;
  /**
   * Version of the copy that need not be looked into: what was observed when it was written, which
   * is behind until another is, or the last one that was found to be as desired.
   */
  basis: string | undefined;
}

/** Each costs one write when it is forgotten. */
const SETTLED = 50_000;

/**
 * Makes objects what they are desired to be, by server-side apply: fields of others stay theirs,
 * fields that are desired no more go, and what this program does not know is not touched.
 *
 * An object that is as desired costs nothing, neither a write nor a read. It is, when what is
 * desired is what was applied last (kept in memory, and as a hash in an annotation, so that fields
 * that went are noticed after a restart, too), and an informer's copy holds at its places what the
 * API server made of that. A value that the API server writes in another form (`1000m` as `1`) is
 * so compared with its own form, and costs one write per restart, not one per look.
 */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #settled = new Map<string, Settled>();

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /**
   * Throws a `KubeError`; `Conflict` when the object is another one than was observed. An object
   * that no informer shows is asked for once before it is created: it may be somebody else's.
   */
  async apply(application: Application): Promise<Applied> {
    const { resource, desired, isOurs, asObserved = false, signal } = application;
    const path = pathOf(resource, placeOf(resource, desired));
    const { body, hash } = this.#bodyOf(resource, desired);
    const { observed } = application;
    if (
      observed !== undefined &&
      isOurs(observed) &&
      this.#isSettled(path, { body, hash, observed })
    ) {
      return { outcome: 'unchanged', object: observed };
    }
    const present = observed ?? (await this.#read(path, signal));
    if (present !== undefined && !isOurs(present)) return { outcome: 'foreign', object: present };
    const { uid, resourceVersion } = present?.metadata ?? {};
    const as = asObserved ? { uid, resourceVersion } : { uid };
    const object = await this.#write({ path, body, as, signal });
    this.#settle(path, { body, hash, object, basis: observed?.metadata.resourceVersion });
    return { outcome: outcomeOf(present, object), object };
  }

  /** The same for a status. Throws `NotFound` when the object is gone, `Conflict` for another. */
  async applyStatus(application: StatusApplication): Promise<Applied> {
    const { resource, observed, status, signal } = application;
    const place = { ...placeOf(resource, observed), subresource: 'status' };
    const path = pathOf(resource, place);
    const { name, namespace, uid } = observed.metadata;
    const { kind } = resource;
    const apiVersion = apiVersionOf(resource);
    const body = { apiVersion, kind, metadata: { name, namespace }, status } as KubeObject;
    const hash = hashOf(body);
    if (this.#isSettled(path, { body, hash, observed })) {
      return { outcome: 'unchanged', object: observed };
    }
    const object = await this.#write({ path, body, as: { uid }, signal });
    this.#settle(path, { body, hash, object, basis: observed.metadata.resourceVersion });
    return { outcome: outcomeOf(observed, object), object };
  }

  /** It is not ours any more: what is known of it is dropped. */
  forget(resource: Resource, object: KubeObject): void {
    const place = placeOf(resource, object);
    this.#settled.delete(pathOf(resource, place));
    this.#settled.delete(pathOf(resource, { ...place, subresource: 'status' }));
  }

  #bodyOf(resource: Resource, desired: KubeObject): { body: KubeObject; hash: string } {
    const { kind } = resource;
    const whole = { ...desired, apiVersion: apiVersionOf(resource), kind };
    const hash = hashOf(whole);
    const annotations = { ...desired.metadata.annotations, [this.#options.annotation]: hash };
    return { body: { ...whole, metadata: { ...desired.metadata, annotations } }, hash };
  }

  #isSettled(path: string, { body, hash, observed }: Look): boolean {
    const { uid, resourceVersion } = observed.metadata;
    const settled = this.#settled.get(path);
    if (settled?.uid === uid && settled?.desired === hash) {
      if (settled.basis !== undefined && settled.basis === resourceVersion) return true;
      if (hashOf(project(observed, body)) !== settled.projection) return false;
      settled.basis = resourceVersion;
      return true;
    }
    // Of a former life of this program: the annotation is in the body, and so compared with it.
    if (settled !== undefined || !sameContent(project(observed, body), body)) return false;
    this.#settle(path, { body, hash, object: observed, basis: observed.metadata.resourceVersion });
    return true;
  }

  #settle(path: string, { body, hash, object, basis }: Settling): void {
    const projection = hashOf(project(object, body));
    const settled = { uid: object.metadata.uid, desired: hash, projection, basis };
    remember(this.#settled, [path, settled], SETTLED);
  }

  async #read(path: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return readObject(await this.#options.api.call({ method: 'GET', path, signal }), path);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** With its uid, it is refused when another object has taken the name meanwhile, or none has. */
  async #write({ path, body, as, signal }: Write): Promise<KubeObject> {
    const { api, fieldManager } = this.#options;
    const patch = 'apply-patch+yaml' as const;
    const query = { fieldManager, force: true };
    const sent = { ...body, metadata: { ...body.metadata, ...as } };
    try {
      const call = { method: 'PATCH', path, query, body: sent, patch, signal } as const;
      return readObject(await api.call(call), path);
    } catch (error) {
      // For another uid the API server says `Invalid`, as for every field that never changes.
      const invalid = error instanceof KubeError && error.status === 422;
      if (!invalid || as.uid === undefined) throw error;
      const is = await this.#read(path.replace(/\/status$/, ''), signal);
      if (is?.metadata.uid === as.uid) throw error;
      const conflict = {
        verdict: 'expected',
        reason: 'Conflict',
        status: 409,
        cause: error,
      } as const;
      throw new KubeError(`${path} is another object than was observed`, conflict);
    }
  }
}

interface Write {
  readonly path: string;
  readonly body: KubeObject;
  /** The object that is meant, and its version if it must be that one; undefined: none. */
  readonly as: { readonly uid: string | undefined; readonly resourceVersion?: string | undefined };
  readonly signal: AbortSignal;
}

interface Look {
  readonly body: KubeObject;
  readonly hash: string;
  readonly observed: KubeObject;
}

interface Settling {
  readonly body: KubeObject;
  readonly hash: string;
  readonly object: KubeObject;
  readonly basis: string | undefined;
}

/** A write that changes nothing makes no version. */
function outcomeOf(was: KubeObject | undefined, is: KubeObject) {
  if (was === undefined) return 'created';
  const same = was.metadata.resourceVersion === is.metadata.resourceVersion;
  return same ? 'unchanged' : 'changed';
}

function placeOf({ namespaced }: Resource, { metadata }: KubeObject) {
  const { name, namespace } = metadata;
  if (name === undefined || (namespaced && namespace === undefined)) {
    throw new TypeError('an object without its name and namespace');
  }
  return namespaced ? { name, namespace } : { name };
}

function readObject(answer: unknown, path: string): KubeObject {
  if (!isKubeObject(answer)) throw failed('AnswerUnreadable', `${path}: not an object`);
  return answer;
}
