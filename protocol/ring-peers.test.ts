import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { firstRing, type Member, nextRing, ownerOf, type Ring, shardOf } from './ring.ts';

// CommonJS without types.
const require = createRequire(import.meta.url);
type Ids = readonly string[];
const HashRing = require('hash-ring') as new (ids: Ids) => { getNode(key: string): string };
const Ketama = require('hashring') as new (ids: Ids) => { get(key: string): string };

/**
 * Why the ring is not a package from npm: what `hash-ring` 1.0.1 and `hashring` 3.2.0 do with the
 * same members and the same keys.
 */
const KEYS = Array.from({ length: 20_000 }, (_, n) => `user-${n}`);
const ids = (count: number) => Array.from({ length: count }, (_, n) => `gateway-${n}`);

/** Keys of the fullest member over the mean. */
function crowding(members: number, owner: (key: string) => string): number {
  const counts = new Map<string, number>();
  for (const key of KEYS) counts.set(owner(key), (counts.get(owner(key)) ?? 0) + 1);
  return Math.max(...counts.values()) / (KEYS.length / members);
}

/** Keys that changed owners when `who` left, though they were not with it. */
function needless(before: (key: string) => string, after: (key: string) => string, who: string) {
  return KEYS.filter((key) => before(key) !== after(key) && before(key) !== who).length;
}

const asMember = (id: string): Member => ({ id, weight: 1, zone: '', address: 'a:1' });
const ringOf = (count: number): Ring =>
  firstRing({ cluster: 'a', version: { generation: 1, counter: 1 } }, ids(count).map(asMember));
const ownerIn = (ring: Ring) => (key: string) => ownerOf(ring, shardOf(key)).id;

describe('rings from npm beside ours', () => {
  it('hash-ring gives every key to one member, whatever their number', () => {
    for (const count of [4, 64]) {
      const ring = new HashRing(ids(count));
      const owners = new Set(KEYS.slice(0, 2_000).map((key) => ring.getNode(key)));
      assert.equal(owners.size, 1, `${count} members`);
    }
  });

  it('hashring crowds some members, and moves keys that need not move', () => {
    const many = new Ketama(ids(64));
    assert.ok(crowding(64, (key) => many.get(key)) > 1.2);
    const [before, after] = [new Ketama(ids(8)), new Ketama(ids(7))];
    assert.ok(
      needless(
        (key) => before.get(key),
        (key) => after.get(key),
        'gateway-7',
      ) > 0,
    );
  });

  it('ours crowds nobody beyond chance, and moves nothing needlessly', () => {
    const before = ringOf(64);
    const after = nextRing(before, ids(63).map(asMember), { generation: 1, counter: 2 });
    // 312 keys each; the shards themselves are even, what is left is the keys' own chance.
    assert.ok(crowding(64, ownerIn(before)) < 1.2);
    assert.equal(needless(ownerIn(before), ownerIn(after), 'gateway-63'), 0);
  });
});
