import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  compareVersions,
  firstRing,
  type Member,
  movedShards,
  nextRing,
  ownerOf,
  type Ring,
  ringLimits,
  SHARDS,
  sameMembers,
  shardOf,
} from './ring.ts';

const START = { cluster: 'chat', version: { generation: 1, counter: 1 } };

const member = (n: number, weight = 1): Member => ({
  id: `gateway-${n}`,
  weight,
  zone: `zone-${n % 3}`,
  address: `10.0.0.${n % 256}:8001`,
});
const members = (count: number): Member[] => Array.from({ length: count }, (_, n) => member(n));

const following = (ring: Ring, next: readonly Member[]): Ring =>
  nextRing(ring, next, { generation: 1, counter: ring.version.counter + 1 });

function countsOf(ring: Ring): Map<string, number> {
  const counts = new Map(ring.members.map(({ id }) => [id, 0]));
  for (const owner of ring.owners) {
    const { id } = ring.members[owner] as Member;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function assertFair(ring: Ring): void {
  const total = ring.members.reduce((sum, { weight }) => sum + weight, 0);
  const counts = countsOf(ring);
  for (const { id, weight } of ring.members) {
    const share = (SHARDS * weight) / total;
    const count = counts.get(id) ?? 0;
    assert.ok(Math.floor(share) <= count && count <= Math.ceil(share), `${id}: ${count}, ${share}`);
  }
}

/**
 * The fewest shards that must move, found by trying: what each member would keep with its floor,
 * and one more for as many as there are ceilings to give.
 */
function fewestMoves(before: Ring, next: readonly Member[]): number {
  const total = next.reduce((sum, { weight }) => sum + weight, 0);
  const counts = countsOf(before);
  let kept = 0;
  let ceilings = SHARDS;
  let wanted = 0;
  for (const { id, weight } of next) {
    const floor = Math.floor((SHARDS * weight) / total);
    const count = counts.get(id) ?? 0;
    kept += Math.min(count, floor);
    ceilings -= floor;
    if (count > floor && (SHARDS * weight) % total !== 0) wanted += 1;
  }
  return SHARDS - kept - Math.min(wanted, ceilings);
}

const someMembers = (max: number): fc.Arbitrary<Member[]> =>
  fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 1, max: 9 })), {
      selector: ([n]) => n,
      minLength: 1,
      maxLength: max,
    })
    .map((list) => list.map(([n, weight]) => member(n, weight)));

