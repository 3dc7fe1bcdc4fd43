import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { firstRing, nextRing, type Ring, SHARDS } from '../../protocol/ring.ts';
import { decodeRing, encodeRing } from '../../protocol/ring-document.ts';
import { handoversOf, receiversOf, shareOf, totalOf } from './handover.ts';

const member = (id: string, weight = 1) => ({ id, weight, zone: '', address: `${id}:8001` });
const start = { cluster: 'chat', version: { generation: 1, counter: 1 } };

function following(...sets: readonly string[]): Ring[] {
  const [first = '', ...rest] = sets;
  const rings = [
    firstRing(
      start,
      [...first].map((id) => member(id)),
    ),
  ];
  for (const ids of rest) {
    const before = rings.at(-1) as Ring;
    const version = { generation: 1, counter: before.version.counter + 1 };
    rings.push(
      nextRing(
        before,
        [...ids].map((id) => member(id)),
        version,
      ),
    );
  }
  return rings;
}

/** What a pod must hand over, found the slow way: for each shard, was it ever its owner? */
function slowly(rings: readonly Ring[], pod: string): number {
  const owns = ({ owners, members }: Ring, shard: number) =>
    members[owners[shard] as number]?.id === pod;
  const now = rings.at(-1) as Ring;
  let count = 0;
  for (let shard = 0; shard < SHARDS; shard += 1) {
    if (!owns(now, shard) && rings.some((ring) => owns(ring, shard))) count += 1;
  }
  return count;
}

const POD_NAMES = [...'abcdefgh'];
const someSets = fc.array(
  fc.uniqueArray(fc.constantFrom(...POD_NAMES), { minLength: 1 }).map((ids) => ids.join('')),
  { minLength: 1, maxLength: 6 },
);

describe('what is to be handed over', () => {
  it('is nothing without a change, and what a newcomer gets after one', () => {
    assert.equal(handoversOf([]).size, 0);
    assert.equal(handoversOf(following('abc')).size, 0);
    const handovers = handoversOf(following('abc', 'abcd'));
    assert.equal(handovers.get('d'), undefined);
    const all = [...handovers.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(all, SHARDS / 4);
  });

  it('is everything of a pod that left, also when it was not done before the next ring', () => {
    const [first, ...rest] = following('ab', 'abc', 'bc');
    const owned = (first as Ring).owners.filter((owner) => owner === 0).length;
    assert.equal(handoversOf([first as Ring, ...rest]).get('a'), owned);
  });

  it('is not what went away and came back', () => {
    const [first] = following('ab');
    const away = following('ab', 'abc')[1] as Ring;
    assert.equal(handoversOf([first as Ring, away, first as Ring]).get('a'), undefined);
    assert.equal(handoversOf([first as Ring, away, first as Ring]).get('c'), SHARDS / 3 - 1 / 3);
  });

  it('is, for any rings, what a slow count finds', () => {
    fc.assert(
      fc.property(someSets, (sets) => {
        const rings = following(...sets);
        const handovers = handoversOf(rings);
        for (const pod of POD_NAMES) assert.equal(handovers.get(pod) ?? 0, slowly(rings, pod));
      }),
      { numRuns: 20 },
    );
  });

  it('gives shares that add up to the budget and never above, the same at every pod', () => {
    fc.assert(
      fc.property(someSets, fc.double({ min: 0.1, max: 10_000, noNaN: true }), (sets, budget) => {
        const rings = following(...sets);
        const handovers = handoversOf(rings);
        // As another pod has them: from documents, not from the same objects.
        const elsewhere = handoversOf(rings.map((ring) => decodeRing(encodeRing(ring))));
        assert.deepEqual(elsewhere, handovers);
        const all = totalOf(handovers);
        const shares = POD_NAMES.map((pod) => shareOf(handovers, pod, all) * budget);
        const sum = shares.reduce((total, share) => total + share, 0);
        // Beyond the last bits of a double.
        assert.ok(sum <= budget * (1 + 1e-12), `${sum} of ${budget}`);
        if (handovers.size > 0) assert.ok(sum >= budget * (1 - 1e-12));
        for (const [place, pod] of POD_NAMES.entries()) {
          if (!handovers.has(pod)) assert.equal(shares[place], 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gives no more together to pods of which some know the last rings alone', () => {
    const ages = fc.array(fc.nat(5), { minLength: POD_NAMES.length, maxLength: POD_NAMES.length });
    fc.assert(
      fc.property(someSets, ages, (sets, came) => {
        const rings = following(...sets);
        const known = came.map((from) => handoversOf(rings.slice(Math.min(from, sets.length - 1))));
        // Somebody was there all the time.
        const all = Math.max(totalOf(handoversOf(rings)), ...known.map(totalOf));
        const shares = POD_NAMES.map((pod, at) => shareOf(known[at] ?? new Map(), pod, all));
        const sum = shares.reduce((total, share) => total + share, 0);
        assert.ok(sum <= 1 + 1e-12, `${sum}`);
      }),
      { numRuns: 60 },
    );
  });

  it('goes to those who own it now, as much as is handed over', () => {
    for (const rings of [following('abc', 'abcd'), following('abc', 'bcd', 'bde')]) {
      for (const pod of POD_NAMES) {
        const received = receiversOf(rings, pod);
        const sum = [...received.values()].reduce((all, count) => all + count, 0);
        assert.equal(sum, handoversOf(rings).get(pod) ?? 0);
      }
    }
    assert.deepEqual([...receiversOf(following('abc', 'abcd'), 'a').keys()], ['d']);
    assert.equal(receiversOf([], 'a').size, 0);
  });
});
