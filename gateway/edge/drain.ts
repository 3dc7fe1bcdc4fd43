import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import { closeCodes } from '../../protocol/codes.ts';
import type { Connection } from './connection.ts';
import type { EdgeCounts } from './counts.ts';
import { Departures } from './departures.ts';
import { type Mover, WITHIN_MS } from './mover.ts';
import type { Placement } from './placement.ts';
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
  readonly random: Random;
  readonly roster: Roster;
  readonly counts: EdgeCounts;
  readonly mover: Mover;
  readonly placement: Placement;
  /** Clients that are connected here and served elsewhere: their owners ask them to go. */
  readonly passing?: { readonly size: number; cut(): void } | undefined;
  readonly settings: {
    readonly drainGraceMs: number;
    readonly drainDeadlineMs: number;
  };
  /** Lets everybody who is left go without a word. */
  readonly cut: (connection: Connection) => void;
}

export interface Drained {
  /** Connections that were still there at the deadline. */
  readonly forced: number;
  /** It was called off: this gateway serves on. */
  readonly cancelled: boolean;
}

/** Kept free before the deadline, for those asked last to settle and to close. */
const RESERVE_MS = 10_000;
/** With short deadlines: this share of them. */
const RESERVE_SHARE = 1 / 5;

/**
 * How a gateway leaves, in this order: it becomes not ready; it accepts clients for a grace, since
 * load balancers hear of it late; it asks clients to go, at the pace of the budget or of the
 * deadline; it ends when it is empty, or at the deadline. Who can go on elsewhere without a break
 * is asked to do so first, and who did not is asked once more; who cannot, or did not again, is
 * closed with its publishes answered and its cursors saved.
 */
export class Drain {
  readonly #parts: DrainParts;
  #phase: DrainPhase = 'serving';
  #done: Promise<Drained> | undefined;
  #departures: Departures<Connection> | undefined;
  #timer: Timer | undefined;
  #finish: (drained: Drained) => void = () => {};
  #began = 0;
  #deadline = 0;
  /** From then on nobody is asked twice. */
  #finishBy = 0;
  #twice = new WeakSet<Connection>();

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  get phase(): DrainPhase {
    return this.#phase;
  }

  /** Milliseconds until it is over, whoever is left; undefined while nothing is under way. */
  get remainingMs(): number | undefined {
    if (this.#phase === 'serving' || this.#phase === 'empty') return undefined;
    return Math.max(0, this.#deadline - this.#parts.clock.now());
  }

  /**
   * Starts it, once; everybody who asks gets the same end. `withinMs`: it has to be over by then,
   * where that is sooner than it would be.
   */
  start(withinMs = Number.POSITIVE_INFINITY): Promise<Drained> {
    const { clock, settings, mover } = this.#parts;
    const now = clock.now();
    if (this.#done === undefined) {
      this.#phase = 'announced';
      this.#began = now;
      this.#twice = new WeakSet();
      mover.hold();
      this.#done = new Promise((resolve) => {
        this.#finish = resolve;
      });
      this.#endBy(now + Math.min(settings.drainDeadlineMs, withinMs));
    } else if (now + withinMs < this.#deadline) this.#endBy(now + withinMs);
    return this.#done;
  }

  /** Calls it off, also when it is over: whoever is still here, stays. */
  cancel(): void {
    if (this.#phase === 'serving') return;
    this.#end({ forced: 0, cancelled: true });
    this.#phase = 'serving';
    this.#done = undefined;
    this.#parts.mover.release();
  }

  /** A connection closed. */
  gone(): void {
    if (this.#phase === 'leaving' && this.#size === 0) this.#end(empty);
  }

  /** Waits for nothing any more. */
  stop(): void {
    if (this.#phase === 'announced' || this.#phase === 'leaving') this.#cut();
  }

  /** From now on the pace, and what is left of the grace, are those of this deadline. */
  #endBy(deadline: number): void {
    if (this.#phase !== 'announced' && this.#phase !== 'leaving') return;
    const { clock, settings } = this.#parts;
    const left = deadline - clock.now();
    this.#deadline = deadline;
    this.#finishBy = deadline - Math.min(RESERVE_MS, left * RESERVE_SHARE);
    this.#timer?.cancel();
    if (this.#phase === 'leaving') {
      this.#departures?.stop();
      this.#leave();
      return;
    }
    const grace = Math.min(settings.drainGraceMs, (deadline - this.#began) / 2);
    const graceLeft = Math.max(0, this.#began + grace - clock.now());
    this.#timer = clock.after(graceLeft, () => this.#leave());
  }

  #leave(): void {
    const { clock, random, counts, mover } = this.#parts;
    this.#phase = 'leaving';
    if (this.#size === 0) {
      this.#end(empty);
      return;
    }
    this.#departures = new Departures<Connection>({
      ...{ clock, random, budget: mover.budget, finishBy: this.#finishBy },
      leavers: () => this.#leavers(),
      ask: (connection) => this.#ask(connection),
      count: (how) => counts.moved(how),
    });
    this.#timer = clock.after(this.#deadline - clock.now(), () => this.#cut());
  }

  #leavers(): readonly Connection[] {
    const now = this.#parts.clock.now();
    const all = this.#parts.roster.all();
    // Who was asked before this began may have been given more time than is left.
    return all.filter(
      ({ alive, move }) => alive && (!move?.isMoving(now) || move.isMoving(this.#deadline)),
    );
  }

  #ask(connection: Connection): void {
    const { clock, mover, placement } = this.#parts;
    const { move } = connection;
    const now = clock.now();
    const again = move?.askedSince(this.#began) === true;
    const enough = again && (this.#twice.has(connection) || now >= this.#finishBy);
    if (move === undefined || enough || placement.alone) {
      connection.leave(closeCodes.drain);
      return;
    }
    if (again) this.#twice.add(connection);
    const within = Math.min(WITHIN_MS, (this.#deadline - now) / 2);
    // Where it was sent first it did not get to.
    const to = again ? undefined : placement.refuge(move.shard)?.to;
    mover.ask(connection, { reason: 'drain', to, within: Math.floor(within) });
  }

  #cut(): void {
    const rest = this.#parts.roster.all();
    for (const connection of rest) {
      this.#parts.counts.moved('forced');
      this.#parts.cut(connection);
    }
    const { passing, counts } = this.#parts;
    const passed = passing?.size ?? 0;
    for (let n = 0; n < passed; n += 1) counts.moved('forced');
    passing?.cut();
    this.#end({ forced: rest.length + passed, cancelled: false });
  }

  get #size(): number {
    return this.#parts.roster.size + (this.#parts.passing?.size ?? 0);
  }

  #end(drained: Drained): void {
    this.#phase = 'empty';
    this.#timer?.cancel();
    this.#departures?.stop();
    this.#departures = undefined;
    this.#finish(drained);
  }
}

const empty: Drained = { forced: 0, cancelled: false };
