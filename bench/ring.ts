import {
  firstRing,
  type Member,
  movedShards,
  nextRing,
  ownerOf,
  type Ring,
  SHARDS,
  shardOf,
} from '../protocol/ring.ts';
import { encodeRing } from '../protocol/ring-document.ts';
import { type Figure, type Measurement, median } from './figure.ts';

/**
 * How even the ring is and how little of it moves, over gateways that come and go; what the next
 * one costs; and what it saves to place a room's connections together.
 */
export const ring: Measurement = {
  name: 'ring',
  text: 'balance and moves of the ring, the cost of the next one, gateways that a room touches',
  seconds: 5,
  async run(progress) {
    const histories = SIZES.map(historyOf);
    progress(`${SIZES.join(', ')} members, each through ${2 * CHANGES} joins and leaves`);
    const cost = costOfNext();
    progress(`500 members: ${cost.detail}`);
    return [...histories.flatMap(figuresOf), cost, ...SIZES.map(touchedBy)];
  },
};

const SIZES = [4, 64, 500] as const;
/** Leaves, and as many joins. */
const CHANGES = 200;
const ROUNDS = 40;
/** Parses, and next rings, in a round: long enough for the clock. */
const REPEATED = 50;
const ROOMS = 500;
const ROOM_MEMBERS = 50;

const member = (n: number): Member => ({
  id: `chat-6f9c7d5b8-${n}`,
  weight: 100,
  zone: `zone-${n % 3}`,
  address: `10.${n >> 8}.${n % 256}.7:8001`,
});
const members = (count: number): Member[] => Array.from({ length: count }, (_, n) => member(n));

function ringOf(count: number): Ring {
  return firstRing({ cluster: 'chat', version: { generation: 1, counter: 1 } }, members(count));
}

function following(before: Ring, next: readonly Member[]): Ring {
  return nextRing(before, next, { generation: 1, counter: before.version.counter + 1 });
}

interface History {
  readonly size: number;
  /** Shards of the fullest member over the mean, the worst of all rings of that size. */
  crowding: number;
  /** Moved shards over the fewest that had to, the worst of all steps. */
  excess: number;
}

/** Gateways leave and others come, one at a time. */
function historyOf(size: number): History {
  const history: History = { size, crowding: 0, excess: 0 };
  let current = ringOf(size);
  const step = (next: readonly Member[], fewest: number) => {
    const after = following(current, next);
    history.excess = Math.max(history.excess, movedShards(current, after) / fewest);
    current = after;
  };
  for (let change = 0; change < CHANGES; change += 1) {
    history.crowding = Math.max(history.crowding, crowdingOf(current));
    const leaver = (change * 7) % size;
    // All that it has must move.
    step(current.members.toSpliced(leaver, 1), countsOf(current)[leaver] ?? 0);
    // Whoever comes must get the floor of its share.
    step([...current.members, member(size + change)], Math.floor(SHARDS / size));
  }
  history.crowding = Math.max(history.crowding, crowdingOf(current));
  return history;
}

function countsOf({ members: all, owners }: Ring): number[] {
  const counts = new Array<number>(all.length).fill(0);
  for (const owner of owners) counts[owner] = (counts[owner] ?? 0) + 1;
  return counts;
}

const crowdingOf = (of: Ring) => Math.max(...countsOf(of)) / (SHARDS / of.members.length);

function figuresOf({ size, crowding, excess }: History): Figure[] {
  return [
    {
      what: `shards of the fullest of ${size} gateways, over the mean`,
      ...{ value: crowding, unit: '×', atMost: 1.02 },
      detail: `${crowding.toFixed(4)}, the worst of ${CHANGES + 1} rings of that size`,
    },
    {
      what: `shards that move when one of ${size} leaves and one comes, over the fewest`,
      ...{ value: excess, unit: '×', atMost: 1.02 },
      detail: `${excess.toFixed(4)}, the worst of ${2 * CHANGES} steps`,
    },
  ];
}

/** The two take turns, so that both meet the same machine. */
function costOfNext(): Figure {
  const before = ringOf(500);
  const document = encodeRing(before);
  const changed = [...before.members.toSpliced(250, 1), member(500)];
  const rounds: { readonly parse: number; readonly next: number }[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const parse = microseconds(() => JSON.parse(document));
    const next = microseconds(() => following(before, changed));
    // The first warms both up.
    if (round > 0) rounds.push({ parse, next });
  }
  const parse = median(rounds.map((round) => round.parse));
  const next = median(rounds.map((round) => round.next));
  return {
    what: 'the next ring of 500 gateways, over one JSON.parse of its document',
    value: median(rounds.map((round) => round.next / round.parse)),
    ...{ unit: '×', atMost: 10 },
    detail: `${next.toFixed(0)} µs, one parse of ${document.length} bytes ${parse.toFixed(0)} µs`,
  };
}

function microseconds(step: () => unknown): number {
  const started = performance.now();
  for (let count = 0; count < REPEATED; count += 1) step();
  return ((performance.now() - started) * 1_000) / REPEATED;
}

/** Gateways that hold a connection of a room, on average over rooms. */
function touchedBy(size: number): Figure {
  const whole = ringOf(size);
  const touched = (keyOf: (room: number, person: number) => string) => {
    let sum = 0;
    for (let room = 0; room < ROOMS; room += 1) {
      const keys = Array.from({ length: ROOM_MEMBERS }, (_, person) => keyOf(room, person));
      sum += new Set(keys.map((key) => ownerOf(whole, shardOf(key)).id)).size;
    }
    return sum / ROOMS;
  };
  const byRoom = touched((room) => `room.${room}`);
  return {
    what: `gateways of ${size} that a message to a room of ${ROOM_MEMBERS} touches, placed by user`,
    value: touched((room, person) => `user-${room * ROOM_MEMBERS + person}`),
    unit: '',
    detail: `placed by room: ${byRoom.toFixed(2)}; the mean of ${ROOMS} rooms`,
  };
}
