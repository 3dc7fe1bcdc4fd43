import type { Clock } from '../../protocol/clock.ts';

/** So much of a second may come at once. */
const BURST_S = 0.1;
/** However few a second: what came between two steps of whoever takes must not be lost. */
const BURST_MIN = 2;

/** How many clients may be disturbed: everything that asks clients to go draws on the same one. */
export class Budget {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #perSecond: () => number;
  #at: number;
  /** The pace when it was asked for last. */
  #before = Number.POSITIVE_INFINITY;
  #left = 1;

  constructor(clock: Pick<Clock, 'now'>, perSecond: () => number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#at = clock.now();
  }

  /** Takes one, if there is one. */
  take(): boolean {
    const now = this.#clock.now();
    const perSecond = this.#perSecond();
    const most = Math.max(BURST_MIN, perSecond * BURST_S);
    // A share that rose since then was another gateway's: nobody may have it for the time before.
    const earned = (Math.min(perSecond, this.#before) * (now - this.#at)) / 1_000;
    this.#left = Math.min(most, this.#left + earned);
    this.#at = now;
    this.#before = perSecond;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
