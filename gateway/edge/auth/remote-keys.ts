import type { Clock, Timer } from '../../../protocol/clock.ts';
import type { Logger } from '../../logger.ts';
import type { AuthCounts } from './counts.ts';
import { type Algorithm, type KeySet, readKeySet } from './key-set.ts';
import type { Found, KeySource } from './key-source.ts';

const MAX_BYTES = 1_048_576;
/** How long a key that a finished fetch did not bring is known not to exist. */
const ABSENT_MS = 60_000;
const MAX_ABSENT = 1_000;

export interface RemoteKeysOptions {
  readonly url: string;
  readonly timeoutMs: number;
  /** The set is fetched again after this, needed or not: a key that was withdrawn must go. */
  readonly maxAgeMs: number;
  /** A set that could not be fetched again for this long is given up. Not below `maxAgeMs`. */
  readonly maxStaleMs: number;
  /** Unknown keys, and failures, do not fetch more often than this. */
  readonly cooldownMs: number;
  readonly clock: Clock;
  readonly counts: AuthCounts;
  readonly logger: Logger;
  readonly fetch: typeof globalThis.fetch;
}

/**
 * Keys from a URL of the settings; nothing that a token says changes where they are fetched from.
 *
 * One fetch is under way at a time. A token with an unknown key waits for one, but not more often
 * than the cool-down allows, so a flood of them costs nothing. When the URL fails, the keys that
 * were fetched stay, but not for ever: among them may be one that was withdrawn since. Then nobody
 * can tell which tokens are right until the URL answers again.
 */
export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions;
  #set: KeySet | undefined;
  /** When the set was fetched. */
  #setAt = Number.NEGATIVE_INFINITY;
  #ready = false;
  #fetching: Promise<boolean> | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #failed = false;
  /** Keys that a finished fetch did not bring, and when that was. */
  readonly #absent = new Map<string, number>();
  readonly #abort = new AbortController();
  #timer: Timer | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    void this.#refresh();
  }

  get ready(): boolean {
    return this.#ready;
  }

  async find(algorithm: Algorithm, kid: string | undefined): Promise<Found> {
    this.#giveUpOld();
    const known = this.#set?.candidates(algorithm, kid) ?? [];
    if (known.length > 0) return known;
    const name = `${algorithm} ${kid ?? ''}`;
    if (this.#isAbsent(name)) return [];
    // A fetch that is under way may have been answered already, before the key was published; but
    // the one after it has to wait for the cool-down anyhow.
    const fetch = this.#fetching ?? (this.#mayFetch() ? this.#refresh() : undefined);
    if (fetch === undefined || !(await fetch)) return 'unavailable';
    const found = this.#set?.candidates(algorithm, kid) ?? [];
    if (found.length === 0) this.#remember(name);
    return found;
  }

  close(): void {
    this.#timer?.cancel();
    this.#abort.abort();
  }

  #mayFetch(): boolean {
    const { clock, cooldownMs } = this.#options;
    return !this.#abort.signal.aborted && clock.now() - this.#startedAt >= cooldownMs;
  }

  #isAbsent(name: string): boolean {
    const at = this.#absent.get(name);
    return at !== undefined && this.#options.clock.now() - at < ABSENT_MS;
  }

  #remember(name: string): void {
    // Deleted first, so that the oldest is always the first.
    this.#absent.delete(name);
    this.#absent.set(name, this.#options.clock.now());
    if (this.#absent.size <= MAX_ABSENT) return;
    const oldest = this.#absent.keys().next();
    if (oldest.done !== true) this.#absent.delete(oldest.value);
  }

  #refresh(): Promise<boolean> {
    this.#startedAt = this.#options.clock.now();
    this.#timer?.cancel();
    this.#fetching = this.#fetch().then((ok) => {
      this.#fetching = undefined;
      this.#schedule(ok);
      return ok;
    });
    return this.#fetching;
  }

  #giveUpOld(): void {
    const { clock, counts, logger, maxStaleMs } = this.#options;
    if (this.#set === undefined || clock.now() - this.#setAt < maxStaleMs) return;
    this.#set = undefined;
    this.#absent.clear();
    counts.expired();
    logger.error({}, 'the JWK Set could not be fetched for too long: no token can be verified');
  }

  #schedule(ok: boolean): void {
    if (this.#abort.signal.aborted) return;
    const { clock, maxAgeMs, cooldownMs } = this.#options;
    this.#timer = clock.after(ok ? maxAgeMs : cooldownMs, () => void this.#refresh());
  }

  async #fetch(): Promise<boolean> {
    const { counts, logger } = this.#options;
    try {
      this.#set = await readKeySet(await this.#download(), { own: false, secrets: false });
      this.#setAt = this.#options.clock.now();
      this.#ready = true;
      counts.fetched('ok');
      if (this.#failed) logger.info({}, 'the JWK Set can be fetched again');
      this.#failed = false;
      return true;
    } catch (error) {
      if (this.#abort.signal.aborted) return false;
      counts.fetched('failed');
      // Once per outage.
      if (!this.#failed) logger.warn({ reason: reasonOf(error) }, 'the JWK Set cannot be fetched');
      this.#failed = true;
      this.#giveUpOld();
      return false;
    }
  }

  async #download(): Promise<string> {
    const { url, timeoutMs, clock, fetch } = this.#options;
    const late = new AbortController();
    const timer = clock.after(timeoutMs, () => late.abort(new Error(`not within ${timeoutMs} ms`)));
    try {
      const response = await fetch(url, {
        // Elsewhere is where the settings do not say.
        redirect: 'error',
        headers: { accept: 'application/json' },
        signal: AbortSignal.any([late.signal, this.#abort.signal]),
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`status ${response.status}`);
      }
      return await readBounded(response);
    } finally {
      timer.cancel();
    }
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the rest.
    if (bytes > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // `fetch` says only "fetch failed"; why is in the cause.
  return error.cause instanceof Error ? error.cause.message : error.message;
}
