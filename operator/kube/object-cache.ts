import type { Log } from './log.ts';
import type { KubeObject } from './objects.ts';

/** Of an object among those of its kind: `namespace/name`, or `name` where there are none. */
export type ObjectKey = string;

function keyOf({ metadata }: KubeObject): ObjectKey {
  const { namespace, name } = metadata;
  return namespace === undefined ? (name ?? '') : `${namespace}/${name ?? ''}`;
}

/** What became of an object: `was` undefined: it is new; `is` undefined: it is gone. */
export interface Change<T extends KubeObject> {
  readonly key: ObjectKey;
  readonly was: T | undefined;
  readonly is: T | undefined;
}

export type ChangeHandler<T extends KubeObject> = (change: Change<T>) => void;

/** What reconcilers read. Objects are shared: nobody may change one. */
export interface ObjectReader<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  /** Of one namespace, or all. */
  list(namespace?: string): T[];
}

export interface ObjectCacheOptions<T extends KubeObject> {
  /** Keeps of each object what is needed, before it is kept. Default: all of it. */
  readonly trim?: (object: T) => T;
  readonly handlers: readonly ChangeHandler<T>[];
  readonly log: Log;
}

/**
 * The objects of one kind, as the API server told last. Every change is there to be read before a
 * handler hears of it, a whole list at once: no handler sees half of one. What a handler throws is
 * its own fault, is logged, and keeps nobody else from hearing.
 */
export class ObjectCache<T extends KubeObject> implements ObjectReader<T> {
  readonly #options: ObjectCacheOptions<T>;
  #objects = new Map<ObjectKey, T>();

  constructor(options: ObjectCacheOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    const all = [...this.#objects.values()];
    if (namespace === undefined) return all;
    return all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  put(object: T): void {
    const change = this.#change(this.#trim(object));
    if (change === undefined) return;
    this.#objects.set(change.key, change.is);
    this.#tell(change);
  }

  delete(object: T): void {
    const key = keyOf(object);
    const was = this.#objects.get(key);
    if (was === undefined) return;
    this.#objects.delete(key);
    this.#tell({ key, was, is: undefined });
  }

  /** All objects of a namespace, or of all, are those, and no others. */
  replace(objects: readonly T[], namespace: string | undefined): void {
    const next = new Map(this.#objects);
    const gone = new Map(this.list(namespace).map((object) => [keyOf(object), object]));
    const changes: Change<T>[] = [];
    for (const object of objects) {
      const change = this.#change(this.#trim(object));
      gone.delete(keyOf(object));
      if (change === undefined) continue;
      next.set(change.key, change.is);
      changes.push(change);
    }
    for (const [key, was] of gone) {
      next.delete(key);
      changes.push({ key, was, is: undefined });
    }
    this.#objects = next;
    for (const change of changes) this.#tell(change);
  }

  /** Undefined when it is known: a list tells much that is. */
  #change(is: T): (Change<T> & { readonly is: T }) | undefined {
    const key = keyOf(is);
    const was = this.#objects.get(key);
    const same =
      was?.metadata.resourceVersion === is.metadata.resourceVersion &&
      was?.metadata.uid === is.metadata.uid;
    return was !== undefined && same ? undefined : { key, was, is };
  }

  #trim(object: T): T {
    return this.#options.trim?.(object) ?? object;
  }

  #tell(change: Change<T>): void {
    for (const handler of this.#options.handlers) {
      try {
        handler(change);
      } catch (error) {
        this.#options.log.error({ err: error, key: change.key }, 'a handler of changes threw');
      }
    }
  }
}
