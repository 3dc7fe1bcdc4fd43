import type { ApiServer, Call, WatchEvent, Watching } from '../connection.ts';
import { type KubeError, refused } from '../kube-error.ts';
import { isKubeObject, isRecord, type KubeObject } from '../objects.ts';
import { never } from './canned-transport.ts';

interface Told {
  readonly version: number;
  readonly path: string;
  readonly event: WatchEvent;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * A stand-in for an API server, in the memory of a test: it numbers versions, lists by pages,
 * watches from a version on, knows conflicts and preconditions, and breaks as it is told. What is
 * written on top of the runtime is tested on it; that it tells the truth is not to be taken from it
 * but from e2e/cluster/kube-*.e2e.ts, which run on a real one.
 */
export class StandInApi implements ApiServer {
  readonly calls: Call[] = [];
  readonly watches: Watching[] = [];
  /** Watches that are open now. */
  open = 0;
  /** Asked before everything; what it returns is what is answered, or told to a watch. */
  fault: (asked: Call | Watching) => KubeError | undefined = () => undefined;
  readonly #objects = new Map<string, KubeObject>();
  readonly #history: Told[] = [];
  #version = 100;
  #uids = 0;
  #compacted = 0;
  #wake = Promise.withResolvers<void>();
  #cut = Promise.withResolvers<KubeError | undefined>();

  /** Creates or replaces, as somebody else would. */
  put(path: string, fields: Fields): KubeObject {
    const was = this.#objects.get(path);
    const given = isRecord(fields['metadata']) ? fields['metadata'] : {};
    const version = ++this.#version;
    const uid = was?.metadata.uid ?? `uid-${++this.#uids}`;
    const metadata = { ...placeOf(path), ...given, uid, resourceVersion: String(version) };
    const object = { ...fields, metadata };
    this.#objects.set(path, object);
    this.#tell(path, was === undefined ? 'ADDED' : 'MODIFIED', object);
    return object;
  }

