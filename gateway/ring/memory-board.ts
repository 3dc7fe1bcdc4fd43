import type { Clock } from '../../protocol/clock.ts';
import { compareVersions } from '../../protocol/ring.ts';
import { MemoryExchange } from './memory-wire.ts';
import {
  type Beat,
  type Beaten,
  type BoardTime,
  compareStamps,
  FALLS_MAX,
  FORGET_HEARTBEATS,
  FORGIVE_HEARTBEATS,
  GONE_HEARTBEATS,
  LEASE_HEARTBEATS,
  type Lease,
  type Offer,
  type OfferOutcome,
  PAUSE_HEARTBEATS,
  type PodBeat,
  type PodBoard,
  type PodFacts,
  type PodsOnBoard,
  type RingStamp,
  silenceOf,
} from './pod-board.ts';

interface Held extends RingStamp {
  readonly document: string;
}

/** All that a board knows; a value, so that a test can keep a copy of it. */
interface Knowledge {
  /** The last beat of anybody, and the end of the last pause before it. */
  last: number | undefined;
  since: number;
  beats: Map<string, PodBeat>;
  facts: Map<string, PodFacts>;
  factsToken: string;
  ring: Held | undefined;
  lease: { readonly pod: string; readonly generation: number } | undefined;
  /** Of leases and rings so far. */
  generation: number;
}

