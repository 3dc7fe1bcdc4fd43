import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstRing, ringLimits } from '../../protocol/ring.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { membersOf, type Sight } from './membership.ts';
import { MemoryBoard } from './memory-board.ts';
import type { PodBeat, PodFacts } from './pod-board.ts';
import { RingPod } from './testing/fleet.ts';

const INTERVAL = 1_000;
const NOW = 1_000_000;
const factsOf = (id: string): PodFacts => ({
  ...{ weight: 1, zone: '', address: `${id}:8001`, key: 'k' },
});
const start = { cluster: 'chat', version: { generation: 1, counter: 1 } };

/** Heard just now, up for long. */
const steady: PodBeat = {
  ...{ at: NOW, intervalMs: INTERVAL, upSince: NOW - 100 * INTERVAL, falls: 0, state: 'here' },
  load: { connections: 0, utilisation: 0 },
};

interface Scene {
  readonly ring?: string;
  readonly pods: Readonly<Record<string, Partial<PodBeat>>>;
  readonly facts?: Readonly<Record<string, PodFacts>>;
  readonly since?: number;
}

function sightOf({ ring, pods, facts = {}, since = 0 }: Scene): Sight {
  const ids = Object.keys(pods);
  const members = [...(ring ?? '')].map((id) => ({ id, ...factsOf(id) }));
  return {
    time: { now: NOW, since },
    beats: new Map(ids.map((id) => [id, { ...steady, ...pods[id] }])),
    facts: new Map(ids.map((id) => [id, facts[id] ?? factsOf(id)])),
    ring: ring === undefined ? undefined : firstRing(start, members),
    intervalMs: INTERVAL,
  };
}

const ids = (scene: Scene): string =>
  membersOf(sightOf(scene))
    .map(({ id }) => id)
    .join('');

