import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import type { Budget } from './budget.ts';
import type { Moved } from './counts.ts';

export interface Departing<Client> {
  readonly clock: Clock;
  readonly random: Random;
  /** Those that are still to be asked; looked at anew each time, since clients come and go. */
  readonly leavers: () => readonly Client[];
  /** Asks one to leave: it is none of the leavers then. */
  readonly ask: (leaver: Client) => void;
  readonly budget: Budget;
  /** By then all have been asked, the budget notwithstanding. Undefined: there is no haste. */
  readonly finishBy: number | undefined;
  readonly count: (how: Moved) => void;
}

const STEP_MS = 50;

/**
 * Asks clients to leave, spread evenly: each second at most the budget, or what the deadline
 * demands when that is more. What goes over the budget is counted apart.
 */
export class Departures<Client> {
  readonly #departing: Departing<Client>;
  #timer: Timer | undefined;
  #stopped = false;
  #at: number;
  /** Clients, and fractions of one, that must go for the deadline's sake. */
  #demanded = 0;

  constructor(departing: Departing<Client>) {
    this.#departing = departing;
    this.#at = departing.clock.now();
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #next(): void {
    const { clock, random } = this.#departing;
    // Gateways that began at the same moment do not disturb clients in step.
    this.#timer = clock.after(STEP_MS * (0.5 + random()), () => {
      this.#step();
      // Whoever is asked who is left may find that nobody is.
      if (!this.#stopped) this.#next();
    });
  }

  #step(): void {
    const { clock, leavers, finishBy, budget, ask, count } = this.#departing;
    const now = clock.now();
    const elapsed = now - this.#at;
    this.#at = now;
    const left = leavers();
    const remaining = finishBy === undefined ? Number.POSITIVE_INFINITY : finishBy - now;
    // What is left, spread over the time that remains.
    const demand = remaining <= 2 * STEP_MS ? left.length : (left.length * elapsed) / remaining;
    this.#demanded += demand;
    for (const leaver of left) {
      const within = budget.take();
      if (!within && this.#demanded < 1) break;
      this.#demanded -= 1;
      count(within ? 'paced' : 'hurried');
      ask(leaver);
    }
    // Neither a demand that was met early nor one that nobody was left for is kept for later.
    this.#demanded = Math.max(0, Math.min(this.#demanded, 1));
  }
}
