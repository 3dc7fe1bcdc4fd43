import type { Random } from '../protocol/clock.ts';

export interface BackoffOptions {
  readonly backoffBaseMs: number;
  readonly backoffFactor: number;
  readonly backoffCapMs: number;
  readonly random: Random;
}

/**
 * How long to wait before the next try: uniform between 0 and min(cap, base × factor^n). The whole
 * range is random, so that those who were disconnected together do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #waits = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  next(): number {
    const { backoffBaseMs, backoffFactor, backoffCapMs, random } = this.#options;
    // The power may be infinite, the minimum is not.
    const ceiling = Math.min(backoffCapMs, backoffBaseMs * backoffFactor ** this.#waits);
    this.#waits += 1;
    return random() * ceiling;
  }

  reset(): void {
    this.#waits = 0;
  }
}
