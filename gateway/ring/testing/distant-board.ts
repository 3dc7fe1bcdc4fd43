import type { SimulatedClock } from '../../../e2e/simulation/simulated-clock.ts';
import type { Clock, Random, Timer } from '../../../protocol/clock.ts';
import type { MemoryBoard } from '../memory-board.ts';
import { type Beat, type Beaten, compareStamps, type Offer, type PodBoard } from '../pod-board.ts';

/** Heartbeats after which a step on the board is given up; it may yet be done. */
export const DEADLINE_HEARTBEATS = 1.5;
/** The slowest request still arrives this many heartbeats after it was given up. */
export const SLOWEST = 4;
/** So many of the offers are as slow as can be, while writers stall. */
const LATE_SHARE = 0.3;

/** How a pod reaches the board, and whether it runs at all. */
export class Link {
  dead = false;
  frozenUntil = 0;
  cutUntil = 0;
  slowUntil = 0;
  /** Answers are lost until then. */
  deafUntil = 0;
  /** Until then answers bring rings of before, in any order. */
  confusedUntil = 0;
  /** Nothing ever happened to it alone. */
  well = true;
}

/** A pod's clock: nothing falls due while it is frozen, and never again once it is dead. */
export class PodClock implements Clock {
  readonly #clock: SimulatedClock;
  readonly #link: Link;

  constructor(clock: SimulatedClock, link: Link) {
    this.#clock = clock;
    this.#link = link;
  }

  now(): number {
    return this.#clock.now();
  }

  wall(): number {
    return this.#clock.wall();
  }

  after(delayMs: number, task: () => void): Timer {
    let inner: Timer;
    const due = () => {
      if (this.#link.dead) return;
      const frozen = this.#link.frozenUntil - this.#clock.now();
      if (frozen > 0) inner = this.#clock.after(frozen, due);
      else task();
    };
    inner = this.#clock.after(delayMs, due);
    return { cancel: () => inner.cancel() };
  }
}

interface DistantBoardParts {
  readonly board: MemoryBoard;
  readonly link: Link;
  readonly clock: SimulatedClock;
  readonly podClock: Clock;
  readonly random: Random;
  /** Of everybody, ms. */
  readonly heartbeatMs: number;
  /** Whether writers stall in the middle, now and then. */
  readonly stalls: () => boolean;
  /** Every ring that the board ever took; all who share it share this too. */
  readonly stored: Offer[];
  /** Default: it fences. */
  readonly unfenced?: boolean;
}

/** The board at the end of a link on which requests and answers take time, or are lost. */
export class DistantBoard implements PodBoard {
  readonly #parts: DistantBoardParts;

  constructor(parts: DistantBoardParts) {
    this.#parts = parts;
  }

  open(up: () => void): void {
    this.#parts.podClock.after(this.#delay(), up);
  }

  beat(beat: Beat): Promise<Beaten> {
    return this.#carry(async () => {
      const answer = this.#confused(await this.#parts.board.beat(beat), beat);
      if (!this.#parts.unfenced || answer.lease === undefined) return answer;
      return { ...answer, lease: { ...answer.lease, generation: 1 } };
    });
  }

  offer({ written, ...offer }: Offer) {
    const fenced = written === undefined || this.#parts.unfenced ? {} : { written };
    const { clock, link, random, stalls, board, stored } = this.#parts;
    // A writer that stalls in the middle: another has the lease when what it wrote arrives.
    if (stalls() && random() < LATE_SHARE) {
      link.slowUntil = Math.max(link.slowUntil, clock.now() + 1);
      link.well = false;
    }
    return this.#carry(async () => {
      const outcome = await board.offer({ ...offer, ...fenced });
      if (outcome === 'stored') stored.push(offer);
      return outcome;
    });
  }

  pods() {
    return this.#carry(() => this.#parts.board.pods());
  }

  leave(pod: string) {
    return this.#carry(() => this.#parts.board.leave(pod));
  }

  close(): void {}

  /** The answer of another moment: with any of the rings that the board had. */
  #confused(answer: Beaten, { ring: known }: Beat): Beaten {
    const { random, link, clock, stored } = this.#parts;
    if (clock.now() >= link.confusedUntil) return answer;
    const { ring, document } = stored[Math.floor(random() * stored.length)] ?? {};
    if (ring === undefined || document === undefined) return answer;
    const same = compareStamps(ring, known) === 0;
    return { ...answer, ring: { ...ring, document: same ? undefined : document } };
  }

  #delay(): number {
    const { random, link, clock, heartbeatMs } = this.#parts;
    const slow = clock.now() < link.slowUntil;
    return random() * (slow ? SLOWEST * heartbeatMs : heartbeatMs / 20);
  }

  #carry<T>(step: () => Promise<T>): Promise<T> {
    const { link, clock, podClock, heartbeatMs } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const deadlineMs = DEADLINE_HEARTBEATS * heartbeatMs;
    const timer = podClock.after(deadlineMs, () => reject(new Error('no answer')));
    if (link.dead || clock.now() < link.cutUntil) return promise;
    clock.after(this.#delay(), () => {
      // What was sent arrives, whatever became of the sender.
      void step().then((answer) => {
        if (clock.now() < Math.max(link.cutUntil, link.deafUntil)) return;
        podClock.after(this.#delay(), () => {
          timer.cancel();
          resolve(answer);
        });
      });
    });
    return promise;
  }
}
