import { type Clock, type Random, sleep } from '../../protocol/clock.ts';
import { backoffMs } from './backoff.ts';
import type { ApiServer, WatchEvent } from './connection.ts';
import { failed, isGone, KubeError } from './kube-error.ts';
import { collectionOf, listAll, type Scope, selectorsOf } from './list-pages.ts';
import type { Log } from './log.ts';
import { isKubeObject, type KubeObject } from './objects.ts';

/** Where what the API server tells goes. */
export interface Reflected {
  put(object: KubeObject): void;
  delete(object: KubeObject): void;
  replace(objects: readonly KubeObject[], namespace: string | undefined): void;
}

export interface ReflectorOptions {
  readonly api: ApiServer;
  readonly scope: Scope;
  readonly target: Reflected;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Longest silence of a watch; bookmarks come every minute. Default: 90 s. */
  readonly idleMs?: number;
}

/** How far what was reflected may be behind. Times by the clock's `now`. */
export interface Freshness {
  /** It was listed at least once. */
  readonly synced: boolean;
  /** When the API server last said something: a list, an event, a bookmark. */
  readonly heardAt: number | undefined;
  /** Of the last list, event or bookmark. */
  readonly resourceVersion: string | undefined;
  /** What the last attempt ended with; undefined while all is well. */
  readonly error: Error | undefined;
}

const IDLE_MS = 90_000;
/** The server ends a watch after a time from here on, up to twice it: not all at once. Seconds. */
const WATCH_SECONDS = 300;
/** client-go's, too. */
const BACKOFF = { baseMs: 800, capMs: 30_000 };
/** A watch that lived so long was not in vain: what comes after it starts anew. */
const LASTING_MS = 10_000;
/** A version that the server does not take, and does not call gone either, is given up then. */
const ATTEMPTS_OF_A_VERSION = 3;

/**
 * Keeps a copy of the objects of a scope true: lists them, watches from that version on, and goes
 * on from the last version when a watch ends. Whatever fails is tried again, after a wait that
 * grows; nothing ends this but `stop`.
 */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #version: string | undefined;
  #heardAt: number | undefined;
  #synced = false;
  #error: Error | undefined;
  /** The watch told something that was new: it was not in vain either, however short. */
  #told = false;
  /** In a row, and how many of them at the version that is held. */
  #failures = 0;
  #failuresOfVersion = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  /** Once: two loops over one copy would ask twice and overtake each other. */
  start(): void {
    if (this.#running !== undefined) throw new Error('the reflector was started before');
    this.#running = this.#run();
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the reflector was stopped'));
    await this.#running;
  }

  get freshness(): Freshness {
    return {
      synced: this.#synced,
      heardAt: this.#heardAt,
      resourceVersion: this.#version,
      error: this.#error,
    };
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const began = clock.now();
      const error = await this.#once();
      if (signal.aborted) return;
      const lasted = clock.now() - began >= LASTING_MS;
      if (lasted || this.#told) this.#failures = 0;
      this.#note(error);
      // The server ends every watch after some minutes: nothing is wrong, and nobody is to wait.
      if (lasted && error === undefined) continue;
      await sleep(clock, this.#waitAfter(error), signal).catch(() => {});
      this.#failures += 1;
    }
  }

  /** Lists if it must, then watches until that ends. What it ended with; undefined: in peace. */
  async #once(): Promise<Error | undefined> {
    this.#told = false;
    try {
      this.#version ??= await this.#list();
      await this.#watch(this.#version);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  async #list(): Promise<string> {
    const { api, scope, target } = this.#options;
    const { objects, resourceVersion } = await listAll(api, scope, this.#stopping.signal);
    target.replace(objects, scope.namespace);
    this.#synced = true;
    this.#heard();
    this.#failuresOfVersion = 0;
    return resourceVersion;
  }

  async #watch(from: string): Promise<void> {
    const { api, scope, random, idleMs = IDLE_MS } = this.#options;
    const query = {
      ...selectorsOf(scope),
      resourceVersion: from,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(WATCH_SECONDS * (1 + random())),
    };
    const { signal } = this.#stopping;
    for await (const event of api.watch({ path: collectionOf(scope), query, idleMs, signal })) {
      this.#take(event);
      this.#told = true;
      this.#heard();
      this.#failuresOfVersion = 0;
    }
  }

  #take({ type, object }: WatchEvent): void {
    const { target } = this.#options;
    const { resourceVersion } = isKubeObject(object) ? object.metadata : {};
    if (!isKubeObject(object) || resourceVersion === undefined) {
      // What it was about is unknown: only a list tells.
      this.#version = undefined;
      throw failed('AnswerUnreadable', `an event ${type} without a version`);
    }
    if (type === 'ADDED' || type === 'MODIFIED') target.put(object);
    else if (type === 'DELETED') target.delete(object);
    this.#version = resourceVersion;
  }

  #heard(): void {
    this.#heardAt = this.#options.clock.now();
    this.#error = undefined;
  }

  #note(error: Error | undefined): void {
    const { log, scope } = this.#options;
    this.#error = error;
    if (error === undefined) return;
    if (isAboutTheVersion(error)) this.#failuresOfVersion += 1;
    const path = collectionOf(scope);
    if (isGone(error) || this.#failuresOfVersion >= ATTEMPTS_OF_A_VERSION) {
      log.info({ path, err: error }, 'listing anew');
      this.#version = undefined;
    } else log.warn({ path, err: error }, 'watching anew');
  }

  #waitAfter(error: Error | undefined): number {
    const wait = backoffMs(this.#failures, { ...BACKOFF, random: this.#options.random });
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(wait, asked);
  }
}

/** Who could not be asked has not refused the version: a long outage is no reason to list anew. */
function isAboutTheVersion(error: Error): boolean {
  if (!(error instanceof KubeError)) return true;
  return error.status !== undefined || error.reason === 'AnswerUnreadable';
}
