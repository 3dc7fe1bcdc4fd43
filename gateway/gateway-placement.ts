import type { Clock } from '../protocol/clock.ts';
import { type Member, ownerOf, type Ring, type RingVersion } from '../protocol/ring.ts';
import {
  type Elsewhere,
  type Owner,
  type Placement,
  type PlacementKey,
  placementKey,
} from './edge/placement.ts';
import { endpointOf } from './ring/endpoint.ts';
import { type Handovers, handoversOf, receiversOf, shareOf, totalOf } from './ring/handover.ts';
import {
  type BoardTime,
  GONE_HEARTBEATS,
  type PodBeat,
  type PodsOnBoard,
  silenceOf,
} from './ring/pod-board.ts';
import { HANDOVER_MS } from './ring/ring-keeper.ts';
import type { RingSource } from './ring/ring-source.ts';
import type { PlacementSettings } from './settings/declaration.ts';

export interface GatewayPlacementParts {
  readonly pod: string;
  readonly source: Pick<RingSource, 'keeper' | 'factsOf' | 'roundTripMs' | 'pods'>;
  readonly settings: PlacementSettings;
  /** Of the whole cluster. */
  readonly movesPerSecond: number;
  readonly heartbeatMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

interface Handed {
  readonly rings: number;
  readonly of: Handovers;
  /** Of everybody. */
  readonly all: number;
  /** Who gets what this gateway hands over. */
  readonly to: Handovers;
}

/** Of the budget, while shards are handed over: for clients that arrive at the wrong gateway. */
const ARRIVALS_SHARE = 0.1;
/** From the first on the pace is lower, from the second on the lowest. */
const UTILISATION = [0.7, 0.95] as const;
const ROUND_TRIP_MS = [50, 500] as const;
/** Of the share. Never nothing: a cluster that is busy for good must come to balance too. */
const LOWEST_PACE = 0.1;
/** Gateways that left; names of pods never come again. */
const LEFT_MAX = 10_000;
/** Between two looks at everybody's load, for each member: with 500 that is 10 s. */
const LOOK_MS_PER_MEMBER = 20;
/** What it told is good for so many of these. */
const TOLD_LOOKS = 3;

/**
 * Which clients belong elsewhere, and how many of them this gateway may disturb, as the ring and
 * the board tell it. Whatever is not known is served in place.
 */
export class GatewayPlacement implements Placement {
  readonly key: PlacementKey;
  readonly #parts: GatewayPlacementParts;
  #version = 0;
  #ring: Ring | undefined;
  /** In the order of the ring's members; undefined where clients cannot be sent to it. */
  #targets: readonly (Elsewhere | undefined)[] = [];
  #member = false;
  /** Gateways that had a place in the ring, and have none any more. */
  readonly #left = new Set<string>();
  /** What is handed over by the rings of late, so many of them. */
  #handovers: Handed | undefined;
  /** When it began to know rings: of those before it knows nothing. */
  #firstAt: number | undefined;
  #board: PodsOnBoard | undefined;
  /** The most that anybody there says is to be handed over, and when the board told it. */
  #said = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #boardAt = Number.NEGATIVE_INFINITY;

