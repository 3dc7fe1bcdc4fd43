import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import type { LogDraft } from '../log.ts';
import type { Outcome } from '../stream.ts';
import {
  draft,
  eachWithTwoGateways,
  Gateway,
  LIMIT,
  type LogStore,
  type LogWorld,
  positionOf,
  streamSettings,
  texts,
  WAIT_MS,
} from './log-world.ts';

/** The number that it got, or why it got none. */
function inWords(outcome: Outcome): number | string {
  if (outcome.outcome === 'ok') return outcome.duplicate ? 'duplicate' : outcome.position.seq;
  if (outcome.outcome === 'failed') return outcome.code;
  return outcome.tooLate ? 'too late' : 'unknown';
}

/** Every rule of the `Log` seam that both stores must keep. */
export function logConformance(name: string, open: () => Promise<LogStore>): void {
  describe(`${name} keeps the rules of a log:`, () => {
    let world: LogWorld;
    let a: Gateway;
    let b: Gateway;

    async function settled(): Promise<void> {
      for (const gateway of [a, b]) {
        const { lineage } = await gateway.log.probe('settle');
        await gateway.log.report(lineage, new Map(), true);
      }
    }

    async function restarted(how: 'restart' | 'failover' = 'restart'): Promise<void> {
      await world[how]();
      await a.back();
      await b.back();
    }

    const again = eachWithTwoGateways(open, (opened) => {
      ({ world, a, b } = opened);
    });

    describe('appending', () => {
      test('numbers are dense from 1, and a position names the second', async () => {
        const before = Math.floor(Date.now() / 1000);
        const outcomes = await a.log.append('t', [draft('1'), draft('2')], 0);
        const third = await b.publish('t', '3');
        const positions = [...outcomes.map(positionOf), third];
        assert.deepEqual(
          positions.map(({ seq }) => seq),
          [1, 2, 3],
        );
        assert.equal(new Set(positions.map(({ epoch }) => epoch)).size, 1);
        assert.ok(third.confirmed >= before - 1 && third.confirmed <= before + 30);
      });

      test('two batches of one turn keep their order', async () => {
        const all = await Promise.all(
          Array.from({ length: 50 }, (_, index) => a.publish('t', `${index}`)),
        );
        assert.deepEqual(
          all.map(({ seq }) => seq),
          Array.from({ length: 50 }, (_, at) => at + 1),
        );
        const { steps } = await b.resume('t', { latest: 100 });
        assert.deepEqual(
          texts(steps),
          Array.from({ length: 50 }, (_, at) => `${at}`),
        );
      });

      test('topics that look like keys, patterns or each other are apart', async () => {
        const topics = ['a', 'A', 'a}b', 'a{b', '{0}', ':log:a', '"', 'á', 'a\u0301', '日本'];
        for (const topic of topics) await a.publish(topic, `of ${topic}`);
        for (const topic of topics) {
          const { steps, head } = await b.resume(topic, { latest: 10 });
          assert.deepEqual([texts(steps), head.seq], [[`of ${topic}`], 1]);
        }
      });

      test('data of any bytes comes back as it was, with its encoding and id', async () => {
        const bytes = Buffer.from([0xc4, 4, 0, 10, 13, 255]);
        const binary: LogDraft = { identity: '', data: { encoding: 'msgpack', bytes } };
        await b.log.listen('t');
        await a.log.append('t', [binary, draft('x', { id: 'p', seq: 7 })], 0);
        await until(() => b.bell.heard.length === 2, { for: 'two copies', deadlineMs: WAIT_MS });
        const { steps } = await b.resume('t', { latest: 2 });
        const read = steps.flatMap((step) => (step.kind === 'entry' ? [step.entry] : []));
        for (const entries of [read, b.bell.heard.map(({ entry }) => entry)]) {
          assert.equal(entries[0]?.data.encoding, 'msgpack');
          assert.deepEqual(Buffer.from(entries[0]?.data.bytes ?? []), bytes);
          assert.equal(entries[0]?.id, undefined);
          assert.equal(entries[1]?.id, 'p:7');
          assert.ok((entries[0]?.at ?? 0) > 0);
        }
      });
    });

    describe('ids of producers', () => {
      const id = (seq: number) => ({ id: 'p', seq });

      test('the same id and payload is written once, at its first position', async () => {
        const [first] = await a.log.append('t', [draft('x', id(1))], 0);
        await a.publish('t', 'between');
        const [again] = await b.log.append('t', [draft('x', id(1))], 0);
        assert.deepEqual(again, { ...first, duplicate: true });
        assert.equal((await a.resume('t')).head.seq, 2);
      });

      test('also within one batch, where the others are numbered on', async () => {
        const batch = [draft('x', id(1)), draft('y'), draft('x', id(1)), draft('z', id(2))];
        const outcomes = await a.log.append('t', batch, 0);
        assert.deepEqual(
          outcomes.map((outcome) => positionOf(outcome).seq),
          [1, 2, 1, 3],
        );
        const { steps } = await b.resume('t', { latest: 10 });
        assert.deepEqual(texts(steps), ['x', 'y', 'z']);
      });

      test('another payload under the same id is a conflict and is not written', async () => {
        await a.log.append('t', [draft('x', id(1))], 0);
        const [outcome] = await b.log.append('t', [draft('other', id(1))], 0);
        assert.equal(outcome?.outcome === 'failed' && outcome.code, 'conflict');
        assert.equal((await a.resume('t')).head.seq, 1);
      });

      test('a lower id that was never seen is written, not taken for a duplicate', async () => {
        await a.log.append('t', [draft('later', id(9))], 0);
        const [outcome] = await a.log.append('t', [draft('earlier', id(3))], 0);
        assert.equal(outcome?.outcome === 'ok' && outcome.duplicate, false);
        assert.equal(positionOf(outcome).seq, 2);
      });

      test('ids are kept per identity, producer and topic', async () => {
        await a.log.append('t', [draft('x', id(1))], 0);
        const other = { ...draft('x', id(1)), identity: 'somebody else' };
        const batch = [other, draft('x', { id: 'q', seq: 1 })];
        const outcomes = await a.log.append('t', batch, 0);
        assert.deepEqual(
          outcomes.map((outcome) => positionOf(outcome).seq),
          [2, 3],
        );
        assert.equal(positionOf((await a.log.append('u', [draft('x', id(1))], 0))[0]).seq, 1);
      });

      test('over the limit of a window only new ids are refused', async () => {
        await again({ idempotencyEntries: 3 });
        await a.log.append('t', [draft('1', id(1)), draft('2', id(2))], 0);
        const batch = [draft('3', id(3)), draft('2', id(2)), draft('plain')];
        const [third, second, plain] = await a.log.append('t', batch, 0);
        assert.equal(third?.outcome === 'failed' && third.code, 'overloaded');
        assert.equal(second?.outcome === 'ok' && second.duplicate, true);
        assert.equal(positionOf(plain).seq, 3);
      });

      test('a retry of what was not written is refused where a later one was written', async () => {
        const retry = (seq: number) => ({ ...draft(`${seq}`, id(seq)), retry: true });
        const other = { ...draft('other', { id: 'q', seq: 1 }), retry: true };
        const codes = async (...batch: LogDraft[]) =>
          (await a.log.append('t', batch, 0)).map((outcome) =>
            outcome.outcome === 'failed' ? outcome.code : outcome.outcome,
          );
        assert.deepEqual(await codes(retry(1)), ['ok']);
        assert.deepEqual(await codes(draft('4', id(4)), draft('3', id(3))), ['ok', 'ok']);
        const late = ['ok', 'out_of_order', 'ok', 'ok', 'ok', 'ok'];
        assert.deepEqual(await codes(...[1, 2, 3, 4, 5].map(retry), other), late);
        assert.deepEqual(await codes(retry(2), draft('2', id(2)), retry(2)), [
          'out_of_order',
          'ok',
          'ok',
        ]);
        assert.deepEqual(texts((await a.resume('t', { latest: 9 })).steps), [
          ...['1', '4', '3', '5', 'other', '2'],
        ]);
      });

      test('what may have been written and forgotten is not written any more', async () => {
        await again({ idempotencyWindowS: 100 });
        const old = (ageMs: number, seq: number, text = `${seq}`) => {
          return { ...draft(text, id(seq)), sentAfter: a.log.now() - ageMs };
        };
        const seen = async (...batch: LogDraft[]) =>
          (await a.log.append('t', batch, 0)).map(inWords);
        assert.deepEqual(await seen(old(98_000, 1), old(102_000, 2), draft('3', id(3))), [
          ...[1, 'too late', 2],
        ]);
        const retry = { ...old(102_000, 2), retry: true };
        assert.deepEqual(await seen(old(102_000, 1), old(102_000, 1, 'x'), retry), [
          ...['duplicate', 'conflict', 'too late'],
        ]);
        assert.deepEqual(await seen(old(0, 2)), [3], 'it was not noted as written');
      });

      test('the clock is known, and is not ahead', async () => {
        const before = Date.now();
        const known = a.log.now();
        // Memory's is ours; Redis' is of this machine too.
        assert.ok(known <= Date.now() + 1 && known > before - 2_000, `${known - before} ms`);
        await a.publish('t', '1');
        const [step] = (await a.resume('t', { latest: 1 })).steps;
        const at = step?.kind === 'entry' ? step.entry.at : assert.fail('no entry');
        const behind = Date.now() - a.log.now();
        assert.ok(behind >= -1 && behind < 2_000, `${behind} ms behind`);
        assert.ok(a.log.now() >= at - 1, 'not behind what it answered');
        await a.probe();
        assert.ok(a.log.now() >= at - 1, 'and a probe, which knows seconds, takes nothing away');
      });

      test('what a failover lost of later ones does not refuse a retry', async () => {
        const retry = (seq: number) => ({ ...draft(`${seq}`, id(seq)), retry: true });
        await a.log.append('t', [draft('1', id(1))], 0);
        await world.lag();
        await a.log.append('t', [draft('2', id(2)), draft('3', id(3))], 0);
        await restarted('failover');
        const outcomes = await a.log.append('t', [retry(2), retry(3)], 0);
        assert.deepEqual(
          outcomes.map((outcome) => positionOf(outcome).seq),
          [2, 3],
        );
      });

      test('an id is remembered for a whole window at least', async () => {
        await again({ idempotencyWindowS: 1 });
        // The worst moment is just before a window ends; the second half of one is bad enough.
        await until(() => Date.now() % 1000 > 700, { for: 'a late moment', deadlineMs: WAIT_MS });
        const [first] = await a.log.append('t', [draft('x', id(1))], 0);
        const window = Math.floor(Date.now() / 1000);
        await until(() => Math.floor(Date.now() / 1000) > window, {
          for: 'the next window',
          deadlineMs: WAIT_MS,
        });
        const [again_] = await a.log.append('t', [draft('x', id(1))], 0);
        assert.deepEqual(positionOf(again_), positionOf(first));
      });
    });

    describe('the live copy', () => {
      test('reaches who listens, in order, and nobody else', async () => {
        await b.log.listen('t');
        await a.publish('t', '1', '2');
        await a.publish('other', 'no');
        await a.publish('t', '3');
        await until(() => b.bell.heard.length >= 3, { for: 'the copies', deadlineMs: WAIT_MS });
        assert.deepEqual(
          b.bell.heard.map(({ topic, entry }) => [topic, entry.seq]),
          [
            ['t', 1],
            ['t', 2],
            ['t', 3],
          ],
        );
        assert.equal(a.bell.heard.length, 0);
      });

      test('ends with unlisten, and can begin again at once', async () => {
        await b.log.listen('t');
        b.log.unlisten('t');
        await b.log.listen('t');
        await a.publish('t', '1');
        await until(() => b.bell.heard.length === 1, { for: 'the copy', deadlineMs: WAIT_MS });
        b.log.unlisten('t');
        await b.log.listen('u');
        await a.publish('t', '2');
        await a.publish('u', '3');
        await until(() => b.bell.heard.length > 1, { for: 'the other', deadlineMs: WAIT_MS });
        assert.deepEqual(
          b.bell.heard.map(({ topic }) => topic),
          ['t', 'u'],
        );
      });

      test('more than inlineBytes is announced, exactly so much is copied', async () => {
        const blob = draft('123456789');
        const bytes = blob.data.bytes.length;
        await again({ inlineBytes: 2 * (bytes + 2) });
        await b.log.listen('t');
        const two = await a.log.append('t', [blob, blob], 0);
        const three = await a.log.append('t', [blob, blob, blob], 0);
        await until(() => b.bell.ranges.length > 0, { for: 'the range', deadlineMs: WAIT_MS });
        const { epoch } = positionOf(two[0]);
        assert.equal(b.bell.heard.length, 2);
        assert.deepEqual(b.bell.ranges, [{ topic: 't', epoch, from: 3, to: 5 }]);
        assert.equal(positionOf(three[2]).seq, 5);
      });

      test('with inlineBytes 0 everything is announced', async () => {
        await again({ inlineBytes: 0 });
        await b.log.listen('t');
        await a.publish('t', '1');
        await until(() => b.bell.ranges.length > 0, { for: 'the range', deadlineMs: WAIT_MS });
        assert.deepEqual(
          b.bell.ranges.map(({ from, to }) => [from, to]),
          [[1, 1]],
        );
        assert.equal(b.bell.heard.length, 0);
      });

      test('a duplicate is not copied again', async () => {
        await b.log.listen('t');
        const once = draft('x', { id: 'p', seq: 1 });
        await a.log.append('t', [once], 0);
        await a.log.append('t', [once], 0);
        await a.publish('t', 'end');
        await until(() => b.bell.heard.length >= 2, { for: 'the copies', deadlineMs: WAIT_MS });
        assert.deepEqual(
          b.bell.heard.map(({ entry }) => entry.seq),
          [1, 2],
        );
      });

      test('is in force again, for every topic, when the bell is up after a restart', async () => {
        await b.log.listen('t');
        await b.log.listen('u');
        await restarted();
        assert.deepEqual(b.bell.line, ['up', 'down', 'up']);
        await a.publish('t', '1');
        await a.publish('u', '2');
        await until(() => b.bell.heard.length === 2, { for: 'the copies', deadlineMs: WAIT_MS });
      });
    });

    describe('resuming', () => {
      test('an unborn topic is at seq 0 of an epoch of the world', async () => {
        const one = await a.resume('t');
        const other = await b.resume('u', one.head);
        assert.equal(one.head.seq, 0);
        assert.equal(one.head.epoch, other.head.epoch);
        assert.deepEqual([one.steps, other.steps], [[], []]);
        const born = await a.publish('t', '1');
        assert.notEqual(born.epoch, one.head.epoch);
      });

      test('from before the birth everything follows', async () => {
        const { head } = await a.resume('t');
        await a.publish('t', '1', '2');
        const { steps, cursor, unsettledMs } = await b.resume('t', head);
        assert.deepEqual(texts(steps), ['1', '2']);
        assert.equal(cursor.seq, 2);
        assert.equal(unsettledMs, 0);
      });

      test('the head alone, what follows a cursor, and nothing at the head', async () => {
        const first = await a.publish('t', '1');
        const last = await a.publish('t', '2', '3');
        assert.deepEqual((await b.resume('t')).head.seq, 3);
        assert.deepEqual((await b.resume('t')).steps, []);
        assert.deepEqual(await b.sees('t', first), ['2', '3']);
        const level = await b.resume('t', last);
        assert.deepEqual(level.steps, []);
        assert.ok(level.cursor.confirmed >= last.confirmed);
      });

      test('pages by entries join to the whole', async () => {
        const { head } = await a.resume('t');
        await a.publish('t', ...Array.from({ length: 25 }, (_, at) => `${at}`));
        const seen: string[] = [];
        let cursor = head;
        for (let pages = 1; ; pages += 1) {
          const page = await b.resume('t', cursor, { maxEntries: 10, maxBytes: 1_000_000 });
          seen.push(...texts(page.steps));
          assert.ok(page.steps.length <= 10);
          cursor = page.cursor;
          if (cursor.epoch === page.head.epoch && cursor.seq === page.head.seq) {
            assert.equal(pages, 3);
            break;
          }
        }
        assert.deepEqual(
          seen,
          Array.from({ length: 25 }, (_, at) => `${at}`),
        );
      });

      test('a page holds at most so many bytes, and at least one entry', async () => {
        const { head } = await a.resume('t');
        const large = 'x'.repeat(3_000);
        for (let at = 0; at < 12; at += 1) await a.publish('t', large);
        const page = await b.resume('t', head, { maxEntries: 100, maxBytes: 10_000 });
        assert.equal(page.steps.length, 3);
        const one = await b.resume('t', page.cursor, { maxEntries: 100, maxBytes: 10 });
        assert.equal(one.steps.length, 1);
        assert.equal(one.cursor.seq, 4);
      });

      test('the latest entries come oldest first, within both limits', async () => {
        await a.publish('t', ...Array.from({ length: 80 }, (_, at) => `${at}`));
        const fifty = await b.resume('t', { latest: 50 });
        assert.deepEqual(
          texts(fifty.steps),
          Array.from({ length: 50 }, (_, at) => `${at + 30}`),
        );
        assert.equal(fifty.cursor.seq, 80);
        const few = await b.resume('t', { latest: 50 }, { maxEntries: 3, maxBytes: 1_000_000 });
        assert.deepEqual(texts(few.steps), ['77', '78', '79']);
        const small = await b.resume('t', { latest: 50 }, { maxEntries: 50, maxBytes: 1 });
        assert.deepEqual(texts(small.steps), ['79']);
        assert.deepEqual((await b.resume('unborn', { latest: 5 })).steps, []);
      });

      test('an epoch that was never heard of is a gap to the head', async () => {
        await a.publish('t', '1');
        const { steps, cursor } = await b.resume('t', { epoch: 'stranger', seq: 1, confirmed: 1 });
        assert.deepEqual(texts(steps), ['<epoch_unknown>']);
        assert.equal(cursor.seq, 1);
      });

      test('a position ahead of its own epoch is truncated to the head', async () => {
        const head = await a.publish('t', '1', '2');
        const ahead = { ...head, seq: 9_000_000_000_000_000 };
        assert.deepEqual(await b.sees('t', ahead), ['<truncated 3-9000000000000000>']);
      });
    });

    describe('trimming', () => {
      const more = (count: number) => Array.from({ length: count }, (_, at) => `${at + 1}`);

      test('by count: at least so many stay, and what is gone is an exact gap', async () => {
        await again({ retentionEntries: 200 });
        const { head } = await a.resume('t');
        for (let at = 0; at < 10; at += 1) await a.publish('t', ...more(100));
        const { steps } = await b.resume('t', head);
        const kept = steps.filter(({ kind }) => kind === 'entry').length;
        assert.ok(kept >= 200 && kept < 500, `${kept} kept`);
        assert.equal(texts(steps)[0], `<trimmed 1-${1000 - kept}>`);
        assert.equal(steps.length, kept + 1);
      });

      test('the edge: n-1 gets a gap of one, n and n+1 get none', async () => {
        await again({ retentionEntries: 200 });
        const { epoch } = await a.publish('t', '1');
        for (let at = 0; at < 10; at += 1) await a.publish('t', ...more(100));
        const first = (await b.resume('t', { epoch, seq: 1, confirmed: 1 })).steps[0];
        assert.ok(first?.kind === 'gap' && first.gap.to !== undefined);
        const { to, position } = first.gap;
        assert.deepEqual([position.epoch, position.seq], [epoch, to]);
        const at = async (seq: number) => (await b.sees('t', { epoch, seq, confirmed: 1 }))[0];
        assert.equal(await at(to - 1), `<trimmed ${to}-${to}>`);
        assert.doesNotMatch((await at(to)) ?? '', /</);
        assert.doesNotMatch((await at(to + 1)) ?? '', /</);
      });

      test('a deleted log is a gap for who was behind, none for who was level', async () => {
        const first = await a.publish('t', '1');
        const last = await a.publish('t', '2', '3');
        await world.removeLog('t');
        assert.deepEqual(await b.sees('t', first), ['<trimmed 2-3>']);
        assert.deepEqual(await b.sees('t', last), []);
        await a.publish('t', '4');
        assert.deepEqual(await b.sees('t', last), ['4']);
      });
    });

    describe('a change of lineage', () => {
      test('without loss: no gap, the numbers go on in a new epoch', async () => {
        const first = await a.publish('t', '1');
        const last = await a.publish('t', '2');
        await restarted();
        const third = await a.publish('t', '3');
        assert.equal(third.seq, 3);
        assert.notEqual(third.epoch, last.epoch);
        assert.deepEqual(await b.sees('t', first), ['2', '3']);
        assert.deepEqual(await b.sees('t', last), ['3']);
        assert.deepEqual(await b.sees('t', third), []);
      });

      test('without loss: who is level is told the new epoch, with the same number', async () => {
        const last = await a.publish('t', '1', '2');
        await restarted();
        const { steps, head, cursor } = await b.resume('t', last);
        assert.deepEqual(steps, []);
        assert.equal(head.seq, 2);
        assert.notEqual(head.epoch, last.epoch);
        assert.deepEqual(cursor, head);
      });

      test('with loss: who saw more gets the gap, whoever saw less gets the rest', async () => {
        const { head: before } = await a.resume('t');
        const kept = await a.publish('t', '1', '2', '3');
        await world.lag();
        const lost = await a.publish('t', '4', '5');
        await restarted('failover');
        const next = await a.publish('t', 'new 4');
        assert.equal(next.seq, 4);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 4-5>', 'new 4']);
        assert.deepEqual(await b.sees('t', kept), ['new 4']);
        assert.deepEqual(await b.sees('t', before), ['1', '2', '3', 'new 4']);
      });

      test('what a pod knew is reported: everybody who should have had it gets a gap', async () => {
        const kept = await a.publish('t', '1', '2', '3');
        await world.lag();
        const lost = await a.publish('t', '4', '5', '6');
        await restarted('failover');
        const { lineage } = await a.log.probe('p');
        await a.publish('t', 'new 4');
        await a.log.report(lineage, new Map([['t', lost]]), true);
        await b.log.report(lineage, new Map([['t', { ...lost, seq: 5 }]]), true);
        assert.deepEqual(await b.sees('t', { ...kept, seq: 1 }), ['2', '3', '<lost 4-6>', 'new 4']);
        assert.deepEqual(await b.sees('t', kept), ['<lost 4-6>', 'new 4']);
        assert.deepEqual(await b.sees('t', { ...lost, seq: 5 }), ['<truncated 4-6>', 'new 4']);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 4-6>', 'new 4']);
      });

      test('a gap of a change that ends a page can be continued from', async () => {
        const kept = await a.publish('t', '1');
        await world.lag();
        const lost = await a.publish('t', '2', '3');
        await restarted('failover');
        const { lineage } = await a.log.probe('p');
        await a.log.report(lineage, new Map([['t', lost]]), true);
        await a.publish('t', 'new 2');
        const [truncated] = (await b.resume('t', { ...lost, seq: 2 })).steps;
        assert.ok(truncated?.kind === 'gap' && truncated.gap.to === 3);
        assert.deepEqual(await b.sees('t', truncated.gap.position), ['new 2']);
        assert.deepEqual(await b.sees('t', kept), ['<lost 2-3>', 'new 2']);
      });

      test('an epoch that was lost as a whole is known by a report', async () => {
        const { head: unborn } = await a.resume('t');
        await world.lag();
        const lost = await a.publish('t', '1', '2');
        await restarted('failover');
        const { lineage } = await b.log.probe('p');
        await b.log.report(lineage, new Map([['t', lost]]), true);
        assert.deepEqual(await b.sees('t', { ...lost, seq: 1 }), ['<truncated 1-2>']);
        const reborn = await a.publish('t', 'new 1');
        assert.equal(reborn.seq, 1);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 1-2>', 'new 1']);
        assert.deepEqual(await b.sees('t', unborn), ['<lost 1-2>', 'new 1']);
        assert.deepEqual(await b.sees('t', reborn), []);
      });

      test('a lost birth that is reported after the topic was born again is told too', async () => {
        const { head: unborn } = await a.resume('t');
        await world.lag();
        const lost = await a.publish('t', '1', '2');
        await restarted('failover');
        await a.publish('t', 'new 1');
        const { lineage } = await b.log.probe('p');
        await b.log.report(lineage, new Map([['t', lost]]), true);
        assert.deepEqual(await b.sees('t', unborn), ['<lost 1-2>', 'new 1']);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 1-2>', 'new 1']);
      });

      test('several changes in a row: each cursor gets what it missed, in order', async () => {
        const one = await a.publish('t', '1');
        await restarted();
        const two = await a.publish('t', '2');
        await settled();
        await world.lag();
        const lost = await a.publish('t', '3');
        await restarted('failover');
        const { lineage } = await a.log.probe('p');
        await a.log.report(lineage, new Map([['t', lost]]), true);
        await settled();
        await a.publish('t', 'new 3');
        await restarted();
        await a.publish('t', '4');
        assert.deepEqual(await b.sees('t', one), ['2', '<lost 3-3>', 'new 3', '4']);
        assert.deepEqual(await b.sees('t', two), ['<lost 3-3>', 'new 3', '4']);
        assert.deepEqual(await b.sees('t', lost), ['<truncated 3-3>', 'new 3', '4']);
      });

      test('of an unborn topic: once nobody reported a birth, nothing was missed', async () => {
        const { head } = await a.resume('t');
        await restarted();
        assert.ok((await b.resume('t', head)).unsettledMs > 0);
        await settled();
        const { steps, head: now, unsettledMs } = await b.resume('t', head);
        assert.deepEqual([texts(steps), now.epoch, unsettledMs], [[], head.epoch, 0]);
        assert.ok(now.confirmed > head.confirmed);
        await a.publish('t', '1');
        for (const from of [head, now]) assert.deepEqual(await b.sees('t', from), ['1']);
      });
    });

    describe('settling', () => {
      test('a cursor across the change waits until every member has reported', async () => {
        const kept = await a.publish('t', '1');
        await restarted();
        const { lineage } = await a.log.probe('p');
        const waiting = await b.resume('t', kept);
        assert.ok(waiting.unsettledMs > 0 && waiting.unsettledMs <= 20_000);
        await a.log.report(lineage, new Map(), false);
        await a.log.report(lineage, new Map(), true);
        assert.ok((await b.resume('t', kept)).unsettledMs > 0);
        await b.log.report(lineage, new Map(), true);
        assert.equal((await b.resume('t', kept)).unsettledMs, 0);
      });

      test('who does not cross the change does not wait', async () => {
        await a.publish('t', '1');
        await restarted();
        const { unsettledMs, head } = await b.resume('t');
        assert.equal(unsettledMs, 0);
        assert.equal((await b.resume('t', head)).unsettledMs, 0);
        const unborn = (await b.resume('u')).head;
        await a.publish('u', '1');
        assert.equal((await b.resume('u', unborn)).unsettledMs, 0);
      });

      test('nobody waits for a pod that said goodbye', async () => {
        const kept = await a.publish('t', '1');
        const c = await Gateway.start(world, 'pod-c');
        await c.log.stop();
        await restarted();
        await settled();
        assert.equal((await b.resume('t', kept)).unsettledMs, 0);
      });

      test('after settleMs it is final, and later reports change nothing', async () => {
        await again({ settleMs: 300 });
        const kept = await a.publish('t', '1');
        await world.lag();
        const lost = await a.publish('t', '2');
        await restarted('failover');
        const { lineage } = await a.log.probe('p');
        await until(async () => (await b.resume('t', kept)).unsettledMs === 0, {
          for: 'the change to settle',
          deadlineMs: WAIT_MS,
        });
        await a.log.report(lineage, new Map([['t', lost]]), true);
        assert.deepEqual(await b.sees('t', kept), []);
      });

      test('a report for an older lineage is taken, but the pod is still waited for', async () => {
        const kept = await a.publish('t', '1');
        const { lineage } = await a.log.probe('p');
        await restarted();
        for (const gateway of [a, b]) await gateway.log.report(lineage, new Map(), true);
        assert.ok((await b.resume('t', kept)).unsettledMs > 0);
      });
    });

    describe('what was forgotten', () => {
      const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds;

      test('an absent topic and a position older than twice the retention: expired', async () => {
        const retentionS = streamSettings().retentionS;
        const { head } = await a.resume('t');
        const old = (seconds: number) => ({ ...head, confirmed: ago(seconds) });
        assert.deepEqual(await a.sees('t', old(2 * retentionS + 2)), ['<expired>']);
        const steps = await a.sees('t', { epoch: 'E1', seq: 7, confirmed: ago(99_999) });
        assert.deepEqual(steps, ['<expired>']);
      });

      test('after everything was deleted every old position gets a gap', async () => {
        const { head: unborn } = await a.resume('u');
        const last = await a.publish('t', '1', '2');
        await world.flush();
        assert.deepEqual(await b.sees('t', last), ['<epoch_unknown>']);
        assert.deepEqual(await b.sees('u', unborn), ['<epoch_unknown>']);
        const reborn = await a.publish('t', 'new');
        assert.equal(reborn.seq, 1);
        assert.notEqual(reborn.epoch, last.epoch);
        assert.deepEqual(await b.sees('t', last), ['<epoch_unknown>']);
      });

      test('a deletion of everything is another lineage, and reports make it exact', async () => {
        const last = await a.publish('t', '1', '2');
        const before = await a.log.probe('p');
        await world.flush();
        const { lineage } = await a.log.probe('q');
        assert.notEqual(lineage, before.lineage);
        await a.log.report(lineage, new Map([['t', last]]), true);
        assert.ok((await b.resume('t', last)).unsettledMs > 0);
        assert.deepEqual(await b.sees('t', { ...last, seq: 1 }), ['<truncated 1-2>']);
      });

      test('a report of what retention has forgotten creates nothing', async () => {
        await restarted();
        const { lineage } = await a.log.probe('p');
        const forgotten = { epoch: 'E1', seq: 3, confirmed: ago(99_999) };
        await a.log.report(lineage, new Map([['t', forgotten]]), true);
        assert.equal((await a.resume('t')).head.epoch.startsWith('w-'), true);
      });
    });

    describe('probes', () => {
      test('come back to the pod that sent them, and only to it', async () => {
        await a.log.probe('mine');
        await until(() => a.bell.tokens.includes('mine'), { for: 'it', deadlineMs: WAIT_MS });
        assert.equal(b.bell.tokens.includes('mine'), false);
      });

      test('name the lineage, the same for all, and the store’s second', async () => {
        const [one, other] = [await a.log.probe('1'), await b.log.probe('2')];
        assert.equal(one.lineage, other.lineage);
        assert.equal((await a.resume('t')).lineage, one.lineage);
        await a.publish('t', '1');
        assert.equal((await a.resume('t')).lineage, one.lineage);
        assert.ok(Math.abs(one.second - Date.now() / 1000) < 30);
        await restarted();
        assert.notEqual((await a.log.probe('3')).lineage, one.lineage);
      });
    });

    test('nothing works before start or after stop, and nothing hangs', async () => {
      const c = await Gateway.start(world, 'pod-c');
      await c.log.stop();
      await assert.rejects(c.log.append('t', [draft('x')], 0), { name: 'StoreDown' });
      await assert.rejects(c.log.resume('t', { from: undefined, ...LIMIT }), { name: 'StoreDown' });
      await assert.rejects(c.log.listen('t'), { name: 'StoreDown' });
    });
  });
}
