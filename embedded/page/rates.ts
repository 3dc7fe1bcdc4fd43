/** Events of the last seconds, in buckets of one second. Times are monotonic milliseconds. */
export class Rate {
  readonly #buckets: { second: number; count: number }[] = [];
  readonly #window: number;

  /** `windowS`: over how many whole seconds the mean is taken. */
  constructor(windowS = 3) {
    this.#window = windowS;
  }

  add(now: number, count = 1): void {
    const second = Math.floor(now / 1000);
    const newest = this.#buckets.at(-1);
    if (newest?.second === second) newest.count += count;
    else this.#buckets.push({ second, count });
    while (this.#buckets.length > this.#window + 1) this.#buckets.shift();
  }

  /** Per second, over the window; the second that is not over yet does not count. */
  perSecond(now: number): number {
    const current = Math.floor(now / 1000);
    let sum = 0;
    for (const { second, count } of this.#buckets) {
      if (second < current && second >= current - this.#window) sum += count;
    }
    return sum / this.#window;
  }
}

/** The newest measurements, for percentiles of what is happening now. */
export class Recent {
  readonly #values: number[] = [];
  readonly #limit: number;
  #next = 0;

  constructor(limit = 2_000) {
    this.#limit = limit;
  }

  add(value: number): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.#limit;
  }

  /** The values at these shares (0 … 1), and a fresh start. Undefined without measurements. */
  take(shares: readonly number[]): number[] | undefined {
    if (this.#values.length === 0) return undefined;
    const sorted = this.#values.toSorted((a, b) => a - b);
    this.#values.length = 0;
    this.#next = 0;
    return shares.map((share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  }
}
