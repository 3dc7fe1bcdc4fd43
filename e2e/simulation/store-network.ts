import type { MemoryNetwork, RequestFate } from '../../gateway/stream/memory/memory-network.ts';
import type { Random } from '../../protocol/clock.ts';
import type { Tally } from './tally.ts';

const LATE_BELL_MS = 400;
const TRAVEL_MS = 3;

/** Between gateways and store: what share of requests and bells goes wrong. */
export class StoreNetwork implements MemoryNetwork {
  readonly #random: Random;
  readonly #tally: Tally;
  /** Requests that are refused, and answers that get lost behind the step. */
  refused = 0;
  repliesLost = 0;
  /** How long a slow request travels, in ms, one way. */
  slowMs = 0;
  bellsLost = 0;
  bellsRepeated = 0;
  bellsLate = 0;

  constructor(random: Random, tally: Tally) {
    this.#random = random;
    this.#tally = tally;
  }

  heal(): void {
    this.refused = 0;
    this.repliesLost = 0;
    this.slowMs = 0;
    this.bellsLost = 0;
    this.bellsRepeated = 0;
    this.bellsLate = 0;
  }

  request(): RequestFate {
    const chance = this.#random();
    const delayMs = 0.1 + this.#random() * (TRAVEL_MS + this.slowMs);
    if (chance < this.refused) return this.#bad('refused', delayMs);
    if (chance < this.refused + this.repliesLost) return this.#bad('reply-lost', delayMs);
    return { fate: 'answered', delayMs };
  }

  ring(): readonly number[] {
    const chance = this.#random();
    const delayMs = this.#travel();
    if (chance < this.bellsLost) {
      this.#tally.add('bell lost');
      return [];
    }
    if (chance > 1 - this.bellsRepeated) {
      this.#tally.add('bell twice');
      return [delayMs, this.#travel()];
    }
    return [delayMs];
  }

  #travel(): number {
    if (this.bellsLate === 0 || this.#random() >= this.bellsLate) return 1;
    this.#tally.add('bell late');
    return this.#random() * LATE_BELL_MS;
  }

  #bad(fate: RequestFate['fate'], delayMs: number): RequestFate {
    this.#tally.add(`request ${fate}`);
    return { fate, delayMs };
  }
}
