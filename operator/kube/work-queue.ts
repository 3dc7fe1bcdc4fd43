import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import { backoffMs } from './backoff.ts';
import { type Priority, type QueueCounts, type QueueState, silentQueueCounts } from './counts.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly counts?: QueueCounts;
  /** Wait before the first retry of a key. Default: 100 ms. */
  readonly baseMs?: number;
  /** Longest wait before a retry. Default: 2 minutes. */
  readonly capMs?: number;
  /** Keys that are held at a time, in whatever state. Default: 100,000. */
  readonly limit?: number;
}

/** What became of a key that was added. `full`: dropped; whoever looks at everything finds it. */
export type Added = 'queued' | 'known' | 'full' | 'closed';

const BASE_MS = 100;
const CAP_MS = 120_000;
const LIMIT = 100_000;
/** Longer than this nobody of `low` waits behind those of `high` that keep coming. */
const PATIENCE_MS = 30_000;

interface Waiting {
  readonly since: number;
  readonly priority: Priority;
}

interface Later {
  readonly at: number;
  readonly priority: Priority;
  readonly timer: Timer;
}

/**
 * Keys that want to be looked at.
 *
 * - A key stands in it once, however often it is added, and is given out to one worker at a time:
 *   what is added while it is worked on comes again when that is done.
 * - First come, first served, all of `high` before any of `low`; but where one of `low` has waited
 *   for half a minute, every other one is of `low`: something may always be urgent.
 * - A key that is given out takes with it what was planned for later: whoever works on it sees
 *   everything, and plans anew.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #counts: QueueCounts;
  /** In the order of coming. */
  readonly #ready: Readonly<Record<Priority, Map<string, Waiting>>> = {
    high: new Map(),
    low: new Map(),
  };
  readonly #later = new Map<string, Later>();
  /** Keys that are worked on, since when, and how they come again if they were added meanwhile. */
  readonly #running = new Map<string, { readonly since: number; again?: Priority }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  /** The last one given was of `low`, past those of `high`. */
  #favoursLow = false;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#counts = options.counts ?? silentQueueCounts;
    this.#counts.reads(() => this.state);
  }

  get state(): QueueState {
    const now = this.#options.clock.now();
    const ages = [...this.#running.values()].map(({ since }) => now - since);
    return {
      depth: { high: this.#ready.high.size, low: this.#ready.low.size },
      unfinishedMs: ages.reduce((sum, age) => sum + age, 0),
      longestMs: Math.max(0, ...ages),
    };
  }

  /** To be looked at as soon as somebody can. */
  add(key: string, priority: Priority = 'high'): Added {
    if (this.#closed) return 'closed';
    if (this.#ready.high.has(key)) return 'known';
    if (priority === 'low' && this.#ready.low.has(key)) return 'known';
    if (!this.#has(key) && this.#size() >= this.#limit()) return 'full';
    this.#counts.added();
    const running = this.#running.get(key);
    if (running !== undefined) {
      if (running.again !== 'high') running.again = priority;
      return 'queued';
    }
    this.#enqueue(key, priority);
    return 'queued';
  }

  /** To be looked at when so much time has passed, or sooner if there is a reason. */
  addAfter(key: string, delayMs: number, priority: Priority = 'high'): Added {
    if (this.#closed) return 'closed';
    if (delayMs <= 0) return this.add(key, priority);
    if (!this.#has(key) && this.#size() >= this.#limit()) return 'full';
    const { clock } = this.#options;
    const at = clock.now() + delayMs;
    const planned = this.#later.get(key);
    if (planned !== undefined && planned.at <= at) return 'known';
    planned?.timer.cancel();
    const timer = clock.after(delayMs, () => {
      this.#later.delete(key);
      this.add(key, priority);
    });
    this.#later.set(key, { at, priority, timer });
    return 'queued';
  }

  /** After a wait that doubles with each failure in a row; `leastMs`: what a server asked for. */
  retry(key: string, leastMs = 0): Added {
    const { random, baseMs = BASE_MS, capMs = CAP_MS } = this.#options;
    const failures = this.#failures.get(key) ?? 0;
    this.#counts.retried();
    const wait = backoffMs(failures, { baseMs, capMs, random });
    const added = this.addAfter(key, Math.max(wait, leastMs));
    if (added !== 'full' && added !== 'closed') this.#failures.set(key, failures + 1);
    return added;
  }

  /** It went well, or nobody tries again: the next failure is the first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, which its taker holds until `done`. Undefined: the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#give();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** It is worked on no more. Throws for a key that nobody holds. */
  done(key: string): void {
    const running = this.#running.get(key);
    if (running === undefined) throw new Error(`nobody works on ${key}`);
    this.#counts.worked(this.#options.clock.now() - running.since);
    this.#running.delete(key);
    if (running.again !== undefined && !this.#closed) this.#enqueue(key, running.again);
  }

  /** Gives out nothing more and plans nothing; who holds a key goes on until it is done. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#later.values()) timer.cancel();
    this.#later.clear();
    this.#ready.high.clear();
    this.#ready.low.clear();
    this.#failures.clear();
    for (const take of this.#takers.splice(0)) take(undefined);
  }

  #enqueue(key: string, priority: Priority): void {
    // Who asked for it without a reason before has waited; who has one now comes sooner.
    const since = this.#ready.low.get(key)?.since ?? this.#options.clock.now();
    this.#ready.low.delete(key);
    this.#ready[priority].set(key, { since, priority });
    const taker = this.#takers.shift();
    if (taker !== undefined) taker(this.#give());
  }

  #give(): string | undefined {
    const now = this.#options.clock.now();
    const { high, low } = this.#ready;
    const [oldest] = low.values();
    const starves = oldest !== undefined && now - oldest.since >= PATIENCE_MS;
    this.#favoursLow = starves && !this.#favoursLow;
    for (const ready of this.#favoursLow ? [low, high] : [high, low]) {
      for (const [key, { since }] of ready) {
        ready.delete(key);
        this.#later.get(key)?.timer.cancel();
        this.#later.delete(key);
        this.#running.set(key, { since: now });
        this.#counts.waited(now - since);
        return key;
      }
    }
    return undefined;
  }

  #has(key: string): boolean {
    return (
      this.#running.has(key) ||
      this.#later.has(key) ||
      this.#ready.low.has(key) ||
      this.#ready.high.has(key)
    );
  }

  #size(): number {
    const { high, low } = this.#ready;
    return high.size + low.size + this.#later.size + this.#running.size;
  }

  #limit(): number {
    return this.#options.limit ?? LIMIT;
  }
}
