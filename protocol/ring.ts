import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * Who owns what: a key belongs to one of `SHARDS` shards, a shard to one member. The ring is an
 * optimisation, never a condition of correctness: any gateway serves any client.
 */
export const SHARDS = 16_384;

export const ringLimits = {
  members: 1_000,
  weight: 10_000,
  /** Characters of `[0-9A-Za-z._-]`: a pod's name. */
  idLength: 253,
  /** The same characters. */
  zoneLength: 63,
  /** `host:port`. */
  addressLength: 263,
  /** Characters of `[0-9A-Za-z-]`: a cluster's UID. */
  clusterLength: 64,
} as const;

/** One gateway of the ring. */
export interface Member {
  /** Unique in the ring: a pod's name. */
  readonly id: string;
  /** Its share is proportional to it. A whole number from 1 to `ringLimits.weight`. */
  readonly weight: number;
  /** Where it runs; empty when that is not known. */
  readonly zone: string;
  /** `host:port` at which other gateways, and clients that can, reach it. */
  readonly address: string;
}

/** Ordered by generation first. A new writer takes a generation that nobody has seen before. */
export interface RingVersion {
  readonly generation: number;
  readonly counter: number;
}

export interface Ring {
  /** The cluster that it belongs to; a ring of another one is refused. */
  readonly cluster: string;
  readonly version: RingVersion;
  /** By id, at least one. */
  readonly members: readonly Member[];
  /** For each shard the place of its owner in `members`. */
  readonly owners: Uint16Array;
}

/**
 * The shard of a key: the first 14 bits of the SHA-256 of its UTF-8 bytes, which every language
 * has at hand.
 */
export function shardOf(key: string): number {
  const [first, second] = sha256(utf8ToBytes(key)) as Uint8Array & [number, number];
  return (first << 6) | (second >>> 2);
}

export function ownerOf(ring: Ring, shard: number): Member {
  const owner = ring.members[ring.owners[shard] ?? -1];
  if (owner === undefined) throw new RangeError(`there is no shard ${shard}`);
  return owner;
}

/** Negative when `a` is older than `b`. */
export function compareVersions(a: RingVersion, b: RingVersion): number {
  return a.generation - b.generation || a.counter - b.counter;
}

export interface RingStart {
  readonly cluster: string;
  readonly version: RingVersion;
}

/**
 * The first ring of a cluster: consistent hashing with bounded loads. Every member holds the floor
 * or the ceiling of its share, and two first rings of nearly the same members are nearly the same.
 * The order of `members` does not matter.
 */
export function firstRing(start: RingStart, members: readonly Member[]): Ring {
  const sorted = sortedMembers(members);
  const free = sharesOf(sorted, new Uint32Array(sorted.length));
  const points = pointsOf(sorted);
  const owners = new Uint16Array(SHARDS);
  let place = 0;
  for (let shard = 0; shard < SHARDS; shard += 1) {
    while (place < points.length && (points[place] as Point).at < shard * SHARD_WIDTH) place += 1;
    const member = firstWithRoom(points, place, free);
    free[member] = (free[member] as number) - 1;
    owners[shard] = member;
  }
  return { ...start, members: sorted, owners };
}

/**
 * The ring that follows `previous`: the least number of shards moves so that every member holds
 * the floor or the ceiling of its share. Shards of members that left go to those that have less
 * than their share, and so does what others have above theirs. The order of `members` does not
 * matter. Throws a RangeError when there is no member, or one that is not allowed.
 */
export function nextRing(previous: Ring, members: readonly Member[], version: RingVersion): Ring {
  const sorted = sortedMembers(members);
  const held = survivors(previous, sorted);
  const counts = new Uint32Array(sorted.length);
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const owner = held[shard] as number;
    if (owner !== NOBODY) counts[owner] = (counts[owner] as number) + 1;
  }
  const shares = sharesOf(sorted, counts);
  const receivers = new Receivers(shares, counts);
  // Begins elsewhere each time, so that it is not always the same keys that move.
  const start = (version.counter * START_STEP) % SHARDS;
  for (let step = 0; step < SHARDS; step += 1) {
    const shard = (start + step) % SHARDS;
    const owner = held[shard] as number;
    if (owner !== NOBODY && (counts[owner] as number) <= (shares[owner] as number)) continue;
    if (owner !== NOBODY) counts[owner] = (counts[owner] as number) - 1;
    held[shard] = receivers.take();
  }
  return { cluster: previous.cluster, version, members: sorted, owners: held };
}

/** Shards whose owner is another one than before; a member that left counts too. */
export function movedShards(before: Ring, after: Ring): number {
  const held = survivors(before, after.members);
  let moved = 0;
  for (let shard = 0; shard < SHARDS; shard += 1)
    if (held[shard] !== after.owners[shard]) moved += 1;
  return moved;
}

/** Whether two rings have the same members with the same weights, zones and addresses. */
export function sameMembers(ring: Ring, members: readonly Member[]): boolean {
  if (ring.members.length !== members.length) return false;
  const sorted = members.toSorted(byId);
  return ring.members.every((member, place) => {
    const other = sorted[place] as Member;
    return (
      member.id === other.id &&
      member.weight === other.weight &&
      member.zone === other.zone &&
      member.address === other.address
    );
  });
}

/** Prime and about 0.6 of `SHARDS`: starts of successive rings are far from each other. */
const START_STEP = 10_007;
const NOBODY = 0xffff;

/** Points on the circle of 32 bits that a member of mean weight has. */
const MEAN_POINTS = 64;
const SHARD_WIDTH = 2 ** 32 / SHARDS;
/** Of four bytes each. */
const POINTS_PER_HASH = 8;

