import type { Clock } from '../protocol/clock.ts';
import type { StreamCounts } from './stream/counts.ts';

/** Whole seconds that are looked back on. */
const SECONDS = 10;

/** How often something happened per second, on average over the last ten whole seconds. */
export class RecentRate {
  readonly #clock: Pick<Clock, 'now'>;
  /** One more than are looked back on: the second that is not over. */
  readonly #counts = new Float64Array(SECONDS + 1);
  #second: number;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#second = secondOf(clock);
  }

  count(): void {
    const place = this.#advance();
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
  }

  get perSecond(): number {
    const now = this.#advance();
    return (
      this.#counts.reduce((sum, count, place) => sum + (place === now ? 0 : count), 0) / SECONDS
    );
  }

  /** Where this second is counted. */
  #advance(): number {
    const size = this.#counts.length;
    const now = secondOf(this.#clock);
    const from = Math.max(this.#second, now - size);
    for (let second = from + 1; second <= now; second += 1) this.#counts[second % size] = 0;
    this.#second = now;
    return now % size;
  }
}

const secondOf = (clock: Pick<Clock, 'now'>) => Math.floor(clock.now() / 1_000);

/** The same counts, and how often a publish was written besides. */
export const withRate = (counts: StreamCounts, rate: RecentRate): StreamCounts => ({
  ...counts,
  published: (outcome) => {
    if (outcome === 'ok') rate.count();
    counts.published(outcome);
  },
});
