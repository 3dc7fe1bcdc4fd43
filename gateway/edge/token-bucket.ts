/** How fast something may come. */
export interface Rate {
  readonly perSecond: number;
  /** How much may come at once after a pause. */
  readonly burst: number;
}

/**
 * A token bucket that may go into debt: what is over the rate is known before it is refused, so
 * that the taker can stop reading instead. Two numbers per bucket; refilled when it is used.
 */
export class TokenBucket {
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Takes `amount` and returns what is left; negative: a debt. */
  take(rate: Rate, now: number, amount = 1): number {
    this.#refill(rate, now);
    this.#tokens -= amount;
    return this.#tokens;
  }

  /** Milliseconds until there is no debt; 0 when there is none. */
  debtMs(rate: Rate, now: number): number {
    this.#refill(rate, now);
    return this.#tokens >= 0 ? 0 : (-this.#tokens / rate.perSecond) * 1_000;
  }

  #refill(rate: Rate, now: number): void {
    if (now <= this.#at) return;
    const gained = ((now - this.#at) / 1_000) * rate.perSecond;
    this.#tokens = Math.min(rate.burst, this.#tokens + gained);
    this.#at = now;
  }
}
