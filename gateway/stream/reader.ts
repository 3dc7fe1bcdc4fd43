import { type Clock, type Random, sleep } from '../../protocol/clock.ts';
import type { Position } from '../../protocol/position.ts';
import type { StreamCounts } from './counts.ts';
import type { Log, Resumed, ResumeRequest } from './log.ts';
import { retryDelay } from './retry-delay.ts';
import { answersToo, type Page, type PageLimit, StreamError } from './stream.ts';
import { timeLimit } from './time-limit.ts';

export interface ReaderOptions {
  readonly log: Pick<Log, 'resume'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: Pick<StreamCounts, 'read' | 'readFailed'>;
  readonly settings: { readonly settleMs: number; readonly pageBytes: number };
}

/** So many reads are under way at a time; a page is up to a megabyte that somebody must hold. */
const AT_A_TIME = 32;
/** More callers than this are refused. */
const MOST_WAITING = 20_000;
/** A read is given up on after the time that a history takes to settle, and this. */
const PATIENCE_MS = 5_000;
const LOOKS = 10;
const SHORTEST_LOOK_MS = 20;

interface Shared {
  readonly page: Promise<Page>;
  readonly cursor: Position | undefined;
  readers: number;
}

/** Pages of the log for whoever asks: equal reads under way are one, a few at a time run. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #underWay = new Map<string, Shared>();
  readonly #stopping = new AbortController();
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Rejects with a `StreamError`. */
  async read(topic: string, cursor: Position, limit: PageLimit): Promise<Page> {
    const place = `${cursor.epoch}:${cursor.seq}`;
    const key = `${topic}\n${place}\n${limit.entries}:${limit.bytes}`;
    const request = { from: cursor, maxEntries: limit.entries, maxBytes: limit.bytes };
    const shared = this.#share(key, topic, request);
    const page = await shared.page;
    if (shared.cursor === undefined || answersToo(page, shared.cursor, cursor)) return page;
    return this.#share(`${key}\n${cursor.confirmed}`, topic, request).page;
  }

  /** Rejects with a `StreamError`. */
  async latest(topic: string, count: number): Promise<Page> {
    const maxBytes = this.#options.settings.pageBytes;
    const request = { from: { latest: count }, maxEntries: count, maxBytes };
    return this.#share(`${topic}\n${count}`, topic, request).page;
  }

  /** What waits is rejected; what is under way ends with the log. */
  stop(): void {
    this.#stopping.abort(new StreamError('store_unavailable', 'this gateway is stopping'));
    for (const go of this.#waiting) go();
    this.#waiting = [];
  }

  #share(key: string, topic: string, request: ResumeRequest): Shared {
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) {
      underWay.readers += 1;
      return underWay;
    }
    const { from } = request;
    const cursor = from === undefined || 'latest' in from ? undefined : from;
    const page = this.#insist(topic, request).finally(() => {
      this.#underWay.delete(key);
      this.#options.counts.read(shared.readers);
    });
    const shared: Shared = { page, cursor, readers: 1 };
    this.#underWay.set(key, shared);
    return shared;
  }

  /** Reads until there is an answer that may be used, or the deadline has passed. */
  async #insist(topic: string, request: ResumeRequest): Promise<Page> {
    const { clock, counts, random, settings } = this.#options;
    const deadline = clock.now() + settings.settleMs + PATIENCE_MS;
    for (let failures = 0; ; ) {
      let pauseMs: number;
      let why: StreamError;
      try {
        const resumed = await this.#inTurn(topic, request, deadline);
        pauseMs = this.#unsettledMs(resumed);
        const { steps, cursor, head } = resumed;
        if (pauseMs === 0) return { steps, cursor, head };
        why = new StreamError('store_unavailable', 'what a failover lost is not known yet');
      } catch (error) {
        if (error instanceof StreamError) throw error;
        counts.readFailed();
        failures += 1;
        pauseMs = retryDelay(failures, random);
        why = new StreamError('store_unavailable', 'the log cannot be read', { cause: error });
      }
      if (clock.now() + pauseMs >= deadline) throw why;
      await sleep(clock, pauseMs, this.#stopping.signal);
    }
  }

  /** How long to wait before a history that crosses a failover may be read; 0: it may. */
  #unsettledMs({ unsettledMs }: Resumed): number {
    if (unsettledMs === 0) return 0;
    const look = Math.max(SHORTEST_LOOK_MS, this.#options.settings.settleMs / LOOKS);
    return Math.min(unsettledMs, look);
  }

  async #inTurn(topic: string, request: ResumeRequest, deadline: number): Promise<Resumed> {
    const { clock, log } = this.#options;
    // The call that asks must be over before the log is: what the log says may be heard at once.
    await Promise.resolve();
    if (this.#running >= AT_A_TIME) await this.#turn();
    else this.#running += 1;
    try {
      this.#stopping.signal.throwIfAborted();
      const left = Math.max(1, deadline - clock.now());
      return await timeLimit(clock, left, log.resume(topic, request));
    } finally {
      // A place is handed on, so that nobody who comes now can take it first.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= MOST_WAITING) {
      throw new StreamError('overloaded', 'too many reads of the log wait');
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