/** The board of gateways that run in one process: they share one object. */
export class MemoryBoard implements PodBoard {
  /** How they speak with each other. */
  readonly exchange = new MemoryExchange();
  readonly #clock: Pick<Clock, 'now'>;
  #knows = empty();
  #tokens = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  open(up: () => void): void {
    up();
  }

  async beat(beat: Beat): Promise<Beaten> {
    const time = this.#tick(beat.intervalMs);
    this.#noteBeat(beat, time);
    this.#noteFacts(beat);
    this.#noteRing(beat.ring);
    this.#settleLease(beat, time);
    const { ring, facts, factsToken, lease } = this.#knows;
    const wanted = compareStamps(ring, beat.ring) > 0 && ring?.digest !== beat.refused;
    return {
      time,
      ring:
        ring === undefined ? undefined : { ...ring, document: wanted ? ring.document : undefined },
      facts: {
        token: factsToken,
        all: beat.known === factsToken ? undefined : new Map(facts),
      },
      holder: lease?.pod,
      lease: lease?.pod === beat.pod ? this.#leaseOf(lease.generation) : undefined,
    };
  }

  async offer({ ring, document, written }: Offer): Promise<OfferOutcome> {
    const knows = this.#knows;
    const compared = compareStamps(ring, knows.ring);
    if (compared === 0) return 'stored';
    if (written !== undefined) {
      const { pod, generation } = knows.lease ?? {};
      if (pod !== written.by || generation !== written.generation) return 'fenced';
      if (compareStamps(written.over, knows.ring) !== 0) return 'fenced';
    }
    if (compared < 0) return 'older';
    knows.ring = { ...ring, document };
    knows.generation = Math.max(knows.generation, ring.version.generation);
    return 'stored';
  }

  async pods(): Promise<PodsOnBoard> {
    const { beats, facts, since } = this.#knows;
    const time = { now: this.#now(), since };
    return { time, beats: new Map(beats), facts: new Map(facts) };
  }

  async leave(pod: string): Promise<void> {
    const knows = this.#knows;
    const beat = knows.beats.get(pod);
    if (beat !== undefined) knows.beats.set(pod, { ...beat, state: 'left' });
    if (knows.facts.delete(pod)) this.#factsChanged();
    if (knows.lease?.pod === pod) knows.lease = undefined;
  }

  /** The gateways that share it end one by one; it needs no end. */
  close(): void {}

  /** Forgets everything. */
  flush(): void {
    this.#knows = empty();
  }

  /** A copy of all that it knows, to go back to. */
  backup(): () => void {
    const copy = copyOf(this.#knows);
    return () => {
      this.#knows = copyOf(copy);
    };
  }

  /** Whole milliseconds, as a store has them. */
  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #tick(intervalMs: number): BoardTime {
    const now = this.#now();
    const { last } = this.#knows;
    const paused = last === undefined || now < last || now - last > PAUSE_HEARTBEATS * intervalMs;
    if (paused) this.#knows.since = now;
    this.#knows.last = now;
    return { now, since: this.#knows.since };
  }

  #noteBeat({ pod, intervalMs, leaving, load }: Beat, time: BoardTime): void {
    const before = this.#knows.beats.get(pod);
    if (before === undefined) this.#forget(time);
    const state = leaving ? 'leaving' : 'here';
    const life = lifeOf(before, { state, intervalMs, time });
    this.#knows.beats.set(pod, { at: time.now, intervalMs, ...life, state, load });
  }

  /** A newcomer is the moment to forget who was not heard of for long. */
  #forget(time: BoardTime): void {
    for (const [pod, beat] of this.#knows.beats) {
      if (silenceOf(beat, time) <= FORGET_HEARTBEATS * beat.intervalMs) continue;
      this.#knows.beats.delete(pod);
      if (this.#knows.facts.delete(pod)) this.#factsChanged();
    }
  }

  #noteFacts({ pod, facts }: Beat): void {
    const { weight, zone, address, key } = facts;
    const known = this.#knows.facts.get(pod);
    const same = known?.weight === weight && known.zone === zone && known.address === address;
    if (same && known.key === key) return;
    this.#knows.facts.set(pod, { weight, zone, address, key });
    this.#factsChanged();
  }

  #factsChanged(): void {
    this.#tokens += 1;
    this.#knows.factsToken = String(this.#tokens);
  }

  /** A ring that the board should know of, and does not: what was given out since then ends. */
  #noteRing(reported: RingStamp | undefined): void {
    const knows = this.#knows;
    if (reported === undefined) return;
    const { ring } = knows;
    const order = ring === undefined ? 1 : compareVersions(reported.version, ring.version);
    if (order < 0 || (order === 0 && reported.digest === ring?.digest)) return;
    const { generation } = reported.version;
    knows.generation = Math.max(knows.generation, generation);
    if (knows.lease !== undefined && knows.lease.generation <= generation) knows.lease = undefined;
  }

  #settleLease({ pod, mayWrite }: Beat, time: BoardTime): void {
    const knows = this.#knows;
    const holder = knows.lease && knows.beats.get(knows.lease.pod);
    const free =
      holder === undefined ||
      holder.state === 'left' ||
      silenceOf(holder, time) > LEASE_HEARTBEATS * holder.intervalMs ||
      (knows.lease?.generation ?? 0) < (knows.ring?.version.generation ?? 0);
    if (free) knows.lease = undefined;
    if (mayWrite && knows.lease === undefined) {
      knows.generation += 1;
      knows.lease = { pod, generation: knows.generation };
    } else if (!mayWrite && knows.lease?.pod === pod) {
      knows.lease = undefined;
    }
  }

  #leaseOf(generation: number): Lease {
    return { generation, beats: new Map(this.#knows.beats) };
  }
}

interface Now {
  readonly state: 'here' | 'leaving';
  readonly intervalMs: number;
  readonly time: BoardTime;
}

/** Since when a pod is up, and how often it fell: it was gone, it left, or it was leaving. */
function lifeOf(before: PodBeat | undefined, { state, intervalMs, time }: Now) {
  const { now } = time;
  if (before === undefined) return { upSince: now, falls: 0 };
  const gone = silenceOf(before, time) > GONE_HEARTBEATS * before.intervalMs;
  if (gone || before.state === 'left' || (before.state === 'leaving' && state === 'here')) {
    return { upSince: now, falls: Math.min(before.falls + 1, FALLS_MAX) };
  }
  const upSince = Math.min(before.upSince, now);
  const forgiven = now - upSince > FORGIVE_HEARTBEATS * intervalMs;
  return { upSince, falls: forgiven ? 0 : before.falls };
}

function empty(): Knowledge {
  return {
    last: undefined,
    since: 0,
    beats: new Map(),
    facts: new Map(),
    factsToken: '',
    ring: undefined,
    lease: undefined,
    generation: 0,
  };
}

const copyOf = (knows: Knowledge): Knowledge => ({
  ...knows,
  beats: new Map(knows.beats),
  facts: new Map(knows.facts),
});
