/** When clients were disturbed: asked to go, or cut off. What they saw, not what was meant. */
export class Disturbances {
  /** Milliseconds of a monotonic clock, in order. */
  readonly #at: number[] = [];

  note(at = performance.now()): void {
    this.#at.push(at);
  }

  get count(): number {
    return this.#at.length;
  }

  /** Most of them within any so many milliseconds, from `since` on. */
  most(windowMs: number, since = Number.NEGATIVE_INFINITY): number {
    const times = this.#at.filter((at) => at >= since);
    let [most, first] = [0, 0];
    for (const [last, at] of times.entries()) {
      while (at - (times[first] as number) >= windowMs) first += 1;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }
}
