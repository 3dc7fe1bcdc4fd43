import type { Clock, Timer } from '../clock.ts';

interface Due extends Timer {
  readonly at: number;
  readonly task: () => void;
}

/** The wall's time is far from the clock's own, so that a test sees who takes one for the other. */
const WALL_AHEAD = Date.UTC(2026, 0, 1);

/** A clock for tests, at 0: time passes only when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Due>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return WALL_AHEAD + this.#now;
  }

  after(delayMs: number, task: () => void): Timer {
    const at = this.#now + Math.max(0, delayMs);
    const due: Due = { at, task, cancel: () => this.#timers.delete(due) };
    this.#timers.add(due);
    return due;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Time passes while nothing runs: what is due stays due, as when a process is frozen. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** Time passes; what falls due runs in order, each time with all that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await turn();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
      await turn();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Lets time pass in steps until `holds`; fails with `what` after `limitMs`. */
  async until(what: string, holds: () => boolean, limitMs = 60_000): Promise<void> {
    const end = this.#now + limitMs;
    await turn();
    while (!holds()) {
      if (this.#now >= end) throw new Error(`not within ${limitMs} ms: ${what}`);
      await this.advance(50);
    }
  }

  #next(end: number): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#timers) {
      if (due.at <= end && (next === undefined || due.at < next.at)) next = due;
    }
    return next;
  }
}

/** Resolves when every microtask that is due, and all that follow from them, have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
