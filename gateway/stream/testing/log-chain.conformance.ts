import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import type { Position } from '../../../protocol/position.ts';
import type { Reach } from '../chain.ts';
import {
  eachWithTwoGateways,
  type Gateway,
  type LogStore,
  type LogWorld,
  streamSettings,
  texts,
  WAIT_MS,
} from './log-world.ts';

/** What a store must know of lives that are over, and of epochs that only pods remember. */
export function chainConformance(name: string, open: () => Promise<LogStore>): void {
  describe(`${name} remembers`, () => {
    let world: LogWorld;
    let a: Gateway;
    let b: Gateway;
    const { retentionS } = streamSettings();

    async function changed(how: 'restart' | 'failover'): Promise<void> {
      await world[how]();
      await a.back();
      await b.back();
    }

    async function reports(gateway: Gateway, topic: string, known: Reach): Promise<void> {
      const { lineage } = await gateway.log.probe('report');
      await gateway.log.report(lineage, new Map([[topic, known]]), false);
    }

    const again = eachWithTwoGateways(open, (opened) => {
      ({ world, a, b } = opened);
    });

    describe('an earlier life of a topic:', () => {
      test('confirmed two retentions before the birth: all is seen; earlier: expired', async () => {
        const { head } = await a.resume('t');
        const born = await a.publish('t', '1');
        await a.publish('t', '2');
        const before = (seconds: number) => ({ ...head, confirmed: born.confirmed - seconds });
        assert.deepEqual(await b.sees('t', before(2 * retentionS)), ['1', '2']);
        assert.deepEqual(await b.sees('t', before(2 * retentionS + 1)), ['<expired>']);
        const { cursor, head: now } = await b.resume('t', before(2 * retentionS + 1));
        assert.deepEqual(cursor, now);
        assert.deepEqual(await b.sees('t', { ...born, confirmed: 1 }), ['2']);
      });

      test('the birth is remembered through changes of lineage', async () => {
        const { head } = await a.resume('t');
        const born = await a.publish('t', '1');
        await nextSecond();
        await changed('restart');
        await a.publish('t', '2');
        const before = (seconds: number) => ({ ...head, confirmed: born.confirmed - seconds });
        assert.deepEqual(await b.sees('t', before(2 * retentionS)), ['1', '2']);
        assert.deepEqual(await b.sees('t', before(2 * retentionS + 1)), ['<expired>']);
      });

      test('born, published to, forgotten and born again is not taken for one life', async () => {
        await again({ retentionS: 1 });
        const { head } = await a.resume('t');
        const first = await a.publish('t', 'first');
        await passed(4_300);
        const second = await a.publish('t', 'second');
        assert.deepEqual([second.seq, second.epoch === first.epoch], [1, false]);
        assert.deepEqual(await b.sees('t', head), ['<expired>']);
        assert.deepEqual(await b.sees('t', { ...head, confirmed: second.confirmed }), ['second']);
      });
    });

    describe('an epoch that only pods know of:', () => {
      test('two that were lost are told in the order of time, not of the reports', async () => {
        const { head: unborn } = await a.resume('t');
        await world.lag();
        const older = await a.publish('t', '1', '2', '3');
        await nextSecond();
        await changed('failover');
        const newer = await a.publish('t', 'x', 'y');
        await changed('failover');
        await reports(b, 't', newer);
        await reports(a, 't', older);
        await a.publish('t', 'new');
        assert.deepEqual(await b.sees('t', unborn), ['<lost 1-3>', 'new']);
        assert.deepEqual(await b.sees('t', { ...older, seq: 1 }), ['<truncated 1-3>', 'new']);
        assert.deepEqual(await b.sees('t', { ...newer, seq: 1 }), ['<truncated 1-2>', 'new']);
      });

      test('who came after it is not told of it, whoever was before it is', async () => {
        const kept = await a.publish('t', '1');
        await world.lag();
        await changed('failover');
        const lost = await a.publish('t', '2', '3');
        await nextSecond();
        await changed('failover');
        const after = await a.publish('t', 'new 2');
        await changed('restart');
        await reports(a, 't', lost);
        await a.publish('t', '3');
        assert.deepEqual(await b.sees('t', after), ['3']);
        assert.deepEqual(await b.sees('t', kept), ['<lost 2-3>', 'new 2', '3']);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 2-3>', 'new 2', '3']);
      });

      test('one that ends where the log goes on is not put on the chain', async () => {
        await a.publish('t', '1', '2', '3');
        await changed('restart');
        const confirmed = Math.floor(Date.now() / 1000) + 1;
        const strange = { epoch: 'E1', seq: 3, confirmed };
        await reports(a, 't', strange);
        assert.deepEqual(await b.sees('t', strange), ['<epoch_unknown>']);
      });

      test('two retentions later it has expired, which is not a loss', async () => {
        const { head: unborn } = await a.resume('t');
        const kept = await a.publish('t', '1');
        await changed('restart');
        const seen = (seconds: number) => ({
          epoch: `E${seconds}`,
          seq: 5,
          confirmed: ago(seconds),
        });
        await reports(a, 't', seen(2 * retentionS + 5));
        assert.deepEqual(await b.sees('t', unborn), ['1']);
        assert.deepEqual(await b.sees('t', kept), []);
        await reports(a, 't', seen(2 * retentionS - 60));
        assert.deepEqual(await b.sees('t', unborn), ['<lost 1-5>', '1']);
        assert.deepEqual(await b.sees('t', kept), []);
      });

      test('an old position counts where its epoch is known', async () => {
        const kept = await a.publish('t', '1');
        await world.lag();
        const lost = await a.publish('t', '2');
        await changed('failover');
        await reports(a, 't', { ...lost, confirmed: ago(3 * retentionS) });
        assert.deepEqual(await b.sees('t', kept), ['<lost 2-2>']);
      });

      test('its topic lives as long as if it had been published to', async () => {
        await again({ retentionS: 1 });
        await world.lag();
        const lost = await a.publish('t', '1', '2');
        await changed('failover');
        await reports(a, 't', { ...lost, confirmed: ago(1) });
        await passed(3_500);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 1-2>']);
      });
    });

    describe('what was lost behind one place is one gap, whoever leaves after it:', () => {
      /** The same to whoever reads on, and to whoever comes back after every single step. */
      async function isTold(from: Position, ...expected: string[]): Promise<void> {
        assert.deepEqual(await b.sees('t', from), expected);
        const seen: string[] = [];
        for (let cursor = from; seen.length <= expected.length; ) {
          const [first] = (await b.resume('t', cursor)).steps;
          if (first === undefined) break;
          seen.push(...texts([first]));
          const { epoch, seq } = first.kind === 'gap' ? first.gap.position : first.entry;
          cursor = { epoch, seq, confirmed: from.confirmed };
        }
        assert.deepEqual(seen, expected);
      }

      test('part of it had been seen', async () => {
        await a.publish('t', '1');
        await world.lag();
        const lost = await a.publish('t', '2', '3', '4');
        await changed('failover');
        await reports(a, 't', lost);
        await a.publish('t', 'new 2');
        await isTold({ ...lost, seq: 2 }, '<truncated 2-4>', 'new 2');
        await isTold({ ...lost, seq: 1 }, '<lost 2-4>', 'new 2');
      });

      test('part of it is of the epoch after', async () => {
        await a.publish('t', '1');
        await world.lag();
        const first = await a.publish('t', '2');
        await nextSecond();
        await changed('failover');
        const second = await a.publish('t', 'x 2', 'x 3');
        await changed('failover');
        await reports(a, 't', first);
        await reports(b, 't', second);
        await a.publish('t', 'new 2');
        await isTold(first, '<truncated 2-3>', 'new 2');
        await isTold({ ...first, seq: 1 }, '<lost 2-3>', 'new 2');
        await isTold({ ...second, seq: 2 }, '<truncated 2-3>', 'new 2');
      });
    });

    describe('a restart that no replica saw, and a failover to one:', () => {
      /** Where the topic is, with where its epoch began, as whoever follows it knows it. */
      async function reached(): Promise<Reach> {
        const { head, origin } = await a.resume('t');
        return { ...head, ...(origin && { origin }) };
      }

      test('who was level missed nothing where nothing was published in between', async () => {
        const kept = await a.publish('t', '1', '2');
        await world.lag();
        await changed('restart');
        const idle = await reached();
        assert.deepEqual([idle.seq, idle.origin], [2, { epoch: kept.epoch, seq: 2 }]);
        await changed('failover');
        assert.deepEqual(await b.sees('t', idle), ['<epoch_unknown>']);
        assert.ok((await b.resume('t', idle)).unsettledMs > 0);
        await reports(b, 't', idle);
        assert.deepEqual(await b.sees('t', idle), []);
        await a.publish('t', '3');
        for (const from of [idle, kept]) assert.deepEqual(await b.sees('t', from), ['3']);
      });

      test('what was published before and after the restart is told exactly', async () => {
        const kept = await a.publish('t', '1', '2');
        await world.lag();
        const before = await a.publish('t', '3', '4');
        await changed('restart');
        const idle = await reached();
        await a.publish('t', '5', '6');
        const after = await reached();
        await changed('failover');
        await reports(b, 't', after);
        await a.publish('t', 'new 3');
        assert.deepEqual(await b.sees('t', kept), ['<lost 3-6>', 'new 3']);
        assert.deepEqual(await b.sees('t', before), ['<truncated 3-6>', 'new 3']);
        assert.deepEqual(await b.sees('t', idle), ['<truncated 3-6>', 'new 3']);
        assert.deepEqual(await b.sees('t', after), ['<truncated 3-6>', 'new 3']);
      });

      test('within one second, and whoever reports first', async () => {
        const kept = await a.publish('t', '1');
        await world.lag();
        const before = await a.publish('t', '2', '3');
        await changed('restart');
        const after = await a.publish('t', '4', '5');
        await changed('failover');
        const { confirmed } = after;
        await reports(a, 't', { ...after, origin: { epoch: 'gone', seq: 3 } });
        await reports(b, 't', { ...before, epoch: 'x', confirmed });
        await a.publish('t', 'new 2');
        const all = [kept, { ...before, epoch: 'x' }, after];
        const told = await Promise.all(all.map((from) => b.sees('t', from)));
        const lost = (reason: string) => [`<${reason} 2-5>`, 'new 2'];
        assert.deepEqual(told, [lost('lost'), lost('truncated'), lost('truncated')]);
      });

      test('two restarts: each epoch is found where it began', async () => {
        const kept = await a.publish('t', '1', '2');
        await world.lag();
        await changed('restart');
        const first = await reached();
        await a.publish('t', '3');
        const used = await reached();
        await changed('restart');
        const second = await reached();
        assert.deepEqual(second.origin, { epoch: first.epoch, seq: 3 });
        await changed('failover');
        await reports(b, 't', used);
        await reports(b, 't', second);
        assert.deepEqual(await b.sees('t', first), ['<lost 3-3>']);
        assert.deepEqual(await b.sees('t', second), ['<truncated 3-3>']);
        assert.deepEqual(await b.sees('t', kept), ['<lost 3-3>']);
      });

      test('one in which the restart lost more than the replica did', async () => {
        const two = await a.publish('t', '1', '2');
        const shorter = await world.lag();
        const four = await a.publish('t', '3', '4');
        const longer = await world.lag();
        await shorter();
        await a.back();
        await b.back();
        const idle = await reached();
        await a.publish('t', 'x 3');
        const after = await reached();
        await longer();
        await a.back();
        await b.back();
        await reports(b, 't', after);
        await a.publish('t', '5');
        assert.deepEqual(await b.sees('t', after), ['<truncated 3-3>', '3', '4', '5']);
        assert.deepEqual(await b.sees('t', idle), ['<lost 3-3>', '3', '4', '5']);
        assert.deepEqual(await b.sees('t', two), ['3', '4', '<lost 3-3>', '5']);
        assert.deepEqual(await b.sees('t', four), ['<lost 3-3>', '5']);
      });

      test('a log that goes on in the epoch before is told that it is behind', async () => {
        const kept = await a.publish('t', '1');
        await world.restart();
        await a.back();
        await b.back();
        const { head } = await a.resume('t');
        const origin = { epoch: head.epoch, seq: 1 };
        await reports(b, 't', { ...head, epoch: 'E1', seq: 3, origin });
        await a.publish('t', '2');
        assert.deepEqual(await b.sees('t', head), ['<lost 2-3>', '2']);
        assert.deepEqual(await b.sees('t', kept), ['<lost 2-3>', '2']);
      });
    });
  });
}

const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds;

async function passed(ms: number): Promise<void> {
  const end = Date.now() + ms;
  await until(() => Date.now() >= end, { for: 'time to pass', deadlineMs: ms + WAIT_MS });
}

/** Positions tell times apart by the second. */
async function nextSecond(): Promise<void> {
  await passed(1_000 - (Date.now() % 1_000));
}