  constructor(parts: GatewayPlacementParts) {
    this.#parts = parts;
    this.key = placementKey(parts.settings.key);
    parts.source.keeper.onChange((ring) => this.#take(ring));
  }

  get version(): number {
    return this.#version;
  }

  get ring(): RingVersion | undefined {
    return this.#ring?.version;
  }

  get hasPlace(): boolean {
    return this.#ring === undefined || this.#member;
  }

  /** Whether the ring knows no other gateway to which clients could go. */
  get alone(): boolean {
    return this.#ring?.members.every(({ id }) => id === this.#parts.pod) === true;
  }

  get proxies(): boolean {
    return this.#parts.settings.mode === 'Proxy';
  }

  get redirects(): boolean {
    return this.#parts.settings.podEndpoint !== 'none';
  }

  owner(shard: number): Owner | undefined {
    // Whoever leaves, or has not come yet, is no way to go: its clients would have to go again.
    if (this.#ring === undefined || !this.proxies || !this.#member) return undefined;
    const { id: pod, address } = ownerOf(this.#ring, shard);
    if (pod === this.#parts.pod) return undefined;
    if (this.#isThere(pod)) return { pod, address };
    this.#look();
    return undefined;
  }

  hasLeft(pod: string): boolean {
    return this.#left.has(pod);
  }

  isHere(shard: number): boolean {
    // Who owns nothing, or can send nobody anywhere, is as good a place as any.
    if (this.#ring === undefined || !this.#member || this.#targets.length === 0) return true;
    return ownerOf(this.#ring, shard).id === this.#parts.pod;
  }

  elsewhere(shard: number): Elsewhere | undefined {
    const target = this.#targets[this.#ring?.owners[shard] ?? -1];
    if (target === undefined || this.#isThere(target.pod)) return target;
    // What the board said of it may be old: nobody asks it while nobody is moved.
    this.#look();
    return undefined;
  }

  /** While the ring still has this gateway as the owner: any other one, not all the same. */
  refuge(shard: number): Elsewhere | undefined {
    const owner = this.elsewhere(shard);
    if (owner !== undefined) return owner;
    const others = this.#targets.filter((target) => target !== undefined);
    const there = others.filter(({ pod }) => this.#isThere(pod));
    // Who was not heard of lately is a better bet than the one that leaves.
    const choice = there.length > 0 ? there : others;
    return choice[shard % choice.length];
  }

  /** Shards that all gateways together have to hand over, by the rings that this one knows. */
  get handovers(): number {
    return this.#handed().all;
  }

  share(): number {
    this.#look();
    return this.#fullShare() * Math.min(this.#paceOfReceivers(), this.#paceOfStore());
  }

  #take(ring: Ring): void {
    const { pod, settings } = this.#parts;
    if (this.#left.size > LEFT_MAX) this.#left.clear();
    for (const { id } of this.#ring?.members ?? []) this.#left.add(id);
    for (const { id } of ring.members) this.#left.delete(id);
    this.#version += 1;
    this.#firstAt ??= this.#parts.clock.now();
    this.#ring = ring;
    this.#handovers = undefined;
    this.#member = ring.members.some(({ id }) => id === pod);
    const targetOf = (member: Member) => {
      const to = endpointOf(member, settings.podEndpoint);
      return member.id === pod ? undefined : { pod: member.id, to };
    };
    const sends = this.proxies || (settings.mode === 'Redirect' && this.redirects);
    this.#targets = sends ? ring.members.map(targetOf) : [];
  }

  /** As far as is known: a ring names a gateway that died for some heartbeats more. */
  #isThere(pod: string): boolean {
    if (this.#parts.source.factsOf(pod) === undefined) return false;
    const beat = this.#board?.beats.get(pod);
    if (this.#board === undefined || beat === undefined) return true;
    return beat.state === 'here' && isHeard(beat, this.#board.time);
  }

  /**
   * In proportion to the shards that each has to hand over; a tenth goes to all members alike, for
   * clients that arrive at the wrong one. Of how much all together have to hand over, who says most
   * is believed: a gateway that has just come, or missed a ring, knows less than the others and
   * would take too much. So the shares of gateways that have the same ring never add up to more
   * than the budget. Who is in no ring and has nothing has none: then only the deadline of its
   * drain moves its clients.
   */
  #fullShare(): number {
    const { pod, movesPerSecond, clock } = this.#parts;
    if (this.#ring === undefined) return movesPerSecond;
    const equal = this.#member ? movesPerSecond / this.#ring.members.length : 0;
    const arrivals = equal * ARRIVALS_SHARE;
    const now = clock.now();
    const knows = now - (this.#firstAt ?? now) >= HANDOVER_MS;
    // What the others know nobody has told of late.
    const told = now - this.#toldAt < TOLD_LOOKS * this.#lookMs;
    if (!knows && !told) return arrivals;
    const { of } = this.#handed();
    const all = Math.max(this.handovers, this.#said);
    if (all === 0) return equal;
    return movesPerSecond * (1 - ARRIVALS_SHARE) * shareOf(of, pod, all) + arrivals;
  }

  /** Of those who can still be heard: what a gateway said that is gone holds nobody up. */
  #saidOn({ beats, time }: PodsOnBoard): number {
    const heard = [...beats.values()].filter((beat) => isHeard(beat, time));
    return Math.max(0, ...heard.map(({ load }) => load.handovers ?? 0));
  }

  #handed(): Handed {
    const { pod, source } = this.#parts;
    const rings = source.keeper.recent();
    if (this.#handovers?.rings !== rings.length) {
      const [of, to] = [handoversOf(rings), receiversOf(rings, pod)];
      this.#handovers = { rings: rings.length, of, all: totalOf(of), to };
    }
    return this.#handovers;
  }

  /** The mean of those who get what this gateway hands over; else that of all others. */
  #paceOfReceivers(): number {
    const { to } = this.#handed();
    const members = this.#ring?.members ?? [];
    const all = members
      .filter(({ id }) => id !== this.#parts.pod)
      .map(({ id }) => [id, 1] as const);
    let [sum, count] = [0, 0];
    for (const [id, shards] of to.size > 0 ? to : all) {
      const load = this.#board?.beats.get(id)?.load;
      if (load === undefined) continue;
      sum += load.utilisation * shards;
      count += shards;
    }
    return count === 0 ? 1 : paceAt(sum / count, UTILISATION);
  }

  #paceOfStore(): number {
    // Without a ring there may be no store at all.
    if (this.#ring === undefined) return 1;
    return paceAt(this.#parts.source.roundTripMs ?? Number.POSITIVE_INFINITY, ROUND_TRIP_MS);
  }

  get #lookMs(): number {
    const members = this.#ring?.members.length ?? 0;
    return Math.max(this.#parts.heartbeatMs, LOOK_MS_PER_MEMBER * members);
  }

  /** Asked for only while clients are moved, and less often the more would ask. */
  #look(): void {
    const { clock, source } = this.#parts;
    const now = clock.now();
    if (now - this.#boardAt < this.#lookMs) return;
    this.#boardAt = now;
    source.pods().then(
      (pods) => {
        this.#board = pods;
        this.#said = this.#saidOn(pods);
        this.#toldAt = clock.now();
      },
      // That it cannot be reached shows in the round trip; what it said last is too old.
      () => {
        this.#board = undefined;
        this.#said = 0;
        this.#toldAt = Number.NEGATIVE_INFINITY;
      },
    );
  }
}

function isHeard(beat: PodBeat, time: BoardTime): boolean {
  return beat.state !== 'left' && silenceOf(beat, time) <= GONE_HEARTBEATS * beat.intervalMs;
}

/** 1 up to the first, falling to the lowest at the second. */
function paceAt(value: number, [from, to]: readonly [number, number]): number {
  return Math.min(1, Math.max(LOWEST_PACE, (to - value) / (to - from)));
}
