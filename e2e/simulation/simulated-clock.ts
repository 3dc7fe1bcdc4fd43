import type { Clock, Timer } from '../../protocol/clock.ts';

/** Wall clock of every world's beginning, milliseconds since 1970. */
const BEGINNING = 1_767_225_600_000;
/** Events between two looks at the machine's own event loop; they cost it one round. */
const ROUND = 64;
/** More events than this in one world are a loop that does not end. */
const MOST_EVENTS = 400_000;

/** So much happens that somebody must be doing the same thing again and again. */
export class Restless extends Error {
  override readonly name = 'Restless';
}

interface SimulatedEvent {
  readonly at: number;
  /** Events of the same moment happen in the order in which they were planned. */
  readonly order: number;
  task: (() => void) | undefined;
}

/**
 * Time that passes only by events: the next one is always now. Each event runs with everything
 * that it sets off through promises, before the next one begins, and in the same order whenever
 * the world is told again.
 */
export class SimulatedClock implements Clock {
  #now = 0;
  #planned = 0;
  #happened = 0;
  readonly #heap: SimulatedEvent[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return BEGINNING + this.#now;
  }

  /** Nanoseconds, as histories count. */
  get nanoseconds(): number {
    return Math.round(this.#now * 1e6);
  }

  /** Events that happened so far. */
  get events(): number {
    return this.#happened;
  }

  after(delayMs: number, task: () => void): Timer {
    const event: SimulatedEvent = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#planned,
      task,
    };
    this.#planned += 1;
    this.#push(event);
    return {
      cancel: () => {
        event.task = undefined;
      },
    };
  }

  /**
   * Lets everything happen up to `until`, or to the first event after which `done` is true.
   * Rejects with what an event threw.
   */
  run(until: number, done: () => boolean = () => false): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let left = 0;
    let over = false;
    const step = () => {
      left -= 1;
      try {
        if (!over) over = done() || !this.#step(until);
      } catch (error) {
        over = true;
        reject(error);
      }
      if (left > 0) return;
      if (over) resolve();
      else round();
    };
    // Node runs what promises set off after each immediate, so every event stands alone.
    const round = () => {
      left = ROUND;
      for (let each = 0; each < ROUND; each += 1) setImmediate(step);
    };
    round();
    return promise;
  }

  /** The next event, if it is not later than `until`. */
  #step(until: number): boolean {
    const event = this.#pop(until);
    if (event === undefined) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    this.#now = event.at;
    this.#happened += 1;
    if (this.#happened > MOST_EVENTS) throw new Restless();
    event.task?.();
    return true;
  }

  #pop(until: number): SimulatedEvent | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > until) return undefined;
      this.#removeFirst();
      if (first.task !== undefined) return first;
    }
  }

  #push(event: SimulatedEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as SimulatedEvent;
      if (!before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as SimulatedEvent;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, heap[child] as SimulatedEvent)) child += 1;
      const below = heap[child] as SimulatedEvent;
      if (!before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

const before = (a: SimulatedEvent, b: SimulatedEvent): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);
