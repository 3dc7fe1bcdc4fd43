import { SimulatedClock } from '../../../e2e/simulation/simulated-clock.ts';
import type { Random } from '../../../protocol/clock.ts';
import { type Ring, SHARDS } from '../../../protocol/ring.ts';
import { pickOne, seeded } from '../../../protocol/testing/chance.ts';
import { MemoryBoard } from '../memory-board.ts';
import { MOST_GONE_HEARTBEATS, type Offer, type PodBeat } from '../pod-board.ts';
import { readRing } from '../ring-keeper.ts';
import { DEADLINE_HEARTBEATS, DistantBoard, Link, PodClock, SLOWEST } from './distant-board.ts';
import { agree, RingPod } from './fleet.ts';

/** One heartbeat of everybody, ms. */
const HEARTBEAT = 1_000;
/** Heartbeats in which things go wrong. */
const TROUBLE = 24;

/**
 * Heartbeats after the last fault within which all agree: the slowest request of before, and then
 * what `SelfOrganised` says of a pod that died together with the writer. A pod that fell waits
 * longer, as `membersOf` says.
 */
export const AGREE_HEARTBEATS = SLOWEST + 8;

const podFaults = [
  ...(['crash', 'restart', 'join', 'leave', 'goodbye'] as const),
  ...(['cut', 'freeze', 'slow', 'deaf', 'confuse'] as const),
];
const storeFaults = ['outage', 'flush', 'backup', 'restore', 'clock'] as const;
type PodFault = (typeof podFaults)[number];
type StoreFault = (typeof storeFaults)[number];
export const ringFaults: readonly (PodFault | StoreFault)[] = [...podFaults, ...storeFaults];

export interface RingWorldOptions {
  /** Leases have no generation, and nobody asks who writes: a mistake that must be found. */
  readonly unfenced?: boolean;
}

export interface RingOutcome {
  readonly seed: number;
  /** What went wrong; nothing when all is well. */
  readonly violations: readonly string[];
  /** What happened, by name. */
  readonly counts: ReadonlyMap<string, number>;
  /** Heartbeats from the last fault until all agreed, without what a fallen pod had to wait. */
  readonly heartbeats: number;
}

/** Pods over one board, with delays, crashes, partitions and several writers, from one seed. */
export class RingWorld {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #options: RingWorldOptions;
  readonly #board: MemoryBoard;
  readonly #pods: SimulatedPod[] = [];
  readonly #counts = new Map<string, number>();
  readonly #rings = new Map<string, ReturnType<typeof readRing>>();
  readonly #stored: Offer[] = [];
  /** How far the store's clock is ahead of the true one, ms. */
  #skew = 1e9;
  #outageUntil = 0;
  #restore: (() => void) | undefined;
  /** The store forgot something: only then may two rings have one version. */
  #forgot = false;

  constructor(seed: number, options: RingWorldOptions = {}) {
    this.#seed = seed;
    this.#random = seeded(seed);
    this.#options = options;
    this.#board = new MemoryBoard({ now: () => this.#clock.now() + this.#skew });
  }

