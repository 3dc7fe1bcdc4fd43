import { MemoryBoard } from '../../gateway/ring/memory-board.ts';
import type { Offer } from '../../gateway/ring/pod-board.ts';
import { type RingKeeper, readRing } from '../../gateway/ring/ring-keeper.ts';
import { DistantBoard, Link } from '../../gateway/ring/testing/distant-board.ts';
import { AGREE_HEARTBEATS, waitsOf } from '../../gateway/ring/testing/ring-world.ts';
import type { Random } from '../../protocol/clock.ts';
import {
  compareVersions,
  ownerOf,
  type Ring,
  type RingVersion,
  shardOf,
} from '../../protocol/ring.ts';
import type { Broken } from './broken.ts';
import { MoveBudget } from './move-budget.ts';
import type { Leg, Welcomed } from './move-trace.ts';
import type { RingSettings } from './settings.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface WorldRingParts {
  readonly time: SimulatedClock;
  readonly random: Random;
  readonly settings: RingSettings;
  /** While things go wrong. */
  readonly troubled: () => boolean;
  readonly note: (text: string) => void;
}

/** A gateway that takes part in the ring. */
export interface RingMember {
  readonly ring: { readonly pod: string; readonly keeper: RingKeeper };
  readonly leaving: boolean;
}

/** Who may be sent to where it belongs, and where it is now. */
export interface Movable {
  readonly name: string;
  readonly home: Welcomed | undefined;
}

/** Who came by a move stays for so long: see `Movable`. */
const STAYS_MS = 60_000;
/** The store's clock is far from anybody's. */
const AHEAD_MS = 1e9;

/**
 * The board of a world, the way of each gateway to it, and what is promised of rings and moves:
 *
 * - `ring`: nobody goes back to a lower version, and no version is given twice unless the board
 *   forgot something; once nothing goes wrong all agree within `agreeMs`.
 * - `home`: from then on whoever can move is at its owner within `homeMs`.
 * - `hops`: who was sent somewhere, and can prove it, is not sent on for `STAYS_MS`, unless that is
 *   by a newer ring, some gateway has taken another one since, or the one where it is leaves.
 * - `budget`: see `MoveBudget`; and only who leaves, or is cut off, is over it.
 */
export class WorldRing {
  readonly settings: RingSettings;
  readonly links = new Map<SimulatedProcess, Link>();
  readonly budget: MoveBudget;
  readonly broken: Broken[] = [];
  readonly #parts: WorldRingParts;
  readonly #board: MemoryBoard;
  readonly #stored: Offer[] = [];
  readonly #known = new Map<string, ReturnType<typeof readRing>>();
  readonly #versions = new Map<string, Ring>();
  /** Who was sent to where it is now, and by which ring. */
  readonly #sentOn = new Map<string, RingVersion | undefined>();
  /** How far the board's clock is ahead of the world's, ms. */
  skewMs = AHEAD_MS;
  /** The board forgot something: only then may two rings have one version. */
  #forgot = false;
  /** Taken so far, by anybody. */
  rings = 0;

  constructor(parts: WorldRingParts) {
    this.#parts = parts;
    this.settings = parts.settings;
    this.budget = new MoveBudget(parts.settings.movesPerSecond);
    this.#board = new MemoryBoard({ now: () => parts.time.now() + this.skewMs });
  }

  /** Every gateway reads the same documents; once is enough for all of them. */
  readonly read = (document: string): ReturnType<typeof readRing> => {
    const known = this.#known.get(document) ?? readRing(document);
    this.#known.set(document, known);
    return known;
  };

