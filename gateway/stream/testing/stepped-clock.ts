import type { Clock, Random, Timer } from '../../../protocol/clock.ts';

interface Due extends Timer {
  readonly at: number;
  readonly task: () => void;
}

/** A clock for tests: time passes only when it is told to. */
export class SteppedClock implements Clock {
  #now = 1_000;
  readonly #due = new Set<Due>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_767_225_600_000 + this.#now;
  }

  after(delayMs: number, task: () => void): Timer {
    const due: Due = { at: this.#now + delayMs, task, cancel: () => this.#due.delete(due) };
    this.#due.add(due);
    return due;
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#due.size;
  }

  /** Time passes while nothing runs, as in a frozen process. */
  freeze(ms: number): void {
    this.#now += ms;
  }

  /** Time passes; what falls due runs in order, each time with all that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#due.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
      await settled();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Lets time pass in steps until `holds`; fails with `what` after `limitMs`. */
  async until(what: string, holds: () => boolean, limitMs = 60_000): Promise<void> {
    const end = this.#now + limitMs;
    await settled();
    while (!holds()) {
      if (this.#now >= end) throw new Error(`not within ${limitMs} ms: ${what}`);
      await this.advance(50);
    }
  }

  #next(end: number): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#due) {
      if (due.at <= end && (next === undefined || due.at < next.at)) next = due;
    }
    return next;
  }
}

/** Resolves when every microtask that is due, and all that follow from them, have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Chance that repeats itself: the same seed, the same numbers. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
