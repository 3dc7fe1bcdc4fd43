import type { Clock, Timer } from '../../protocol/clock.ts';
import { closeCodes } from '../../protocol/codes.ts';
import type { Connection } from './connection.ts';
import type { EdgeCounts } from './counts.ts';
import { Departures } from './departures.ts';
import type { Roster } from './roster.ts';

/**
 * - `serving`
 * - `announced`: not ready any more, everything else as before, until the load balancers know.
 * - `leaving`: new clients are refused, those here are asked to go.
 * - `empty`: nobody is left, or the deadline cut off the rest.
 */
export type DrainPhase = 'serving' | 'announced' | 'leaving' | 'empty';

export interface DrainParts {
  readonly clock: Clock;
  readonly roster: Roster;
  readonly counts: EdgeCounts;
  readonly settings: {
    readonly drainGraceMs: number;
    readonly drainDeadlineMs: number;
    readonly movesPerSecond: number;
  };
  /** Lets everybody who is left go without a word. */
  readonly cut: (connection: Connection) => void;
}

export interface Drained {
  /** Connections that were still there at the deadline. */
  readonly forced: number;
}

/** Kept free before the deadline, for those asked last to settle and to close. */
const RESERVE_MS = 10_000;
/** With short deadlines: this share of them. */
const RESERVE_SHARE = 1 / 5;

/**
 * How a gateway leaves, in this order: it becomes not ready; it accepts clients for a grace, since
 * load balancers hear of it late; it asks clients to go, each with its publishes answered and its
 * cursors saved, at the pace of the budget or of the deadline; it ends when it is empty, or at the
 * deadline.
 */
export class Drain {
  readonly #parts: DrainParts;
  #phase: DrainPhase = 'serving';
  #done: Promise<Drained> | undefined;
  #departures: Departures | undefined;
  #timer: Timer | undefined;
  #finish: (drained: Drained) => void = () => {};
  #deadline = 0;

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  get phase(): DrainPhase {
    return this.#phase;
  }

  /** Starts it, once; everybody who asks gets the same end. */
  start(): Promise<Drained> {
    if (this.#done !== undefined) return this.#done;
    const { clock, settings } = this.#parts;
    this.#phase = 'announced';
    this.#deadline = clock.now() + settings.drainDeadlineMs;
    const grace = Math.min(settings.drainGraceMs, settings.drainDeadlineMs / 2);
    this.#done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#timer = clock.after(grace, () => this.#leave());
    return this.#done;
  }

  /** A connection closed. */
  gone(): void {
    if (this.#phase === 'leaving' && this.#parts.roster.size === 0) this.#end(0);
  }

  /** Waits for nothing any more. */
  stop(): void {
    if (this.#phase === 'announced' || this.#phase === 'leaving') this.#cut();
  }

  #leave(): void {
    const { clock, roster, settings, counts } = this.#parts;
    this.#phase = 'leaving';
    if (roster.size === 0) {
      this.#end(0);
      return;
    }
    const reserve = Math.min(RESERVE_MS, settings.drainDeadlineMs * RESERVE_SHARE);
    this.#departures = new Departures({
      clock,
      code: closeCodes.drain,
      leavers: () => roster.all(),
      perSecond: settings.movesPerSecond,
      finishBy: this.#deadline - reserve,
      count: (how) => counts.moved(how),
    });
    this.#timer = clock.after(this.#deadline - clock.now(), () => this.#cut());
  }

  #cut(): void {
    const rest = this.#parts.roster.all();
    for (const connection of rest) {
      this.#parts.counts.moved('forced');
      this.#parts.cut(connection);
    }
    this.#end(rest.length);
  }

  #end(forced: number): void {
    this.#phase = 'empty';
    this.#timer?.cancel();
    this.#departures?.stop();
    this.#finish({ forced });
  }
}