describe('who belongs into the ring', () => {
  it('is at first everybody who is up once somebody has been for two heartbeats', () => {
    const b = { upSince: NOW - INTERVAL };
    const others = { c: { upSince: NOW }, d: { upSince: NOW, state: 'leaving' } } as const;
    assert.equal(ids({ pods: { a: b, b, ...others } }), '');
    assert.equal(ids({ pods: { a: { upSince: NOW - 2 * INTERVAL }, b, ...others } }), 'ab');
  });

  it('is who was in it, unless it left, leaves, or was silent for over three heartbeats', () => {
    const pods = {
      a: {},
      b: { state: 'leaving' },
      c: { state: 'left' },
      d: { at: NOW - 3 * INTERVAL },
      e: { at: NOW - 3 * INTERVAL - 1 },
      // It beats every ten seconds, and says so.
      f: { at: NOW - 30 * INTERVAL, intervalMs: 10 * INTERVAL },
    } as const;
    assert.equal(ids({ ring: 'abcdefg', pods }), 'adf');
  });

  it('is who was in it, as long as the board has not been heard of for long enough', () => {
    const pods = { a: {}, b: {}, c: { at: NOW - 50 * INTERVAL } };
    assert.equal(ids({ ring: 'abcd', pods, since: NOW - 3 * INTERVAL }), 'abcd');
    assert.equal(ids({ ring: 'abcd', pods, since: NOW - 3 * INTERVAL - 1 }), 'ab');
    // A clock that was set back: what lies ahead says nothing.
    const ahead = { a: {}, b: { at: NOW + 3_600_000 } };
    assert.equal(ids({ ring: 'ab', pods: ahead, since: NOW }), 'ab');
    assert.equal(ids({ ring: 'ab', pods: ahead, since: NOW - 4 * INTERVAL }), 'a');
  });

  it('is, for longer, who was in it when most fall silent at once', () => {
    const silent = (heartbeats: number) => ({ at: NOW - heartbeats * INTERVAL });
    const pods = { a: {}, b: silent(4), c: silent(15), d: silent(15.1) };
    assert.equal(ids({ ring: 'abcd', pods }), 'abc');
    assert.equal(ids({ ring: 'abcd', pods: { ...pods, b: {} } }), 'ab');
    // Who left does not count as silent.
    assert.equal(ids({ ring: 'abcd', pods: { ...pods, c: { state: 'left' } } }), 'ab');
  });

  it('is a newcomer after one heartbeat, and twice as many after each fall', () => {
    const comes = (falls: number, up: number) =>
      ids({ ring: 'a', pods: { a: {}, b: { falls, upSince: NOW - up } } }) === 'ab';
    for (const falls of [0, 1, 2, 8]) {
      assert.equal(comes(falls, INTERVAL * (2 ** falls - 1 / 2) - 1), false);
      assert.equal(comes(falls, INTERVAL * 2 ** falls), true);
    }
    // Time in which it was not heard proves nothing.
    const silent = { upSince: NOW - 3 * INTERVAL, at: NOW - 3 * INTERVAL };
    assert.equal(ids({ ring: 'a', pods: { a: {}, b: silent } }), 'a');
    // Nor is one heard that was silent long before everybody was.
    const dead = { a: {}, b: { at: NOW - 20 * INTERVAL } };
    assert.equal(ids({ ring: 'a', pods: dead, since: NOW }), 'a');
    assert.equal(ids({ pods: dead, since: NOW }), 'a');
  });

  it('has what a pod says now, not what it said when it came', () => {
    const heavier = { ...factsOf('b'), weight: 7, zone: 'z' };
    const sight = sightOf({ ring: 'ab', pods: { a: {}, b: {} }, facts: { b: heavier } });
    const { weight, zone, address } = heavier;
    assert.deepEqual(membersOf(sight)[1], { id: 'b', weight, zone, address });
  });

  it('is nobody who says what a ring cannot hold', () => {
    const facts = { b: { ...factsOf('b'), weight: 0 }, c: { ...factsOf('c'), address: 'c' } };
    const sight = sightOf({ ring: 'ab', pods: { a: {}, b: {}, c: {} }, facts });
    const members = membersOf(sight);
    assert.deepEqual(
      members.map(({ id, weight }) => [id, weight]),
      [
        ['a', 1],
        ['b', 1],
      ],
    );
  });

  it('is no more than a ring can hold, and those that are in it first', () => {
    const pods = Object.fromEntries(Array.from({ length: 1_100 }, (_, n) => [`p${n}`, {}]));
    const sight = sightOf({ pods: { ...pods, z: {} } });
    const ring = firstRing(start, [{ id: 'z', ...factsOf('z') }]);
    const members = membersOf({ ...sight, ring });
    assert.equal(members.length, ringLimits.members);
    assert.equal(members[0]?.id, 'z');
  });
});

describe('a member that flaps', () => {
  /** How often it came in, when it is up and then silent for so many heartbeats in turns. */
  async function comings(up: number, down: number, heartbeats: number): Promise<number> {
    const clock = new ManualClock();
    const board = new MemoryBoard(clock);
    const writer = new RingPod({ name: 'a', board, clock, intervalMs: INTERVAL });
    for (let beat = 0; beat < heartbeats; beat += 1) {
      if (beat % (up + down) < up) {
        await board.beat({
          ...{ pod: 'f', intervalMs: INTERVAL, leaving: false, facts: factsOf('f') },
          ...{ load: steady.load, ring: undefined, refused: undefined, known: undefined },
          mayWrite: false,
        });
      }
      await clock.advance(INTERVAL);
    }
    await writer.source.stop();
    const inside = writer.rings.map(({ members }) => members.some(({ id }) => id === 'f'));
    return inside.filter((is, at) => is && !inside[at - 1]).length;
  }

  it('comes in less and less, and then not at all', async () => {
    // It must be up for 1, 2, 4 heartbeats; then for 8, and it never is.
    assert.equal(await comings(6, 5, 500), 3);
    for (const [up, down] of [
      [2, 4],
      [10, 5],
      [30, 10],
      [100, 5],
    ] as const) {
      const times = await comings(up, down, 511);
      assert.ok(times >= 1 && times <= Math.log2(511) + 1, `${times} times with ${up} up`);
    }
  });
});