  /** As a gateway's process reaches it. */
  board(process: SimulatedProcess): DistantBoard {
    const { time, random, troubled } = this.#parts;
    const link = new Link();
    this.links.set(process, link);
    return new DistantBoard({
      ...{ board: this.#board, link, clock: time, podClock: process.clock, random },
      ...{ heartbeatMs: this.settings.heartbeatMs, stored: this.#stored, stalls: troubled },
    });
  }

  /** A process is dead: what it sent still arrives. */
  cutOff(process: SimulatedProcess): void {
    const link = this.links.get(process);
    if (link !== undefined) link.dead = true;
    this.links.delete(process);
  }

  flush(): void {
    this.#board.flush();
    this.#forgot = true;
  }

  /** What it returns takes the board back to what it is now. */
  backup(): () => void {
    const restore = this.#board.backup();
    return () => {
      restore();
      this.#forgot = true;
    };
  }

  heal(): void {
    for (const link of this.links.values()) {
      link.cutUntil = 0;
      link.slowUntil = 0;
      link.deafUntil = 0;
      link.confusedUntil = 0;
    }
  }

  /** A gateway goes by another ring. */
  took(pod: string, current: Ring, previous: Ring | undefined): void {
    this.rings += 1;
    const { generation, counter } = current.version;
    const version = `${generation}.${counter}`;
    const members = current.members.map(({ id }) => id).join(', ');
    this.#parts.note(`${pod} takes ring ${version} of ${members}`);
    if (previous !== undefined && compareVersions(current.version, previous.version) < 0) {
      const { generation: from, counter: at } = previous.version;
      this.broke('ring', `${pod} went back from ${from}.${at} to ${version}`);
    }
    const known = this.#versions.get(version) ?? current;
    this.#versions.set(version, known);
    if (known !== current && !this.#forgot) {
      this.broke('ring', `two rings of version ${version}, and the board forgot nothing`);
    }
  }

  /** A client arrived: anew, or because it was asked to. */
  arrived(client: string, to: Welcomed, from?: Pick<Leg, 'welcomed' | 'asked' | 'askedBy'>): void {
    const { asked = 'came anew', askedBy, welcomed: before } = from ?? {};
    this.#parts.note(`${client} is at ${to.pod} (${asked})`);
    // Who could not prove that it was asked is a client like any other.
    const proven = before !== undefined && before.session === to.session;
    const settled = !proven || before.rings[0] < to.rings[1] || to.at - before.at >= STAYS_MS;
    if (asked === 'drain' || settled) this.#sentOn.delete(client);
    if (!proven || asked === 'drain') return;
    const sentBy = this.#sentOn.get(client);
    const isNewer = sentBy && askedBy && compareVersions(askedBy, sentBy) > 0;
    if (this.#sentOn.has(client) && !isNewer) {
      this.broke('hops', `was sent on from ${before.pod}, to which it had been sent`, client);
    }
    this.#sentOn.set(client, askedBy);
  }

  /** Whether all who stay have one ring, of just them. */
  agreed(members: readonly RingMember[]): boolean {
    const [first] = members;
    const wanted = members.map(({ ring }) => ring.pod).toSorted();
    const { current } = first?.ring.keeper ?? {};
    if (current === undefined || members.some(({ leaving }) => leaving)) return false;
    if (current.ring.members.map(({ id }) => id).join() !== wanted.join()) return false;
    return members.every(({ ring }) => ring.keeper.current?.document === current.document);
  }

  /** Who is elsewhere than its owner by this ring. */
  strangers(ring: Ring, clients: readonly Movable[]): readonly Movable[] {
    return clients.filter(({ name, home }) => {
      if (home === undefined) return true;
      const shard = shardOf(this.settings.key === 'sub' ? home.session : name);
      return ownerOf(ring, shard).id !== home.pod;
    });
  }

  /** From the last thing that went wrong until all agree, at most. */
  async agreeMs(members: readonly RingMember[]): Promise<number> {
    const { beats } = await this.#board.pods();
    const alive = members.map(({ ring }) => ring.pod);
    const wanted = members.filter(({ leaving }) => !leaving).map(({ ring }) => ring.pod);
    const rings = members.map(
      ({ ring }) => ring.keeper.current?.ring.members.map(({ id }) => id) ?? [],
    );
    const waits = waitsOf(beats, { alive, wanted, rings });
    return (AGREE_HEARTBEATS + waits) * this.settings.heartbeatMs;
  }

  /** All that was not kept, once everything is over. */
  judge(): readonly Broken[] {
    const exceeded = this.budget.exceeded();
    if (exceeded !== undefined) this.broke('budget', exceeded);
    return this.broken;
  }

  broke(invariant: Broken['invariant'], detail: string, subscriber?: string): void {
    const t = this.#parts.time.nanoseconds;
    this.broken.push({ invariant, detail, t, ...(subscriber !== undefined && { subscriber }) });
  }
}