interface Point {
  readonly at: number;
  readonly member: number;
}

function byId(a: Member, b: Member): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function sortedMembers(members: readonly Member[]): readonly Member[] {
  const sorted = members.toSorted(byId);
  const problem = membersProblem(sorted);
  if (problem !== undefined) throw new RangeError(problem);
  return sorted;
}

/**
 * How many shards each member is to hold: the floor or the ceiling of its share. The ceilings that
 * there are go first to those that hold that many already, which saves a move each.
 */
function sharesOf(members: readonly Member[], counts: Uint32Array): Uint32Array {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const shares = Uint32Array.from(members, ({ weight }) => Math.floor((SHARDS * weight) / total));
  const rest = members.map(({ weight }) => (SHARDS * weight) % total);
  const holds = (place: number) => Number((counts[place] as number) > (shares[place] as number));
  const ceilings = SHARDS - shares.reduce((sum, share) => sum + share, 0);
  const places = [...members.keys()].filter((place) => rest[place] !== 0);
  places.sort((a, b) => holds(b) - holds(a) || (rest[b] as number) - (rest[a] as number) || a - b);
  for (const place of places.slice(0, ceilings)) shares[place] = (shares[place] as number) + 1;
  return shares;
}

/** The points of all members around the circle. */
function pointsOf(members: readonly Member[]): readonly Point[] {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const points = members.flatMap(({ id, weight }, member) => {
    const count = Math.max(1, Math.round((MEAN_POINTS * members.length * weight) / total));
    return Array.from(pointsOfMember(id, count), (at) => ({ at, member }));
  });
  return points.sort((a, b) => a.at - b.at || a.member - b.member);
}

function* pointsOfMember(id: string, count: number): Generator<number> {
  for (let begun = 0; begun < count; begun += POINTS_PER_HASH) {
    const { buffer, byteOffset } = sha256(utf8ToBytes(`${id}#${begun}`));
    const view = new DataView(buffer, byteOffset);
    for (let point = 0; point < Math.min(POINTS_PER_HASH, count - begun); point += 1) {
      yield view.getUint32(point * 4);
    }
  }
}

/** The first member clockwise of a point that may still take a shard; there always is one. */
function firstWithRoom(points: readonly Point[], from: number, free: Uint32Array): number {
  for (let step = 0; step < points.length; step += 1) {
    const { member } = points[(from + step) % points.length] as Point;
    if (free[member] !== 0) return member;
  }
  throw new Error('shares add up to all shards, and yet nobody has room for this one');
}

/** For each shard the place of its owner among `members`, or `NOBODY` when that one has left. */
function survivors({ members: before, owners }: Ring, members: readonly Member[]): Uint16Array {
  const places = new Map(members.map(({ id }, place) => [id, place]));
  const now = Uint16Array.from(before, ({ id }) => places.get(id) ?? NOBODY);
  const held = new Uint16Array(SHARDS);
  for (let shard = 0; shard < SHARDS; shard += 1)
    held[shard] = now[owners[shard] as number] as number;
  return held;
}

/** Hands out places to members that have less than their share, to each in turn. */
class Receivers {
  readonly #open: { readonly member: number; room: number }[] = [];
  #turn = 0;

  constructor(shares: Uint32Array, counts: Uint32Array) {
    for (const [member, share] of shares.entries()) {
      const room = share - (counts[member] as number);
      if (room > 0) this.#open.push({ member, room });
    }
  }

  take(): number {
    if (this.#turn >= this.#open.length) this.#turn = 0;
    const receiver = this.#open[this.#turn];
    if (receiver === undefined) throw new Error('more shards are free than members have room for');
    receiver.room -= 1;
    if (receiver.room > 0) this.#turn += 1;
    else this.#open.splice(this.#turn, 1);
    return receiver.member;
  }
}

const ID = new RegExp(`^[0-9A-Za-z._-]{1,${ringLimits.idLength}}$`);
const ZONE = new RegExp(`^[0-9A-Za-z._-]{0,${ringLimits.zoneLength}}$`);
const ADDRESS = /^(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\]):(?<port>[1-9][0-9]{0,4})$/;

/** What is wrong with members that are sorted by id, or undefined. */
export function membersProblem(members: readonly Member[]): string | undefined {
  if (members.length === 0) return 'a ring needs at least one member';
  if (members.length > ringLimits.members) {
    return `a ring has at most ${ringLimits.members} members; these are ${members.length}`;
  }
  for (const [place, member] of members.entries()) {
    if (members[place - 1]?.id === member.id) return `member ${member.id} is there twice`;
    const problem = memberProblem(member);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function memberProblem({ id, weight, zone, address }: Member): string | undefined {
  if (!ID.test(id)) return `a member's id is 1 to ${ringLimits.idLength} of 0-9 A-Z a-z . _ -`;
  if (!Number.isInteger(weight) || weight < 1 || weight > ringLimits.weight) {
    return `the weight of ${id} is a whole number from 1 to ${ringLimits.weight}, not ${weight}`;
  }
  if (!ZONE.test(zone)) {
    return `the zone of ${id} is at most ${ringLimits.zoneLength} of 0-9 A-Z a-z . _ -`;
  }
  const port = Number(ADDRESS.exec(address)?.groups?.['port'] ?? 0);
  if (address.length > ringLimits.addressLength || port < 1 || port > 65_535) {
    return `the address of ${id} is host:port, not ${JSON.stringify(address.slice(0, 100))}`;
  }
  return undefined;
}
