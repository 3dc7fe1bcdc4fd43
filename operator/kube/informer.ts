import type { Clock, Random } from '../../protocol/clock.ts';
import type { ApiServer } from './connection.ts';
import type { Log } from './log.ts';
import {
  type ChangeHandler,
  ObjectCache,
  type ObjectKey,
  type ObjectReader,
} from './object-cache.ts';
import type { KubeObject } from './objects.ts';
import { Reflector } from './reflector.ts';
import type { Resource } from './resource.ts';

export interface InformerOptions<T extends KubeObject> {
  readonly api: ApiServer;
  readonly resource: Resource;
  /** Which ones; each is listed and watched by itself. `all`: one watch over all of them. */
  readonly namespaces: readonly string[] | 'all';
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What is kept of each; default: all but `managedFields`, often half of an object. */
  readonly trim?: (object: T) => T;
  /** Hear of every change, after it can be read. Must not wait. */
  readonly handlers?: readonly ChangeHandler<T>[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly idleMs?: number;
}

/** How far an informer may be behind: the furthest of its watches. */
export interface InformerState {
  /** All namespaces were listed: what is not there does not exist. */
  readonly synced: boolean;
  /** Milliseconds since the API server last said something; Infinity: never. */
  readonly ageMs: number;
  readonly objects: number;
  readonly errors: readonly Error[];
}

/** The objects of one kind, kept true from some namespaces or all, to be read at no cost. */
export class Informer<T extends KubeObject> implements ObjectReader<T> {
  readonly #options: InformerOptions<T>;
  readonly #cache: ObjectCache<T>;
  readonly #reflectors: readonly Reflector[];
  readonly #whenSynced: (() => void)[] = [];

  constructor(options: InformerOptions<T>) {
    const { resource, namespaces, handlers = [], log, trim = withoutManagedFields } = options;
    this.#options = options;
    this.#cache = new ObjectCache<T>({ handlers, log, trim });
    const scopes = scopesOf(resource, namespaces);
    this.#reflectors = scopes.map((namespace) => this.#reflector(namespace));
  }

  start(): void {
    for (const reflector of this.#reflectors) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }

  get(key: ObjectKey): T | undefined {
    return this.#cache.get(key);
  }

  list(namespace?: string): T[] {
    return this.#cache.list(namespace);
  }

  get state(): InformerState {
    const all = this.#reflectors.map(({ freshness }) => freshness);
    const now = this.#options.clock.now();
    return {
      synced: all.every(({ synced }) => synced),
      ageMs: Math.max(
        ...all.map(({ heardAt }) =>
          heardAt === undefined ? Number.POSITIVE_INFINITY : now - heardAt,
        ),
      ),
      objects: this.#cache.size,
      errors: all.flatMap(({ error }) => error ?? []),
    };
  }

  /** Resolves once all was listed; rejects with the signal's reason. */
  synced(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#whenSynced.push(resolve);
      this.#tellSynced();
    });
  }

  #reflector(namespace: string | undefined): Reflector {
    const { api, resource, labelSelector, fieldSelector, ...rest } = this.#options;
    const { clock, random, log, idleMs } = rest;
    const cache = this.#cache;
    // The API server answers a path with the kind of that path.
    const target = {
      put: (object: KubeObject) => cache.put(object as T),
      delete: (object: KubeObject) => cache.delete(object as T),
      replace: (objects: readonly KubeObject[], within: string | undefined) => {
        cache.replace(objects as readonly T[], within);
        queueMicrotask(() => this.#tellSynced());
      },
    };
    const scope = { resource, namespace, labelSelector, fieldSelector };
    const given = idleMs === undefined ? {} : { idleMs };
    return new Reflector({ api, scope, target, clock, random, log, ...given });
  }

  #tellSynced(): void {
    if (!this.state.synced) return;
    for (const resolve of this.#whenSynced.splice(0)) resolve();
  }
}

function scopesOf(
  resource: Resource,
  namespaces: readonly string[] | 'all',
): (string | undefined)[] {
  if (namespaces === 'all' || !resource.namespaced) return [undefined];
  if (namespaces.length === 0) throw new TypeError(`${resource.plural} of no namespace`);
  return [...new Set(namespaces)];
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!('managedFields' in object.metadata)) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
