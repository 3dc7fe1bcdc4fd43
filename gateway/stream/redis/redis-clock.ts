import type { Clock } from '../../../protocol/clock.ts';

/** How long an answer's time counts: for one to two of these. */
const PERIOD_MS = 30_000;

/**
 * Redis' clock, as far as its answers tell. What an answer says was so when it left, and it came
 * later: so the newest estimate of several is the best one, and none is ahead of Redis. An answer
 * that waited in a frozen process says little; those before it still count, for a while, since a
 * clock can be set back.
 */
export class RedisClock {
  readonly #clock: Clock;
  /** What Redis' clock is ahead of ours: the most that was seen in this period, and before. */
  #ahead = Number.NEGATIVE_INFINITY;
  #aheadBefore = Number.NEGATIVE_INFINITY;
  #periodFrom = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Another server may answer from now on, with a clock of its own. */
  restart(ms: number): void {
    this.#aheadBefore = Number.NEGATIVE_INFINITY;
    this.#begin(ms);
  }

  /** An answer came that left at `ms`, milliseconds since 1970. */
  saw(ms: number): void {
    const now = this.#clock.now();
    if (now - this.#periodFrom < PERIOD_MS) {
      this.#ahead = Math.max(this.#ahead, ms - now);
      return;
    }
    this.#aheadBefore = this.#ahead;
    this.#begin(ms);
  }

  /** Milliseconds since 1970, whole; 0 while nothing was heard. */
  now(): number {
    const ahead = Math.max(this.#ahead, this.#aheadBefore);
    return Math.max(0, Math.floor(this.#clock.now() + ahead));
  }

  #begin(ms: number): void {
    const now = this.#clock.now();
    this.#periodFrom = now;
    this.#ahead = ms - now;
  }
}
