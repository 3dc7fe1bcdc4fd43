import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  compareVersions,
  type Member,
  movedShards,
  type Ring,
  SHARDS,
} from '../../protocol/ring.ts';
import { encodeRing, ringDigest } from '../../protocol/ring-document.ts';
import { type RingInput, ringToBe } from './ring.ts';

const CLUSTER = '3f8e8c0a-6f2b-4f0e-9a8b-0c1d2e3f4a5b';

const member = (id: string): Member => ({ id, weight: 100, zone: '', address: `${id}:8001` });
const membersOf = (ids: string) => [...ids].map(member);

function decided(input: Partial<RingInput> & { readonly ids?: string }) {
  const { ids = 'ab', ...rest } = input;
  const given = { cluster: CLUSTER, held: undefined, reported: [], members: membersOf(ids) };
  return ringToBe({ ...given, ...rest });
}

function made(input: Parameters<typeof decided>[0]) {
  const decision = decided(input);
  assert.ok(decision.kind !== 'none');
  return decision;
}

const reportOf = (document: string, { version }: Ring) => ({
  version,
  digest: ringDigest(document),
});

describe('the ring to be', () => {
  it('is made from the gateways that are there', () => {
    const { kind, ring, document } = made({ ids: 'ba' });
    assert.equal(kind, 'written');
    assert.deepEqual(ring.version, { generation: 1, counter: 1 });
    assert.equal(ring.cluster, CLUSTER);
    assert.deepEqual(ring.members, membersOf('ab'));
    assert.equal(document, encodeRing(ring));
  });

  it('stays while they are the same, whoever still has an older one', () => {
    const first = made({ ids: 'a' });
    const { document: held, ring } = made({ ids: 'ab', held: first.document });
    const reported = [reportOf(first.document, first.ring), reportOf(held, ring)];
    const again = made({ held, reported, ids: 'ba' });
    assert.deepEqual([again.kind, again.document], ['held', held]);
  });

  it('moves only what must move when one comes or goes', () => {
    const before = made({ ids: 'abc' });
    const more = made({ ids: 'abcd', held: before.document });
    assert.deepEqual(more.ring.version, { generation: 1, counter: 2 });
    assert.ok(movedShards(before.ring, more.ring) <= SHARDS / 4);
    const fewer = made({ ids: 'abd', held: more.document });
    assert.ok(movedShards(more.ring, fewer.ring) <= Math.ceil(SHARDS / 4));
  });

  it('is never empty: without gateways it is the one that was', () => {
    const { document: held } = made({});
    const kept = made({ ids: '', held });
    assert.deepEqual([kept.kind, kept.document], ['held', held]);
    assert.deepEqual(decided({ ids: '' }), { kind: 'none' });
  });

  it('leaves behind what gateways have and the ConfigMap does not', () => {
    const old = made({ ids: 'ab' });
    const lost = made({ ids: 'abc', held: old.document });
    const reported = [reportOf(lost.document, lost.ring)];
    const next = { generation: 2, counter: 1 };
    // Restored from a backup, deleted, or damaged.
    assert.deepEqual(made({ ids: 'abc', held: old.document, reported }).ring.version, next);
    assert.deepEqual(made({ ids: 'abc', reported }).ring.version, next);
    assert.deepEqual(made({ ids: 'abc', held: 'x', reported }).ring.version, next);
    // Another one of the same version.
    const other = { version: old.ring.version, digest: '0'.repeat(64) };
    assert.deepEqual(made({ held: old.document, reported: [other] }).ring.version, next);
  });

  it('is of this cluster, whatever the ConfigMap holds', () => {
    const { document: held } = ringOfOther();
    const { kind, ring } = made({ held });
    assert.deepEqual([kind, ring.cluster], ['written', CLUSTER]);
  });

  function ringOfOther() {
    const decision = ringToBe({
      ...{ cluster: 'other', held: undefined, reported: [] },
      members: membersOf('ab'),
    });
    assert.ok(decision.kind === 'written');
    return decision;
  }

  it('is newer than every ring that anybody had, and settles, whatever happens', () => {
    const step = fc.record({
      ids: fc.subarray([...'abcdef']).map((ids) => ids.join('')),
      lose: fc.constantFrom('nothing', 'all', 'newest'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const world = new World();
        for (const { ids, lose } of steps) {
          world.lose(lose);
          world.decide(ids);
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** A ConfigMap that is kept, restored or lost, and gateways that go by the newest ring. */
class World {
  #held: string[] = [];
  #reported: ReturnType<typeof reportOf>[] = [];

  lose(what: 'nothing' | 'all' | 'newest'): void {
    if (what === 'all') this.#held = [];
    if (what === 'newest') this.#held.pop();
  }

  decide(ids: string): void {
    const decision = decided({ ids, held: this.#held.at(-1), reported: this.#reported });
    if (decision.kind === 'written') this.#write(decision);
    if (ids === '' || decision.kind === 'none') return;
    const again = decided({ ids, held: decision.document, reported: this.#reported });
    assert.equal(again.kind, 'held');
  }

  #write({ ring, document }: { readonly ring: Ring; readonly document: string }): void {
    for (const { version } of this.#reported) {
      assert.ok(compareVersions(ring.version, version) > 0);
    }
    this.#held.push(document);
    this.#reported = [reportOf(document, ring)];
  }
}
