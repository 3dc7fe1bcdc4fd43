import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import type { StreamCounts } from './counts.ts';
import type { Follower, Step } from './follower.ts';
import { Inconsistent } from './follower-page.ts';
import { retryDelay } from './retry-delay.ts';

export interface FollowerQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: Pick<StreamCounts, 'readFailed' | 'inconsistent'>;
  /** Longest time between two looks at whether a changed history is settled. */
  readonly settleMs: number;
}

/** So many topics are read at a time, however many have to be. */
const AT_A_TIME = 64;
/** A changed history is looked at so many times before it is settled by time alone. */
const LOOKS = 10;
const SHORTEST_LOOK_MS = 20;

/**
 * The followers that are not level, and the hands that make them so: a few at a time, newly
 * followed topics first, nothing while it is in doubt whether what is heard is complete.
 */
export class FollowerQueue {
  readonly #options: FollowerQueueOptions;
  readonly #openings = new Set<Follower>();
  readonly #repairs = new Set<Follower>();
  readonly #delayed = new Map<Follower, Timer>();
  #running = 0;
  #open = false;
  /** Repairs that met an unsettled history wait until then (clock.now). */
  #settling: Timer | undefined;
  #tickets = 0;
  /** Followers that were level once and are not now. */
  readonly #unlevel = new Set<Follower>();
  #waiting: { readonly ticket: number; left: number; readonly done: () => void } | undefined;

  constructor(options: FollowerQueueOptions) {
    this.#options = options;
  }

  /** A follower that has to be opened, or was level and is no longer. */
  add(follower: Follower): void {
    if (follower.state !== 'opening') {
      this.#tickets += 1;
      follower.ticket = this.#tickets;
      this.#unlevel.add(follower);
    }
    this.#enqueue(follower);
    this.#work();
  }

  /** The follower was closed. */
  remove(follower: Follower): void {
    this.#openings.delete(follower);
    this.#repairs.delete(follower);
    this.#delayed.get(follower)?.cancel();
    this.#delayed.delete(follower);
    this.#levelled(follower);
  }

  /** No step begins from now on; what is under way ends. */
  pause(): void {
    this.#open = false;
    this.#waiting = undefined;
  }

  resume(): void {
    this.#open = true;
    for (const [follower, timer] of this.#delayed) {
      timer.cancel();
      this.#enqueue(follower);
    }
    this.#delayed.clear();
    this.#work();
  }

  stop(): void {
    this.pause();
    this.#settling?.cancel();
    for (const timer of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
  }

  /**
   * Calls `done` once everyone who is not level now was level again, or is closed. One such wait
   * at a time: while there is one, another is not begun, so that none is put off for ever.
   */
  onceLevel(done: () => void): void {
    if (this.#unlevel.size === 0) done();
    else this.#waiting ??= { ticket: this.#tickets, left: this.#unlevel.size, done };
  }

  #enqueue(follower: Follower): void {
    (follower.state === 'opening' ? this.#openings : this.#repairs).add(follower);
  }

  #work(): void {
    while (this.#open && this.#running < AT_A_TIME) {
      const follower = this.#take();
      if (follower === undefined) return;
      this.#running += 1;
      void this.#advance(follower);
    }
  }

  #take(): Follower | undefined {
    const from = this.#openings.size > 0 ? this.#openings : this.#repairs;
    if (from === this.#repairs && this.#settling !== undefined) return undefined;
    for (const follower of from) {
      from.delete(follower);
      return follower;
    }
    return undefined;
  }

  async #advance(follower: Follower): Promise<void> {
    try {
      // A step never begins inside the call that asked for it.
      await Promise.resolve();
      const step = await follower.step();
      follower.failures = 0;
      this.#next(follower, step);
    } catch (error) {
      this.#failed(follower, error);
    } finally {
      this.#running -= 1;
      this.#work();
    }
  }

  #next(follower: Follower, step: Step): void {
    if (follower.isClosed || step === 'closed') return;
    if (step === 'level') {
      // Otherwise a live copy came since, and the follower was added again.
      if (follower.state === 'live') this.#levelled(follower);
      return;
    }
    if (follower.state !== 'opening' && !this.#unlevel.has(follower)) {
      this.add(follower);
      return;
    }
    this.#enqueue(follower);
    if (typeof step === 'object') this.#settle(step.settling);
  }

  /** One log has one lineage: while it is unsettled for one topic, it is for all. */
  #settle(unsettledMs: number): void {
    if (this.#settling !== undefined) return;
    const look = Math.max(SHORTEST_LOOK_MS, this.#options.settleMs / LOOKS);
    this.#settling = this.#options.clock.after(Math.min(unsettledMs, look), () => {
      this.#settling = undefined;
      this.#work();
    });
  }

  #failed(follower: Follower, error: unknown): void {
    const { clock, counts, random } = this.#options;
    if (follower.isClosed) return;
    if (error instanceof Inconsistent) counts.inconsistent();
    else counts.readFailed();
    follower.failures += 1;
    const timer = clock.after(retryDelay(follower.failures, random), () => {
      this.#delayed.delete(follower);
      this.#enqueue(follower);
      this.#work();
    });
    this.#delayed.set(follower, timer);
  }

  #levelled(follower: Follower): void {
    if (!this.#unlevel.delete(follower)) return;
    const waiting = this.#waiting;
    if (waiting === undefined || follower.ticket > waiting.ticket) return;
    waiting.left -= 1;
    if (waiting.left > 0) return;
    this.#waiting = undefined;
    // Not inside the call that closed the last one.
    queueMicrotask(waiting.done);
  }
}