  remove(path: string): void {
    const was = this.#objects.get(path);
    if (!this.#objects.delete(path) || was === undefined) return;
    const metadata = { ...was.metadata, resourceVersion: String(++this.#version) };
    this.#tell(path, 'DELETED', { ...was, metadata });
  }

  get(path: string): KubeObject | undefined {
    return this.#objects.get(path);
  }

  /** Of a collection, as they are. */
  all(collection: string): KubeObject[] {
    return [...this.#objects].filter(([path]) => isWithin(path, collection)).map(([, one]) => one);
  }

  /** History up to now is not kept any more, and the rest of lists neither. */
  compact(): void {
    this.#version += 1;
    this.#compacted = this.#version;
  }

  /** Ends all watches, in peace or with an error. */
  cut(error?: KubeError): void {
    this.#cut.resolve(error);
    this.#cut = Promise.withResolvers();
  }

  /** Tells all watches which version it is. */
  bookmark(): void {
    this.#version += 1;
    const object = { metadata: { resourceVersion: String(this.#version) } };
    this.#tell('', 'BOOKMARK', object);
  }

  /** Puts an event as it is before every watch. */
  say(path: string, event: WatchEvent): void {
    this.#history.push({ version: ++this.#version, path, event });
    this.#wakeAll();
  }

  async call(call: Call): Promise<unknown> {
    this.calls.push(call);
    call.signal?.throwIfAborted();
    call.before?.();
    const fault = this.fault(call);
    if (fault !== undefined) throw fault;
    const { method, path } = call;
    if (method === 'POST') return this.#create(call);
    if (method === 'GET' && isCollection(path)) return this.#list(call);
    if (path.endsWith('/status')) return this.#applyStatus(call);
    const was = this.#objects.get(path);
    if (method === 'PATCH' && call.patch !== 'merge-patch+json') return this.#apply(call, was);
    if (was === undefined) throw this.#refuse(404, 'NotFound', path);
    if (method === 'PATCH') return this.#merge(call, was);
    if (method === 'PUT') return this.#replace(call, was);
    if (method === 'DELETE') return this.#delete(call, was);
    return was;
  }

  async *watch(watching: Watching): AsyncGenerator<WatchEvent> {
    this.watches.push(watching);
    const fault = this.fault(watching);
    if (fault !== undefined) throw fault;
    const { path, query, signal } = watching;
    const from = Number(query['resourceVersion']);
    if (from < this.#compacted) throw this.#refuse(410, 'Expired', path);
    let next = this.#history.findIndex(({ version }) => version > from);
    if (next < 0) next = this.#history.length;
    const cut = this.#cut.promise;
    this.open += 1;
    try {
      for (;;) {
        for (const told of this.#history.slice(next)) {
          next += 1;
          if (told.path === '' || isWithin(told.path, path)) yield told.event;
        }
        const woken = await Promise.race([this.#wake.promise, cut, never(signal)]);
        const error = woken ?? (await Promise.race([cut, Promise.resolve('not cut' as const)]));
        if (error === 'not cut') continue;
        if (error !== undefined) throw error;
        return;
      }
    } finally {
      this.open -= 1;
    }
  }

  #create({ path, body }: Call): KubeObject {
    const object = isRecord(body) ? body : {};
    const name = isRecord(object['metadata']) ? String(object['metadata']['name']) : '';
    const at = `${path}/${name}`;
    if (this.#objects.has(at)) throw this.#refuse(409, 'AlreadyExists', at);
    return this.put(at, object);
  }

  #replace({ path, body }: Call, was: KubeObject): KubeObject {
    if (!isKubeObject(body)) throw this.#refuse(400, 'BadRequest', path);
    const { resourceVersion = was.metadata.resourceVersion } = body.metadata;
    if (resourceVersion !== was.metadata.resourceVersion) {
      throw this.#refuse(409, 'Conflict', path);
    }
    return this.put(path, { ...body });
  }

  /** Fields of others stay; owners of fields are not kept. What changes nothing has no version. */
  #apply({ path, body }: Call, was: KubeObject | undefined): KubeObject {
    const fields = isRecord(body) ? body : {};
    const { resourceVersion, ...given } = isRecord(fields['metadata']) ? fields['metadata'] : {};
    if (resourceVersion !== undefined && resourceVersion !== was?.metadata.resourceVersion) {
      throw this.#refuse(409, 'Conflict', path);
    }
    const now = { ...was, ...fields, metadata: { ...was?.metadata, ...given } };
    if (was !== undefined && JSON.stringify(now) === JSON.stringify(was)) return was;
    return this.put(path, now);
  }

  /** A merge patch; the uid and the version that it names must be the object's. */
  #merge({ path, body }: Call, was: KubeObject): KubeObject {
    const given = isRecord(body) && isRecord(body['metadata']) ? body['metadata'] : {};
    for (const field of ['uid', 'resourceVersion'] as const) {
      if ((given[field] ?? was.metadata[field]) !== was.metadata[field]) {
        throw this.#refuse(409, 'Conflict', path);
      }
    }
    const now = merged({ ...was }, body);
    if (!isKubeObject(now)) throw this.#refuse(400, 'BadRequest', path);
    return JSON.stringify(now) === JSON.stringify(was) ? was : this.put(path, { ...now });
  }

  #applyStatus({ path, body, patch }: Call): KubeObject {
    const at = path.slice(0, -'/status'.length);
    const was = this.#objects.get(at);
    if (was === undefined) throw this.#refuse(404, 'NotFound', at);
    if (patch === 'merge-patch+json') return this.#mergeMarks(at, was, body);
    const status = isRecord(body) ? body['status'] : undefined;
    return this.#apply({ method: 'PATCH', path: at, body: { status } }, was);
  }

  /** Labels and annotations, which can be written with a status as well. */
  #mergeMarks(at: string, was: KubeObject, body: unknown): KubeObject {
    const given = isRecord(body) && isRecord(body['metadata']) ? body['metadata'] : {};
    if (given['uid'] !== was.metadata.uid) throw this.#refuse(409, 'Conflict', at);
    const merged = (name: 'labels' | 'annotations') => {
      const change = isRecord(given[name]) ? given[name] : {};
      const all = Object.entries({ ...was.metadata[name], ...change });
      return Object.fromEntries(all.filter(([, value]) => value !== null));
    };
    const marks = { labels: merged('labels'), annotations: merged('annotations') };
    return this.put(at, { ...was, metadata: { ...was.metadata, ...marks } });
  }

  #delete({ path, body }: Call, was: KubeObject): KubeObject {
    const asked = isRecord(body) && isRecord(body['preconditions']) ? body['preconditions'] : {};
    for (const [field, value] of Object.entries(asked)) {
      const is: unknown = was.metadata[field as 'uid' | 'resourceVersion'];
      if (is !== value) throw this.#refuse(409, 'Conflict', path);
    }
    this.remove(path);
    return was;
  }

  #list({ path, query = {} }: Call): unknown {
    const [at = this.#version, from = 0] = String(query['continue'] ?? '')
      .split(':')
      .filter((part) => part !== '')
      .map(Number);
    if (at < this.#compacted) throw this.#refuse(410, 'Expired', path);
    const all = this.all(path);
    const limit = Number(query['limit'] ?? all.length);
    const items = all.slice(from, from + limit).map(({ kind: _, apiVersion: __, ...one }) => one);
    const next = from + limit < all.length ? `${at}:${from + limit}` : '';
    return { kind: 'List', metadata: { resourceVersion: String(at), continue: next }, items };
  }

  #tell(path: string, type: string, object: KubeObject): void {
    this.#history.push({ version: this.#version, path, event: { type, object: { ...object } } });
    this.#wakeAll();
  }

  #wakeAll(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  #refuse(code: number, reason: string, what: string): KubeError {
    return refused({ code, what, status: { reason, message: what }, wallMs: 0 });
  }
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

/** `…/namespaces/n/plural/name`, or `…/plural/name`. */
function segmentsOf(path: string): string[] {
  return path.split('/').slice(path.startsWith('/apis/') ? 4 : 3);
}

function isCollection(path: string): boolean {
  return segmentsOf(path).length % 2 === 1;
}

function placeOf(path: string): { readonly name?: string; readonly namespace?: string } {
  const segments = segmentsOf(path);
  const [first, namespace = '', , name = ''] = segments;
  if (first === 'namespaces' && segments.length === 4) return { namespace, name };
  return { name: segments[1] ?? '' };
}

/** Also the collection of all namespaces. */
function isWithin(path: string, collection: string): boolean {
  if (path.startsWith(`${collection}/`)) return true;
  const plural = segmentsOf(collection);
  const segments = segmentsOf(path);
  return plural.length === 1 && segments[0] === 'namespaces' && segments[2] === plural[0];
}
