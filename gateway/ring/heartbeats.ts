import type { Clock, Timer } from '../../protocol/clock.ts';
import { compareVersions } from '../../protocol/ring.ts';
import type { Logger } from '../logger.ts';
import type { RingCounts } from './counts.ts';
import {
  type Beaten,
  compareStamps,
  type PodBoard,
  type PodFacts,
  type PodLoad,
  type PodsOnBoard,
  type RingStamp,
} from './pod-board.ts';
import type { RingKeeper } from './ring-keeper.ts';

export interface HeartbeatsParts {
  readonly board: PodBoard;
  readonly keeper: RingKeeper;
  readonly pod: string;
  /** Between two beats, ms. */
  readonly intervalMs: number;
  readonly load: () => PodLoad;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counts: RingCounts;
  /** What the holder of the lease does after each beat. Absent: it never takes the lease. */
  readonly write?: (view: WriterView) => Promise<void>;
}

/** What a beat brought to the holder of the lease. */
export interface WriterView {
  readonly lease: NonNullable<Beaten['lease']>;
  readonly time: Beaten['time'];
  readonly facts: ReadonlyMap<string, PodFacts>;
  /** What the board has, after this pod gave it what it had. */
  readonly boardRing: RingStamp | undefined;
}

/** A board that does not answer keeps nobody from leaving for longer. */
const GOODBYE_MS = 1_000;

/**
 * A pod's life on the board: it beats, takes rings that are newer than its own to the keeper, and
 * offers its own where the board has an older one or none. One step at a time; the next beat is
 * due one interval after the last one began.
 */
export class Heartbeats {
  readonly #parts: HeartbeatsParts;
  #self: PodFacts | undefined;
  #leaving = false;
  #stopped = false;
  #timer: Timer | undefined;
  #underWay: Promise<void> | undefined;
  /** A beat was asked for while one was under way. */
  #again = false;
  #refused: string | undefined;
  #token: string | undefined;
  #facts: ReadonlyMap<string, PodFacts> = new Map();
  #holder: string | undefined;
  #roundTripMs: number | undefined;
  /** Says each outage once. */
  #failing = false;
  #read: { readonly at: number; readonly pods: Promise<PodsOnBoard> } | undefined;

  constructor(parts: HeartbeatsParts) {
    this.#parts = parts;
  }

  /** Who holds the lease; undefined while the board does not answer. */
  get holder(): string | undefined {
    return this.#holder;
  }

  start(self: PodFacts): void {
    const { board, clock, intervalMs } = this.#parts;
    this.#self = self;
    // A board that is not reached from the start must show too.
    this.#timer = clock.after(intervalMs, () => this.#now());
    board.open(() => this.#now());
  }

  leave(): void {
    this.#leaving = true;
    this.#now();
  }

  stay(): void {
    this.#leaving = false;
    this.#now();
  }

  /** What a pod says of itself, as of the last answer of the board. */
  factsOf(pod: string): PodFacts | undefined {
    return this.#facts.get(pod);
  }

  /** How long the last beat took, ms; undefined while the board does not answer. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  async stop(): Promise<void> {
    const { board, clock, pod, logger } = this.#parts;
    this.#stopped = true;
    this.#timer?.cancel();
    if (this.#self === undefined) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(GOODBYE_MS, resolve);
    // In this order: a beat that came after it would bring the pod back.
    const goodbye = (async () => {
      await this.#underWay;
      await board.leave(pod);
    })().catch((error: unknown) => logger.debug({ error }, 'left the ring without a word'));
    await Promise.race([goodbye, late]);
    timer.cancel();
    board.close();
  }

  pods(): Promise<PodsOnBoard> {
    const { board, clock, intervalMs } = this.#parts;
    const now = clock.now();
    if (this.#read !== undefined && now - this.#read.at < intervalMs) return this.#read.pods;
    const pods = board.pods();
    this.#read = { at: now, pods };
    pods.catch(() => {
      if (this.#read?.pods === pods) this.#read = undefined;
    });
    return pods;
  }

  /** Beats at once, or right after the beat that is under way. */
  #now(): void {
    if (this.#stopped || this.#self === undefined) return;
    if (this.#underWay !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#underWay = this.#round(this.#self);
  }

  /** One beat and what follows from it. Never rejects. */
  async #round(self: PodFacts): Promise<void> {
    const { clock, intervalMs, counts, logger } = this.#parts;
    const began = clock.now();
    try {
      await this.#beat(self);
      counts.heartbeat('ok');
      if (this.#failing) logger.info({}, 'the ring’s board is back');
      this.#failing = false;
    } catch (error) {
      counts.heartbeat('failed');
      this.#holder = undefined;
      this.#roundTripMs = undefined;
      if (!this.#failing) logger.warn({ error }, 'the ring’s board does not answer');
      this.#failing = true;
    }
    this.#underWay = undefined;
    if (this.#stopped) return;
    const wait = this.#again ? 0 : Math.max(0, began + intervalMs - clock.now());
    this.#again = false;
    this.#timer = clock.after(wait, () => this.#now());
  }

  async #beat(self: PodFacts): Promise<void> {
    const { board, keeper, pod, intervalMs, load, write, clock } = this.#parts;
    const { current } = keeper;
    const began = clock.now();
    const answer = await board.beat({
      ...{ pod, intervalMs, leaving: this.#leaving, facts: self, load: load() },
      ring: current && { version: current.version, digest: current.digest },
      ...{ refused: this.#refused, known: this.#token, mayWrite: write !== undefined },
    });
    this.#roundTripMs = clock.now() - began;
    this.#holder = answer.holder;
    if (answer.facts.all !== undefined) this.#facts = answer.facts.all;
    this.#token = answer.facts.token;
    const boardRing = await this.#exchange(answer.ring);
    const { lease, time } = answer;
    if (lease !== undefined) await write?.({ lease, time, facts: this.#facts, boardRing });
  }

  /** The better ring of the two is then on both sides. Returns what the board has. */
  async #exchange(theirs: Beaten['ring']): Promise<RingStamp | undefined> {
    const { keeper, logger, board, counts } = this.#parts;
    if (theirs?.document !== undefined) {
      const acceptance = keeper.accept(theirs.document);
      if (acceptance.outcome === 'refused') {
        this.#refused = theirs.digest;
        logger.error({ reason: acceptance.reason }, 'the ring on the board is refused');
      }
      return theirs;
    }
    const ours = keeper.current;
    if (ours === undefined || compareStamps(ours, theirs) <= 0) return theirs;
    const { version, digest, document } = ours;
    if (theirs !== undefined && compareVersions(version, theirs.version) === 0) {
      keeper.rival(theirs);
    }
    const outcome = await board.offer({ ring: { version, digest }, document });
    counts.offered(outcome);
    return outcome === 'stored' ? ours : theirs;
  }
}
