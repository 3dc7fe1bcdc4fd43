import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareVersions, firstRing, nextRing, type Ring } from '../../protocol/ring.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { HANDOVER_MS, RingKeeper } from './ring-keeper.ts';
import { documentOf, tallying } from './testing/fleet.ts';

const member = (id: string) => ({ id, weight: 1, zone: '', address: `${id}:8001` });

const ringOf = (generation: number, counter: number, ids = 'ab', cluster = 'chat'): Ring =>
  firstRing({ cluster, version: { generation, counter } }, [...ids].map(member));

function keeping() {
  const clock = new ManualClock();
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_: object, text: string) => void errors.push(text) };
  const counts = tallying();
  const keeper = new RingKeeper({ cluster: 'chat', clock, logger, counts });
  const changes: string[] = [];
  const name = (ring: Ring | undefined) =>
    ring === undefined ? '-' : `${ring.version.generation}.${ring.version.counter}`;
  keeper.onChange((current, previous) => changes.push(`${name(previous)}>${name(current)}`));
  const take = (ring: Ring) => keeper.accept(documentOf(ring).document).outcome;
  return { clock, keeper, errors, changes, take, tally: counts.tally };
}

describe('the keeper of the ring', () => {
  it('takes what is newer, and knows what it has and what is older', () => {
    const { take, changes, tally, keeper } = keeping();
    assert.deepEqual(keeper.recent(), []);
    assert.equal(take(ringOf(1, 1)), 'newer');
    assert.equal(take(ringOf(1, 1)), 'same');
    assert.equal(take(ringOf(1, 12)), 'newer');
    assert.equal(take(ringOf(1, 3)), 'older');
    assert.equal(take(ringOf(2, 1)), 'newer');
    assert.equal(take(ringOf(1, 12)), 'older');
    assert.deepEqual(changes, ['->1.1', '1.1>1.12', '1.12>2.1']);
    assert.deepEqual(keeper.current?.version, { generation: 2, counter: 1 });
    assert.equal(keeper.current?.digest, documentOf(ringOf(2, 1)).digest);
    assert.deepEqual(Object.fromEntries(tally.documents), { newer: 3, same: 1, older: 2 });
  });

  it('refuses other clusters and what is no ring, and keeps what it has', () => {
    const { keeper, tally, changes, take } = keeping();
    take(ringOf(1, 1));
    const other = keeper.accept(documentOf(ringOf(9, 9, 'ab', 'games')).document);
    assert.deepEqual(other, {
      outcome: 'refused',
      reason: 'it is a ring of cluster games, and this is chat',
    });
    const rubbish = keeper.accept('{}');
    assert.equal(rubbish.outcome, 'refused');
    assert.match('reason' in rubbish ? rubbish.reason : '', /format must be 1/);
    assert.deepEqual(changes, ['->1.1']);
    assert.deepEqual(
      [tally.documents.get('other_cluster'), tally.documents.get('undecodable')],
      [1, 1],
    );
  });

  it('of two rings of one version keeps the one of the higher digest, with an alarm', () => {
    const rivals = ['ab', 'abc', 'bc'].map((ids) => ringOf(4, 2, ids));
    const best = rivals.reduce((one, other) =>
      documentOf(one).digest > documentOf(other).digest ? one : other,
    );
    for (const order of [rivals, rivals.toReversed()]) {
      const { keeper, take, errors, tally } = keeping();
      const outcomes = order.map(take);
      assert.deepEqual(outcomes, ['newer', 'conflict', 'conflict']);
      assert.deepEqual(keeper.current?.ring, best);
      assert.equal(tally.conflicts, 2);
      assert.deepEqual(errors, Array(2).fill('two rings of the same version'));
    }
  });

  it('ends with the same ring whatever the order, and however often each comes', () => {
    const rings = [ringOf(1, 1), ringOf(1, 2, 'abc'), ringOf(2, 1, 'bc'), ringOf(2, 1, 'c')];
    const documents = rings.map((ring) => documentOf(ring).document);
    const order = fc.array(fc.integer({ min: 0, max: rings.length - 1 }), { maxLength: 12 });
    fc.assert(
      fc.property(order, order, (late, all) => {
        const { keeper } = keeping();
        const other = keeping().keeper;
        const every = [0, 1, 2, 3];
        let before: Ring | undefined;
        for (const at of [...late, ...every, ...all]) {
          keeper.accept(documents[at] as string);
          const { ring } = keeper.current ?? assert.fail('no ring');
          if (before !== undefined) assert.ok(compareVersions(ring.version, before.version) >= 0);
          before = ring;
        }
        for (const at of [...every.toReversed(), ...late]) other.accept(documents[at] as string);
        assert.equal(keeper.current?.document, other.current?.document);
      }),
    );
  });

  it('remembers the rings of the last minutes, and not more than it has room for', async () => {
    const { clock, keeper, take } = keeping();
    let ring = ringOf(1, 1);
    take(ring);
    await clock.advance(1_000);
    const follow = () => {
      const version = { generation: 1, counter: ring.version.counter + 1 };
      ring = nextRing(ring, ring.members, version);
      take(ring);
    };
    follow();
    const counters = () => keeper.recent().map(({ version }) => version.counter);
    assert.deepEqual(counters(), [1, 2]);
    await clock.advance(HANDOVER_MS - 1);
    assert.deepEqual(counters(), [1, 2]);
    await clock.advance(1);
    assert.deepEqual(counters(), [2]);
    for (let times = 0; times < 40; times += 1) follow();
    assert.equal(keeper.recent().length, 33);
    assert.equal(counters().at(-1), 42);
  });
});
