import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { ManualClock, turn } from '../../../protocol/testing/manual-clock.ts';
import type { StreamSettings } from '../../settings/declaration.ts';
import { draft, Gateway, positionOf, streamSettings } from '../testing/log-world.ts';
import { MemoryLog } from './memory-log.ts';
import type { MemoryNetwork } from './memory-network.ts';
import { MemoryStore } from './memory-store.ts';

describe('MemoryStore', () => {
  let clock: ManualClock;
  let store: MemoryStore;

  function open(overrides: Partial<StreamSettings> = {}): void {
    clock = new ManualClock();
    const settings = streamSettings({ retentionS: 10, idempotencyWindowS: 5, ...overrides });
    store = new MemoryStore({ clock, random: Math.random, settings });
  }

  async function gateway(pod: string): Promise<Gateway> {
    const started = new Gateway(new MemoryLog(store, pod));
    await started.log.start(started.bell, 0);
    await turn();
    return started;
  }

  beforeEach(() => open());

  test('a log lives for the retention, positions for twice that', async () => {
    const a = await gateway('a');
    const { head } = await a.resume('t');
    const last = await a.publish('t', '1');
    await clock.advance(9_000);
    assert.deepEqual(await a.sees('t', head), ['1']);
    await clock.advance(2_000);
    assert.deepEqual(await a.sees('t', head), ['<trimmed 1-1>']);
    assert.deepEqual(await a.sees('t', last), []);
    await clock.advance(23_000);
    assert.deepEqual(await a.sees('t', last), ['<expired>']);
    assert.notEqual((await a.publish('t', 'new')).epoch, last.epoch);
  });

  test('entries older than the retention leave a busy log', async () => {
    const a = await gateway('a');
    const { head } = await a.resume('t');
    for (let at = 1; at <= 200; at += 1) {
      await a.publish('t', `${at}`);
      await clock.advance(100);
    }
    const steps = await a.sees('t', head);
    assert.match(steps[0] ?? '', /^<trimmed 1-\d+>$/);
    assert.ok(steps.length > 100 && steps.length < 170, `${steps.length} left`);
  });

  test('an id is remembered for one window surely, and for two at most', async () => {
    const a = await gateway('a');
    const once = draft('x', { id: 'p', seq: 1 });
    const first = positionOf((await a.log.append('t', [once], 0))[0]);
    await clock.advance(5_000);
    assert.deepEqual(positionOf((await a.log.append('t', [once], 0))[0]), first);
    await clock.advance(10_000);
    assert.equal(positionOf((await a.log.append('t', [once], 0))[0]).seq, 2);
  });

  test('a gateway that is cut off is down and hears nothing until healed', async () => {
    const [a, b] = [await gateway('a'), await gateway('b')];
    await b.log.listen('t');
    store.cut('b');
    await assert.rejects(b.publish('t', '1'), { name: 'StoreDown' });
    await a.publish('t', '2');
    store.heal('b');
    await a.publish('t', '3');
    await turn();
    assert.deepEqual(b.bell.line, ['up', 'down', 'up']);
    assert.deepEqual(
      b.bell.heard.map(({ entry }) => entry.seq),
      [2],
    );
  });

  test('the network may refuse, lose replies, delay; drop, repeat and delay the bell', async () => {
    const a = await gateway('a');
    await a.log.listen('t');
    const network = (changes: Partial<MemoryNetwork>): MemoryNetwork => ({
      request: () => ({ fate: 'answered', delayMs: 0 }),
      ring: () => [0],
      ...changes,
    });
    store.network = network({ request: () => ({ fate: 'refused', delayMs: 0 }) });
    await assert.rejects(a.publish('t', 'refused'), { name: 'StoreDown' });
    store.network = network({
      request: () => ({ fate: 'reply-lost', delayMs: 0 }),
      ring: () => [],
    });
    await assert.rejects(a.publish('t', 'written'), { name: 'StoreUnknown' });
    store.network = network({ ring: () => [0, 50] });
    assert.equal((await a.publish('t', 'twice')).seq, 2);
    await turn();
    assert.deepEqual(
      a.bell.heard.map(({ entry }) => entry.seq),
      [2],
    );
    await clock.advance(50);
    assert.deepEqual(
      a.bell.heard.map(({ entry }) => entry.seq),
      [2, 2],
    );
  });

  test('a connection that breaks under way: down before the step, unknown after it', async () => {
    const a = await gateway('a');
    store.network = { request: () => ({ fate: 'answered', delayMs: 10 }), ring: () => [0] };
    const before = assert.rejects(a.publish('t', 'before'), { name: 'StoreDown' });
    store.cut('a');
    await clock.advance(10);
    await before;
    store.heal('a');
    const after = assert.rejects(a.publish('t', 'after'), { name: 'StoreUnknown' });
    await clock.advance(10);
    store.cut('a');
    await clock.advance(10);
    await after;
    store.heal('a');
    const { head } = await (async () => {
      const answer = a.resume('t');
      await clock.advance(10);
      await clock.advance(10);
      return answer;
    })();
    assert.equal(head.seq, 1);
  });

  test('a report gives a topic the life that a publish gives it, new or not', async () => {
    const a = await gateway('a');
    const last = await a.publish('old', '1');
    await clock.advance(19_000);
    const { lineage } = await a.log.probe('p');
    store.failover();
    const known = new Map([
      ['old', { ...last, seq: 3 }],
      ['new', { ...last, seq: 3 }],
    ]);
    await turn();
    await a.log.report(lineage, known, false);
    await clock.advance(20_000);
    assert.deepEqual(await a.sees('old', last), ['<lost 2-3>']);
    assert.deepEqual(await a.sees('new', last), ['<truncated 1-3>']);
  });

  test('a failover that loses the last entries forgets their ids too', async () => {
    const a = await gateway('a');
    const id = (seq: number) => ({ id: 'p', seq });
    await a.log.append('t', [draft('1', id(1)), draft('2', id(2)), draft('3', id(3))], 0);
    const lost = (await a.resume('t')).head;
    store.failoverLosing('t', 2);
    const batch = [draft('1', id(1)), draft('3', id(3))];
    const outcomes = await a.log.append('t', batch, 0);
    assert.deepEqual(
      outcomes.map((outcome) => positionOf(outcome).seq),
      [1, 2],
    );
    assert.deepEqual(await a.sees('t', lost), ['<truncated 2-3>', '3']);
  });
});