  async run(): Promise<RingOutcome> {
    const beginning = 1 + Math.floor(this.#random() * 5);
    for (let count = 0; count < beginning; count += 1) this.#join();
    const times = 2 + Math.floor(this.#random() * 8);
    for (let count = 0; count < times; count += 1) {
      const at = (2 + this.#random() * (TROUBLE - 2)) * HEARTBEAT;
      this.#clock.after(at, () => this.#fault(pickOne(ringFaults, this.#random)));
    }
    await this.#clock.run(TROUBLE * HEARTBEAT);
    this.#heal();
    const healed = this.#clock.now();
    const waits = await this.#longestWait();
    const limit = healed + (AGREE_HEARTBEATS + waits) * HEARTBEAT;
    await this.#clock.run(limit, () => this.#settled());
    const heartbeats = (this.#clock.now() - healed) / HEARTBEAT - waits;
    const violations = [...this.#judgeEnd(), ...this.#judgeRings()];
    for (const pod of this.#pods) this.#tally(pod);
    return { seed: this.#seed, violations, counts: this.#counts, heartbeats };
  }

  #join(name = `pod-${this.#pods.length}`): void {
    const link = new Link();
    link.cutUntil = this.#outageUntil;
    const clock = new PodClock(this.#clock, link);
    const board = new DistantBoard({
      board: this.#board,
      ...{ link, clock: this.#clock, podClock: clock, random: this.#random },
      ...{ heartbeatMs: HEARTBEAT, stored: this.#stored },
      stalls: () => this.#clock.now() < TROUBLE * HEARTBEAT,
      unfenced: this.#options.unfenced === true,
    });
    const read = (document: string) => this.#read(document);
    const pod = new RingPod({ name, board, clock, intervalMs: HEARTBEAT, read });
    this.#pods.push({ pod, link, name, leaving: false });
  }

  /** Every pod reads the same documents; once is enough for all of them. */
  #read(document: string): ReturnType<typeof readRing> {
    const known = this.#rings.get(document) ?? readRing(document);
    this.#rings.set(document, known);
    return known;
  }

  /** Without those that are saying goodbye. */
  get #alive(): SimulatedPod[] {
    return this.#pods.filter(({ link }) => !link.dead && Number.isFinite(link.deafUntil));
  }

  #fault(fault: PodFault | StoreFault): void {
    const { link, pod, name, leaving } = pickOne(this.#pods, this.#random);
    const until = this.#clock.now() + (0.5 + this.#random() * 8) * HEARTBEAT;
    if (!this.#inflict(fault, { link, pod, name, leaving, until })) return;
    this.#count(`fault ${fault}`);
    if (isOf(podFaults, fault) && fault !== 'join') link.well = false;
  }

  #inflict(fault: PodFault | StoreFault, { link, pod, name, leaving, until }: Inflicted): boolean {
    switch (fault) {
      case 'crash':
        if (link.dead) return false;
        link.dead = true;
        return true;
      case 'restart':
        // A process of the same name that knows nothing, soon after or long after.
        link.dead = true;
        this.#clock.after((until - this.#clock.now()) / 2, () => {
          if (!this.#alive.some((each) => each.name === name)) this.#join(name);
        });
        return true;
      case 'join':
        if (this.#alive.length >= 6) return false;
        this.#join();
        return true;
      case 'leave':
      case 'goodbye':
        return this.#leave(fault, { link, pod, leaving });
      case 'cut':
        link.cutUntil = Math.max(link.cutUntil, until);
        return true;
      case 'freeze':
        link.frozenUntil = Math.max(link.frozenUntil, until);
        return true;
      case 'slow':
        link.slowUntil = Math.max(link.slowUntil, until);
        return true;
      case 'deaf':
        link.deafUntil = Math.max(link.deafUntil, until);
        return true;
      case 'confuse':
        link.confusedUntil = Math.max(link.confusedUntil, until);
        return true;
      default:
        return this.#inflictStore(fault, until);
    }
  }

  #leave(
    how: 'leave' | 'goodbye',
    { link, pod, leaving }: Omit<Inflicted, 'until' | 'name'>,
  ): boolean {
    const one = this.#pods.find((each) => each.pod === pod);
    if (one === undefined || link.dead || leaving) return false;
    one.leaving = true;
    pod.source.leave();
    if (how === 'leave') return true;
    // It goes for good: what it says last may be lost.
    link.deafUntil = Number.POSITIVE_INFINITY;
    void pod.source.stop();
    this.#clock.after(2 * DEADLINE_HEARTBEATS * HEARTBEAT, () => {
      link.dead = true;
    });
    return true;
  }

  #inflictStore(fault: StoreFault, until: number): boolean {
    switch (fault) {
      case 'outage':
        this.#outageUntil = until;
        for (const { link } of this.#pods) link.cutUntil = Math.max(link.cutUntil, until);
        return true;
      case 'flush':
        this.#board.flush();
        this.#forgot = true;
        return true;
      case 'backup':
        this.#restore = this.#board.backup();
        return true;
      case 'restore':
        if (this.#restore === undefined) return false;
        this.#restore();
        this.#forgot = true;
        return true;
      case 'clock':
        this.#skew += Math.floor((this.#random() - 0.5) * 40 * HEARTBEAT);
        return true;
    }
  }

  #heal(): void {
    this.#outageUntil = 0;
    for (const { link } of this.#pods) {
      link.cutUntil = 0;
      link.slowUntil = 0;
      link.frozenUntil = 0;
      link.confusedUntil = 0;
      if (Number.isFinite(link.deafUntil)) link.deafUntil = 0;
    }
    if (this.#wanted.length === 0) this.#join();
  }

  /** Who is to be in the ring. */
  get #wanted(): RingPod[] {
    return this.#alive.filter(({ leaving }) => !leaving).map(({ pod }) => pod);
  }

  #settled(): boolean {
    return agree(
      this.#alive.map(({ pod }) => pod),
      this.#wanted.map(({ name }) => name),
    );
  }

  async #longestWait(): Promise<number> {
    const { beats } = await this.#board.pods();
    return waitsOf(beats, {
      alive: this.#alive.map(({ name }) => name),
      wanted: this.#wanted.map(({ name }) => name),
      rings: this.#pods.map(({ pod }) => pod.members),
    });
  }

  #judgeEnd(): string[] {
    const wanted = this.#wanted;
    if (!this.#settled()) {
      const seen = this.#alive.map(({ name, pod }) => `${name}: ${pod.members} `);
      return [`no agreement on ${wanted.map(({ name }) => name)}: ${seen}`];
    }
    const share = SHARDS / wanted.length;
    return wanted
      .filter(({ owned }) => owned !== Math.floor(share) && owned !== Math.ceil(share))
      .map(({ name, owned }) => `${name} owns ${owned} of ${SHARDS} among ${wanted.length}`);
  }

  /** Over the whole life: no version goes back, and none is given twice. */
  #judgeRings(): string[] {
    const violations = this.#pods
      .filter(({ pod }) => pod.regressed)
      .map(({ name }) => `${name} went back to an older version`);
    const byVersion = new Map<string, Set<Ring>>();
    for (const { pod } of this.#pods) {
      for (const [at, ring] of pod.rings.entries()) {
        violations.push(...this.#judgeChange(ring, pod.rings[at - 1]));
        const version = `${ring.version.generation}.${ring.version.counter}`;
        byVersion.set(version, (byVersion.get(version) ?? new Set()).add(ring));
      }
    }
    const twice = [...byVersion].filter(([, rings]) => rings.size > 1).map(([version]) => version);
    if (twice.length === 0) return violations;
    this.#count('versions twice', twice.length);
    if (!this.#forgot)
      violations.push(`two rings of version ${twice}, and the store forgot nothing`);
    return violations;
  }

  /** Whoever is heard stays in, through outages of the store and jumps of its clock. */
  #judgeChange(current: Ring, previous: Ring | undefined): string[] {
    if (previous === undefined || this.#forgot) return [];
    const stay = new Set(current.members.map(({ id }) => id));
    const well = new Set(this.#pods.filter(({ link }) => link.well).map(({ name }) => name));
    for (const { link, name } of this.#pods) if (!link.well) well.delete(name);
    return previous.members
      .filter(({ id }) => well.has(id) && !stay.has(id))
      .map(({ id }) => `${id} was well and was taken out`);
  }

  #tally({ pod }: SimulatedPod): void {
    this.#count('rings taken', pod.rings.length);
    this.#count('heartbeats failed', pod.tally.failed);
    this.#count('conflicts', pod.tally.conflicts);
    for (const outcome of pod.tally.offers) this.#count(`offer ${outcome}`);
    for (const [outcome, times] of pod.tally.documents) this.#count(`document ${outcome}`, times);
  }

  #count(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }
}

interface Standing {
  readonly alive: readonly string[];
  /** Who is to be in the ring. */
  readonly wanted: readonly string[];
  /** The members of the rings that somebody has. */
  readonly rings: readonly (readonly string[])[];
}

/**
 * Heartbeats that the rules of `membersOf` put on top: for a pod that fell, and may fall once more
 * at the healing, and for a ring of which most died.
 */
export function waitsOf(
  beats: ReadonlyMap<string, PodBeat>,
  { alive, wanted, rings }: Standing,
): number {
  const falls = Math.max(0, ...alive.map((id) => beats.get(id)?.falls ?? 0));
  // The first one may be made of whoever beat a moment ago.
  const none = rings.every(({ length }) => length === 0);
  const mostDied = (none ? [[...beats.keys()]] : rings).some((members) => {
    const dead = members.filter((id) => !alive.includes(id)).length;
    return dead > members.filter((id) => wanted.includes(id)).length;
  });
  return (falls === 0 ? 0 : 2 ** (falls + 1)) + (mostDied ? MOST_GONE_HEARTBEATS : 0);
}

const isOf = <T extends string>(all: readonly T[], one: string): one is T =>
  (all as readonly string[]).includes(one);

interface SimulatedPod {
  readonly pod: RingPod;
  readonly link: Link;
  readonly name: string;
  leaving: boolean;
}

interface Inflicted {
  readonly pod: RingPod;
  readonly link: Link;
  readonly name: string;
  readonly leaving: boolean;
  /** ms of the world's clock: when the fault ends, if it does. */
  readonly until: number;
}