describe('shards of keys', () => {
  // Any language must get the same: the first two bytes of SHA-256, shifted right by two.
  it('are the same in every language', () => {
    const golden = { '': 14_572, alice: 2_806, bob: 8_301, ünï: 14_941, 'room.1': 8_950 };
    for (const [key, shard] of Object.entries(golden)) assert.equal(shardOf(key), shard, key);
    // Whoever writes a client in another language finds them there.
    const page = readFileSync(new URL('../docs/ring.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| (?:`(.+)`|\(the empty text\)) \| (\d+) \|$/gm)];
    const documented = rows.map(([, key = '', shard]) => [key, Number(shard)]);
    assert.deepEqual(Object.fromEntries(documented), golden);
  });

  it('are hit evenly by keys that look alike', () => {
    const counts = new Uint32Array(64);
    for (let n = 0; n < 64_000; n += 1) {
      const bucket = shardOf(`user-${n}`) >> 8;
      counts[bucket] = (counts[bucket] as number) + 1;
    }
    // 1,000 each expected; six standard deviations.
    assert.ok(Math.max(...counts) < 1_190 && Math.min(...counts) > 810, String(counts));
  });
});

describe('the first ring', () => {
  it('gives every member its weighted share, from 1 to 500 members', () => {
    for (const count of [1, 2, 3, 4, 5, 64, 500]) assertFair(firstRing(START, members(count)));
    fc.assert(
      fc.property(someMembers(40), (list) => assertFair(firstRing(START, list))),
      { numRuns: 200 },
    );
  });

  it('does not depend on the order of members', () => {
    fc.assert(
      fc.property(someMembers(20), (list) => {
        assert.deepEqual(firstRing(START, list), firstRing(START, list.toReversed()));
      }),
      { numRuns: 100 },
    );
  });

  it('is nearly the same for nearly the same members, so that a ring lost costs little', () => {
    for (const count of [4, 64]) {
      const moved = movedShards(
        firstRing(START, members(count)),
        firstRing(START, members(count + 1)),
      );
      assert.ok(moved < (3 * SHARDS) / (count + 1), `${count} members: ${moved}`);
    }
  });
});

describe('the next ring', () => {
  it('moves the fewest shards that fair shares allow, over random histories', () => {
    let histories = 0;
    fc.assert(
      fc.property(fc.array(someMembers(24), { minLength: 2, maxLength: 6 }), (history) => {
        let ring = firstRing(START, history[0] as Member[]);
        for (const next of history.slice(1)) {
          const after = following(ring, next);
          assertFair(after);
          assert.equal(movedShards(ring, after), fewestMoves(ring, next));
          ring = after;
        }
        histories += 1;
      }),
      { numRuns: 1_000 },
    );
    assert.ok(histories >= 1_000);
  });

  it('does not depend on the order of members', () => {
    fc.assert(
      fc.property(someMembers(20), someMembers(20), (before, next) => {
        const ring = firstRing(START, before);
        assert.deepEqual(following(ring, next), following(ring, next.toReversed()));
      }),
      { numRuns: 200 },
    );
  });

  it('moves nothing when nobody came or went', () => {
    const ring = firstRing(START, members(7));
    const same = following(ring, members(7));
    assert.deepEqual(same.owners, ring.owners);
    assert.ok(sameMembers(ring, members(7).toReversed()));
    assert.ok(!sameMembers(ring, members(8)));
    assert.ok(!sameMembers(ring, [member(0, 2), ...members(7).slice(1)]));
  });

  it('takes the shards of a newcomer from all, and from other keys each time', () => {
    let ring = firstRing(START, members(4));
    const moved: number[][] = [];
    for (let round = 0; round < 2; round += 1) {
      const bigger = following(ring, members(5));
      for (const [id, count] of countsOf(bigger)) assert.ok(count >= 3_276, `${id}: ${count}`);
      moved.push([...bigger.owners.keys()].filter((shard) => bigger.owners[shard] === 4));
      ring = following(bigger, members(4));
    }
    const [first, second] = moved as [number[], number[]];
    const again = first.filter((shard) => second.includes(shard)).length;
    assert.ok(again < 0.5 * first.length, `${again} of ${first.length} moved twice`);
  });

  it('holds with 500 members, one of them new, and with shares below one shard', () => {
    const ring = firstRing(START, members(500));
    const after = following(ring, members(501));
    assert.equal(movedShards(ring, after), Math.floor(SHARDS / 501));
    const tiny = [member(0, 1), member(1, ringLimits.weight), member(2, ringLimits.weight)];
    assertFair(following(ring, tiny));
  });

  it('refuses members that are not allowed', () => {
    const ring = firstRing(START, members(2));
    const wrong: [Member[], RegExp][] = [
      [[], /at least one member/],
      [[member(1), member(1)], /there twice/],
      [[member(1, 0)], /weight of gateway-1 is a whole number from 1 to 10000, not 0/],
      [[member(1, 1.5)], /weight/],
      [[member(1, Number.NaN)], /weight/],
      [[{ ...member(1), id: 'a b' }], /id is 1 to 253/],
      [[{ ...member(1), zone: 'ö' }], /zone of gateway-1/],
      [[{ ...member(1), address: 'host' }], /address of gateway-1 is host:port/],
      [[{ ...member(1), address: 'host:70000' }], /address/],
      [[{ ...member(1), address: 'http://host:80' }], /address/],
      [members(1_001), /at most 1000 members/],
    ];
    for (const [list, message] of wrong) {
      assert.throws(() => following(ring, list), { name: 'RangeError', message });
      assert.throws(() => firstRing(START, list), { name: 'RangeError', message });
    }
  });
});

describe('owners and versions', () => {
  it('says who owns a shard', () => {
    const ring = firstRing(START, members(3));
    assert.equal(ownerOf(ring, 5), ring.members[ring.owners[5] as number]);
    assert.throws(() => ownerOf(ring, SHARDS), /there is no shard 16384/);
  });

  it('orders versions by generation first', () => {
    const of = (generation: number, counter: number) => ({ generation, counter });
    assert.ok(compareVersions(of(1, 9), of(2, 1)) < 0);
    assert.ok(compareVersions(of(2, 2), of(2, 1)) > 0);
    assert.equal(compareVersions(of(2, 2), of(2, 2)), 0);
  });
});
