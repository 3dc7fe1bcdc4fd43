import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import type { Position } from '../../../protocol/position.ts';
import type { StreamSettings } from '../../settings/declaration.ts';
import { Gateway, type LogStore, type LogWorld, streamSettings, WAIT_MS } from './log-world.ts';

/** What a store must know of lives that are over, and of epochs that only pods remember. */
export function chainConformance(name: string, open: () => Promise<LogStore>): void {
  describe(`${name} remembers`, () => {
    let store: LogStore | undefined;
    let world: LogWorld;
    let a: Gateway;
    let b: Gateway;
    const { retentionS } = streamSettings();

    async function begin(overrides: Partial<StreamSettings> = {}): Promise<void> {
      store ??= await open();
      world = await store.world(streamSettings(overrides));
      a = await Gateway.start(world, 'pod-a');
      b = await Gateway.start(world, 'pod-b');
    }

    async function end(): Promise<void> {
      await a.log.stop();
      await b.log.stop();
      await world.close();
    }

    async function changed(how: 'restart' | 'failover'): Promise<void> {
      await world[how]();
      await a.back();
      await b.back();
    }

    async function reports(gateway: Gateway, topic: string, known: Position): Promise<void> {
      const { lineage } = await gateway.log.probe('report');
      await gateway.log.report(lineage, new Map([[topic, known]]), false);
    }

    beforeEach(() => begin());
    afterEach(() => end());
    after(() => store?.close());

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
        await end();
        await begin({ retentionS: 1 });
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
        assert.deepEqual(await b.sees('t', unborn), ['<lost 1-3>', '<lost 1-2>', 'new']);
        const inOlder = await b.sees('t', { ...older, seq: 1 });
        assert.deepEqual(inOlder, ['<truncated 1-1>', '<lost 2-3>', '<lost 1-2>', 'new']);
        const inNewer = await b.sees('t', { ...newer, seq: 1 });
        assert.deepEqual(inNewer, ['<truncated 1-1>', '<lost 2-2>', 'new']);
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
        await end();
        await begin({ retentionS: 1 });
        await world.lag();
        const lost = await a.publish('t', '1', '2');
        await changed('failover');
        await reports(a, 't', { ...lost, confirmed: ago(1) });
        await passed(3_500);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 1-2>']);
      });
    });

    describe('a loss behind a loss:', () => {
      /** What a subscriber sees that comes back after every single gap. */
      async function interrupted(from: Position): Promise<string[]> {
        const seen: string[] = [];
        for (let cursor = from, at = 0; at < 10; at += 1) {
          const { steps } = await b.resume('t', cursor);
          const [first] = steps;
          if (first?.kind !== 'gap') {
            return [...seen, ...(await b.sees('t', cursor))];
          }
          seen.push(`<${first.gap.reason} …${first.gap.to}>`);
          cursor = first.gap.position;
        }
        return seen;
      }

      test('who leaves between the truncated part and the lost one gets the rest', async () => {
        await a.publish('t', '1');
        await world.lag();
        const lost = await a.publish('t', '2', '3', '4');
        await changed('failover');
        await reports(a, 't', lost);
        await a.publish('t', 'new 2');
        const whole = await b.sees('t', { ...lost, seq: 2 });
        assert.deepEqual(whole, ['<truncated 2-2>', '<lost 3-4>', 'new 2']);
        const parts = await interrupted({ ...lost, seq: 2 });
        assert.deepEqual(parts, ['<truncated …2>', '<lost …4>', 'new 2']);
      });

      test('also where the lost part is of the epoch after', async () => {
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
        assert.deepEqual(await b.sees('t', first), ['<truncated 2-2>', '<lost 2-3>', 'new 2']);
        const parts = await interrupted(first);
        assert.deepEqual(parts, ['<truncated …2>', '<lost …3>', 'new 2']);
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
