import type { Clock, Timer } from '../../protocol/clock.ts';
import type { SimulatedClock } from './simulated-clock.ts';

type Task = () => void;

/**
 * A process of the operating system, as far as faults can tell: everything that reaches the code
 * inside comes through `run`, `gate` or its clock. Frozen, nothing happens inside while the world
 * goes on; thawed, timers that are due come first and then what waited in the kernel. Dead,
 * nothing ever happens again.
 */
export class SimulatedProcess {
  readonly name: string;
  /** The process's own view of time; its wall clock is wrong by `skewMs`. */
  readonly clock: Clock;
  readonly #time: SimulatedClock;
  #state: 'running' | 'frozen' | 'thawing' | 'dead' = 'running';
  #timers: Task[] = [];
  #arrived: Task[] = [];

  constructor(name: string, time: SimulatedClock, skewMs = 0) {
    this.name = name;
    this.#time = time;
    this.clock = {
      now: () => time.now(),
      wall: () => time.wall() + skewMs,
      after: (delayMs, task) => this.#after(delayMs, task),
    };
  }

  get alive(): boolean {
    return this.#state !== 'dead';
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /** Something from outside reaches the process: now, or when it is thawed, in order. */
  run(task: Task): void {
    if (this.#state === 'running') task();
    else if (this.#state !== 'dead') this.#arrived.push(task);
  }

  /** The answer to something that the process asked for. */
  gate<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.run(() => resolve(value)),
        (error: unknown) => this.run(() => reject(error)),
      );
    });
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'thawing';
    this.#time.after(0, () => this.#drain());
  }

  kill(): void {
    this.#state = 'dead';
    this.#timers = [];
    this.#arrived = [];
  }

  /** One thing after the other, each with what it sets off. */
  #drain(): void {
    if (this.#state !== 'thawing') return;
    const task = this.#timers.shift() ?? this.#arrived.shift();
    if (task === undefined) {
      this.#state = 'running';
      return;
    }
    this.#time.after(0, () => this.#drain());
    task();
  }

  #after(delayMs: number, task: Task): Timer {
    let cancelled = false;
    const once = () => {
      if (!cancelled) task();
    };
    // Node's timers know whole milliseconds only, and fire up to one early for it.
    const wholeMs = Math.max(1, Math.trunc(delayMs));
    const timer = this.#time.after(wholeMs, () => {
      if (this.#state === 'running') once();
      else if (this.#state !== 'dead') this.#timers.push(once);
    });
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }
}
