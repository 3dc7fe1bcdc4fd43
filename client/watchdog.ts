import type { Clock, Timer } from '../protocol/clock.ts';

export interface WatchdogOwner {
  /** Says something that the gateway answers at once. */
  probe(): void;
  /** Nothing was heard for too long. */
  onSilence(): void;
}

/**
 * Ends a connection on which nothing is heard any more. The gateway says something at least once
 * per heartbeat; silence for two of them and a grace means that it, or the way to it, is gone.
 *
 * A page or a laptop may have been frozen meanwhile: then the frames that came are still unread
 * when the timer fires. So a timer that fires much too late, and every sign of a wake-up, give
 * one more grace, with a probe, before anybody is judged.
 */
export class Watchdog {
  readonly #owner: WatchdogOwner;
  readonly #clock: Clock;
  readonly #graceMs: number;
  #limitMs = 0;
  #heardAt = 0;
  #frames = 0;
  #probing = false;
  #timer: Timer | undefined;

  constructor(owner: WatchdogOwner, clock: Clock, graceMs: number) {
    this.#owner = owner;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  start(heartbeatMs: number): void {
    this.#limitMs = 2 * heartbeatMs + this.#graceMs;
    this.heard();
    this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Cheap, since it is called for every frame: it only notes the time. */
  heard(): void {
    this.#heardAt = this.#clock.now();
    this.#frames += 1;
  }

  /** The machine may have slept: whoever is still there answers within a grace. */
  wake(): void {
    if (this.#timer !== undefined && !this.#probing) this.#probe();
  }

  #probe(): void {
    this.#probing = true;
    const before = this.#frames;
    this.#arm(this.#graceMs, (late) => {
      if (this.#frames > before) this.#wait();
      else if (late) this.#probe();
      else this.#silent();
    });
    this.#owner.probe();
  }

  #wait(): void {
    this.#probing = false;
    this.#arm(this.#heardAt + this.#limitMs - this.#clock.now(), (late) => {
      if (this.#clock.now() < this.#heardAt + this.#limitMs) this.#wait();
      else if (late) this.#probe();
      else this.#silent();
    });
  }

  #arm(delayMs: number, task: (late: boolean) => void): void {
    this.#timer?.cancel();
    const due = this.#clock.now() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      task(this.#clock.now() - due > this.#graceMs);
    });
  }

  #silent(): void {
    this.stop();
    this.#owner.onSilence();
  }
}
