import type { Clock, Timer } from '../../protocol/clock.ts';

/** A timer is no more exact than this; a shorter pause is none. */
const SHORTEST_PAUSE_MS = 1;

/**
 * Decides when what was collected is handed out. At the end of the present turn of the event loop
 * when the hub was idle; after a turn that took long, only after a pause as long as that, at most
 * `coalesceMs`, so that under load more leaves together and half of the time is left for others.
 */
export class Turn {
  readonly #clock: Clock;
  readonly #coalesceMs: number;
  readonly #work: () => boolean;
  #due: 'no' | 'microtask' | 'timer' = 'no';
  #timer: Timer | undefined;
  #running = false;
  #notBefore = Number.NEGATIVE_INFINITY;

  /** `work` hands out everything, or a fair part of it; then it returns true, for more. */
  constructor(clock: Clock, coalesceMs: number, work: () => boolean) {
    this.#clock = clock;
    this.#coalesceMs = coalesceMs;
    this.#work = work;
  }

  /** There is something to hand out. Inside `work`, its answer says so. */
  request(): void {
    if (this.#running || this.#due !== 'no') return;
    const pause = this.#notBefore - this.#clock.now();
    if (pause >= SHORTEST_PAUSE_MS) this.#after(pause);
    else this.#soon();
  }

  /** Hands out now. Does nothing inside `work`, which is at it already. */
  flush(): void {
    if (this.#running) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due = 'no';
    this.#running = true;
    const began = this.#clock.now();
    let more = false;
    try {
      more = this.#work();
    } finally {
      this.#running = false;
      const ended = this.#clock.now();
      this.#notBefore = ended + Math.min(this.#coalesceMs, ended - began);
    }
    // Through a timer, never a microtask: sockets are to be served in between.
    if (more) this.#after(0);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due = 'no';
    this.#running = true;
  }

  #soon(): void {
    this.#due = 'microtask';
    queueMicrotask(() => {
      if (this.#due === 'microtask') this.flush();
    });
  }

  #after(pauseMs: number): void {
    this.#due = 'timer';
    this.#timer = this.#clock.after(pauseMs, () => this.flush());
  }
}
