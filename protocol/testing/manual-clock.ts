import type { Clock, Timer } from '../clock.ts';

interface Due extends Timer {
  readonly at: number;
  readonly task: () => void;
}

/** A clock for tests: time passes only when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Due>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): Timer {
    const due: Due = { at: this.#now + delayMs, task, cancel: () => this.#timers.delete(due) };
    this.#timers.add(due);
    return due;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Time passes while nothing runs: what is due stays due, as when a thread is busy. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** Lets time pass and runs what falls due, in order, with the microtasks of each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      let next: Due | undefined;
      for (const due of this.#timers) {
        if (due.at <= end && (next === undefined || due.at < next.at)) next = due;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
      await turn();
    }
    this.#now = end;
    await turn();
  }
}

/** Resolves when every microtask that is due, and all that follow from them, have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
