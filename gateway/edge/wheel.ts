import type { Clock, Timer } from '../../protocol/clock.ts';

/** Something with one next deadline. The wheel owns the three fields. */
export interface WheelEntry {
  wheelAt: number;
  wheelNext: WheelEntry | undefined;
  wheelPrevious: WheelEntry | undefined;
  /**
   * Its deadline passed; it schedules the next one itself. Entries whose deadlines passed in the
   * same tick are called even when one of them cancels another.
   */
  onTime(now: number): void;
}

const TICK_MS = 10;
const SLOTS = 1_024;
/** A timer this late means that the process stood still, not that it was busy. */
const STALL_MS = 50;
/** What was left out is made good by this share of the time that passes, and at most so much. */
const CATCH_UP = 1 / 2;
const CATCH_UP_MS = 1_000;

/**
 * All deadlines of all connections on one timer. An entry stands in the slot of its deadline, in
 * a list through the entries themselves: to schedule or to cancel allocates nothing and costs the
 * same for ten connections and for a hundred thousand. Without entries no timer runs.
 *
 * **Its time leaves out stalls.** When the process was frozen, the answers of its peers wait
 * unread in the kernel, and timers run before sockets are read: judged by the clock everybody
 * would be dead. So `now()` stands still while the process did, and makes that good afterwards,
 * when the answers have been read. Where a machine is so busy that every timer is late, it still
 * goes at half the pace of the clock: clients take a longer silence for the end of a connection.
 */
export class Wheel {
  readonly #clock: Clock;
  readonly #slots: (WheelEntry | undefined)[] = new Array(SLOTS).fill(undefined);
  #count = 0;
  /** The last tick whose slot was emptied. */
  #tick: number;
  #timer: Timer | undefined;
  #timerTick = 0;
  #stalledMs = 0;
  /** Of the clock, when it last turned. */
  #turnedAt: number;
  #turning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnedAt = clock.now();
    this.#tick = Math.floor(this.#turnedAt / TICK_MS);
  }

  /** Milliseconds of the clock, without those in which the process stood still of late. */
  now(): number {
    return this.#clock.now() - this.#stalledMs;
  }

  /** Calls `entry.onTime` at `at` or up to a tick (10 ms) later; replaces its earlier deadline. */
  schedule(entry: WheelEntry, at: number): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.cancel(entry);
      return;
    }
    const due = Math.max(Math.ceil(at / TICK_MS), this.#tick + 1);
    if (entry.wheelAt === due) return;
    this.cancel(entry);
    const slot = due % SLOTS;
    const first = this.#slots[slot];
    entry.wheelAt = due;
    entry.wheelNext = first;
    entry.wheelPrevious = undefined;
    if (first !== undefined) first.wheelPrevious = entry;
    this.#slots[slot] = entry;
    this.#count += 1;
    if (this.#turning) return;
    if (this.#timer === undefined || due < this.#timerTick) this.#arm(due);
  }

  cancel(entry: WheelEntry): void {
    if (entry.wheelAt === 0) return;
    const { wheelNext: next, wheelPrevious: previous } = entry;
    if (previous === undefined) this.#slots[entry.wheelAt % SLOTS] = next;
    else previous.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = previous;
    entry.wheelAt = 0;
    entry.wheelNext = undefined;
    entry.wheelPrevious = undefined;
    this.#count -= 1;
  }

  /** Entries with a deadline. */
  get size(): number {
    return this.#count;
  }

  /** No deadline passes any more. */
  stop(): void {
    this.#timer?.cancel();
    // As if in a turn that never ends: nothing arms the timer again.
    this.#turning = true;
  }

  #arm(tick: number): void {
    this.#timer?.cancel();
    this.#timerTick = tick;
    const delay = Math.max(0, tick * TICK_MS - this.now());
    this.#timer = this.#clock.after(delay, () => this.#turn());
  }

  #turn(): void {
    this.#timer = undefined;
    this.#leaveOut(this.now() - this.#timerTick * TICK_MS);
    const now = this.now();
    const until = Math.floor(now / TICK_MS);
    const passed: WheelEntry[] = [];
    // One round visits every slot: more ticks than that were never waited for.
    const from = Math.max(this.#tick + 1, until - SLOTS + 1);
    for (let tick = from; tick <= until; tick += 1) this.#collect(tick % SLOTS, until, passed);
    this.#tick = Math.max(this.#tick, until);
    this.#turning = true;
    for (const entry of passed) entry.onTime(now);
    this.#turning = false;
    if (this.#count > 0 && this.#timer === undefined) this.#arm(this.#nextTick());
  }

  #leaveOut(late: number): void {
    const now = this.#clock.now();
    const share = (now - this.#turnedAt) * CATCH_UP;
    this.#turnedAt = now;
    this.#stalledMs -= Math.min(this.#stalledMs, share, CATCH_UP_MS);
    if (late > STALL_MS) this.#stalledMs += late;
  }

  #collect(slot: number, until: number, passed: WheelEntry[]): void {
    let entry = this.#slots[slot];
    while (entry !== undefined) {
      const next: WheelEntry | undefined = entry.wheelNext;
      if (entry.wheelAt <= until) {
        this.cancel(entry);
        passed.push(entry);
      }
      entry = next;
    }
  }

  /** The next tick whose slot is not empty; its entries may be due in a later round. */
  #nextTick(): number {
    for (let tick = this.#tick + 1; tick <= this.#tick + SLOTS; tick += 1) {
      if (this.#slots[tick % SLOTS] !== undefined) return tick;
    }
    return this.#tick + SLOTS;
  }
}
