import type { Clock, Timer } from '../../protocol/clock.ts';
import type { CloseCode } from '../../protocol/codes.ts';
import type { Moved } from './counts.ts';

/** A connection that can be asked to leave. */
export interface Leaver {
  readonly alive: boolean;
  leave(code: CloseCode): void;
}

export interface Departing {
  readonly clock: Clock;
  readonly code: CloseCode;
  /** Those that are still to be asked; looked at anew each time, since clients come and go. */
  readonly leavers: () => readonly Leaver[];
  /** Connections per second that may be disturbed. */
  readonly perSecond: number;
  /** By then all have been asked, the budget notwithstanding. Undefined: there is no haste. */
  readonly finishBy: number | undefined;
  readonly count: (how: Moved) => void;
}

const STEP_MS = 50;

/**
 * Asks clients to leave, spread evenly: each second at most the budget, or what the deadline
 * demands when that is more. What goes over the budget is counted apart.
 */
export class Departures {
  readonly #departing: Departing;
  #timer: Timer | undefined;
  #at: number;
  /** Fractions of connections that may go. */
  #allowed = 0;
  #budget = 0;

  constructor(departing: Departing) {
    this.#departing = departing;
    this.#at = departing.clock.now();
    this.#next();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #next(): void {
    this.#timer = this.#departing.clock.after(STEP_MS, () => {
      this.#step();
      this.#next();
    });
  }

  #step(): void {
    const { clock, leavers, perSecond, finishBy, code, count } = this.#departing;
    const now = clock.now();
    const seconds = (now - this.#at) / 1_000;
    this.#at = now;
    const left = leavers().filter((leaver) => leaver.alive);
    const budget = perSecond * seconds;
    this.#budget = Math.min(this.#budget + budget, Math.max(1, perSecond));
    const remaining = finishBy === undefined ? Number.POSITIVE_INFINITY : finishBy - now;
    // What is left, spread over the time that remains.
    const demand = remaining <= STEP_MS ? left.length : (left.length * seconds * 1_000) / remaining;
    this.#allowed += Math.max(budget, demand);
    const going = left.slice(0, Math.floor(this.#allowed));
    for (const leaver of going) {
      const within = this.#budget >= 1;
      if (within) this.#budget -= 1;
      count(within ? 'paced' : 'hurried');
      leaver.leave(code);
    }
    // An allowance that nobody used is not kept for a burst later.
    this.#allowed = Math.min(this.#allowed - going.length, 1);
  }
}
