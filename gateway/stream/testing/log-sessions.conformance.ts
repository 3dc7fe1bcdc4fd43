import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import type { Position } from '../../../protocol/position.ts';
import {
  eachWithTwoGateways,
  type Gateway,
  type LogStore,
  type LogWorld,
  WAIT_MS,
} from './log-world.ts';

/** What a store must keep of sessions: their cursors, who holds them, and how many there may be. */
export function sessionConformance(name: string, open: () => Promise<LogStore>): void {
  describe(`${name} keeps sessions:`, () => {
    let world: LogWorld;
    let a: Gateway;
    let b: Gateway;

    const again = eachWithTwoGateways(open, (opened) => {
      ({ world, a, b } = opened);
    });

    const key = { identity: 'me:you', session: 's1' };
    const at = (seq: number) => ({ epoch: 'E1', seq, confirmed: 5 });

    test('saved positions are merged and come back; undefined removes', async () => {
      const { generation } = await a.log.openSession(key);
      const changed = new Map([
        ['t', at(1)],
        ['ü:*', at(2)],
        ['u', at(3)],
      ]);
      assert.equal(await a.log.saveSession(key, generation, changed), 'saved');
      const second = new Map<string, Position | undefined>([
        ['t', at(4)],
        ['u', undefined],
      ]);
      assert.equal(await a.log.saveSession(key, generation, second), 'saved');
      const { cursors } = await b.log.openSession(key);
      assert.deepEqual(
        cursors,
        new Map([
          ['t', at(4)],
          ['ü:*', at(2)],
        ]),
      );
    });

    test('a newer holder is told to the older one, whose saves are refused', async () => {
      const first = await a.log.openSession(key);
      const second = await b.log.openSession(key);
      assert.equal(second.generation, first.generation + 1);
      await until(() => a.bell.superseding.length > 0, { for: 'word', deadlineMs: WAIT_MS });
      assert.deepEqual(a.bell.superseding, [{ key, generation: second.generation }]);
      const late = await a.log.saveSession(key, first.generation, new Map([['t', at(9)]]));
      assert.equal(late, 'superseded');
      assert.equal(b.bell.superseding.length, 0);
      assert.deepEqual((await a.log.openSession(key)).cursors, new Map());
    });

    test('belong to an identity', async () => {
      const { generation } = await a.log.openSession(key);
      await a.log.saveSession(key, generation, new Map([['t', at(1)]]));
      const other = await a.log.openSession({ ...key, identity: 'me' });
      assert.deepEqual(other, { generation: 1, cursors: new Map() });
    });

    test('a session that the store forgot is saved again by its holder', async () => {
      await a.log.openSession(key);
      const { generation } = await a.log.openSession(key);
      await world.flush();
      assert.equal(await a.log.saveSession(key, generation, new Map([['t', at(1)]])), 'saved');
      const { generation: next, cursors } = await b.log.openSession(key);
      assert.equal(next, generation + 1);
      assert.deepEqual(cursors, new Map([['t', at(1)]]));
    });

    describe('beyond those that an identity may have', () => {
      const named = (session: string, identity = 'me') => ({ identity, session });
      /** Generation and what was forgotten for it. */
      const opened = async (session: string, identity?: string) => {
        const one = await a.log.openSession(named(session, identity));
        return [one.generation, one.forgotten ?? 0];
      };
      const saved = (session: string, generation = 1) =>
        b.log.saveSession(named(session), generation, new Map([['t', at(1)]]));

      beforeEach(() => again({ sessionsPerIdentity: 2 }));

      test('the one goes that was opened or saved longest ago', async () => {
        assert.deepEqual(await opened('1'), [1, 0]);
        assert.deepEqual(await opened('2'), [1, 0]);
        assert.equal(await saved('1'), 'saved');
        assert.deepEqual(await opened('3'), [1, 1]);
        // Those that are known are opened at the cost of nobody.
        assert.deepEqual(await opened('3'), [2, 0]);
        const { generation, cursors, forgotten } = await b.log.openSession(named('1'));
        assert.deepEqual([generation, cursors, forgotten], [2, new Map([['t', at(1)]]), undefined]);
        assert.deepEqual(await opened('2'), [1, 1], 'begins anew, and 3 is the oldest now');
        assert.deepEqual(await opened('1'), [3, 0]);
      });

      test('its holder is told when it saves, and nothing is written', async () => {
        for (const session of ['1', '2', '3']) await opened(session);
        assert.equal(await saved('1'), 'forgotten');
        assert.equal(await saved('2'), 'saved');
        assert.equal(await saved('3'), 'saved');
        assert.deepEqual(await opened('1'), [1, 1]);
      });

      test('other identities lose nothing', async () => {
        for (const session of ['1', '2']) await opened(session, 'you');
        for (const session of ['1', '2', '3', '4']) await opened(session);
        for (const session of ['1', '2']) assert.deepEqual(await opened(session, 'you'), [2, 0]);
      });

      test('what many open at once is forgotten too', async () => {
        const names = Array.from({ length: 20 }, (_, index) => `${index}`);
        const all = await Promise.all(names.map((session) => opened(session)));
        assert.equal(
          all.reduce((sum, [, forgotten = 0]) => sum + forgotten, 0),
          18,
        );
        const kept = await Promise.all(names.map((session) => saved(session)));
        assert.equal(kept.filter((result) => result === 'saved').length, 2, kept.join());
      });
    });
  });
}
