import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { turn } from '../../protocol/testing/manual-clock.ts';
import type { StreamSettings } from '../settings/declaration.ts';
import { StoreDown, StoreUnknown } from './log.ts';
import type { Draft, Outcome } from './stream.ts';
import { at, next, Stage } from './testing/scripted-log.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function draft(text: string, more: Partial<Draft> = {}): Draft {
  const data = { encoding: 'json', bytes: encoder.encode(text) } as const;
  return { topic: 't', data, identity: '', ack: 'leader', ...more };
}

const numbered = (text: string, seq: number) => draft(text, { producer: { id: 'p', seq } });
const ok = (seq: number): Outcome => ({
  outcome: 'ok',
  position: at('e', seq),
  duplicate: false,
});
const UNKNOWN: Outcome = { outcome: 'unknown', code: 'unknown_outcome', message: 'lost' };
const refused = (code: 'store_full' | 'conflict' | 'out_of_order'): Outcome => ({
  outcome: 'failed',
  code,
  message: '',
});

async function staged(overrides: Partial<StreamSettings> = {}, replicas = 1) {
  const stage = await new Stage(overrides, replicas).start();
  return {
    stage,
    /** What the oldest append carries, as text; answer it with the call. */
    taken: () => {
      const call = next(stage.log.appends);
      const text = call.request.map(({ data }) => decoder.decode(data.bytes)).join();
      return Object.assign(call, { text });
    },
    publish: (...drafts: Draft[]) => {
      const outcomes = Promise.all(drafts.map((each) => stage.stream.publish(each)));
      return { outcomes, sent: turn() };
    },
  };
}

const codes = (outcomes: readonly Outcome[]) =>
  outcomes.map((each) => (each.outcome === 'failed' ? each.code : each.outcome));

describe('A publish', () => {
  test('leaves with all others of its topic and turn, and topics leave together', async () => {
    const { stage, taken, publish } = await staged();
    const { outcomes, sent } = publish(draft('1'), draft('x', { topic: 'u' }), draft('2'));
    assert.equal(stage.log.appends.length, 0, 'inside the call');
    await sent;
    assert.deepEqual([stage.log.appends.length, stage.log.appends[1]?.topic], [2, 'u']);
    const call = taken();
    assert.equal(call.text, '1,2');
    await call.answer([ok(1), ok(2)]);
    await taken().answer([ok(1)]);
    assert.deepEqual(codes(await outcomes), ['ok', 'ok', 'ok']);
  });

  test('waits while one of its topic is under way, then all leave together', async () => {
    const { stage, taken, publish } = await staged();
    await publish(draft('1')).sent;
    await publish(draft('2')).sent;
    await publish(draft('3')).sent;
    assert.equal(stage.log.appends.length, 1);
    await taken().answer([ok(1)]);
    assert.equal(taken().text, '2,3');
  });

  test('leaves apart from neighbours of another ack level', async () => {
    const { taken, publish } = await staged();
    await publish(draft('1'), draft('2', { ack: 'replicas' }), draft('3')).sent;
    const first = taken();
    assert.equal(first.text, '1');
    await first.answer([ok(1)]);
    assert.equal(taken().text, '2');
  });

  test('of level replicas is refused, and not written, where there are none', async () => {
    const { taken, publish } = await staged({}, 0);
    const { outcomes, sent } = publish(draft('1', { ack: 'replicas' }), draft('2'));
    await sent;
    const call = taken();
    assert.equal(call.text, '2');
    await call.answer([ok(1)]);
    const [refusal, written] = await outcomes;
    assert(refusal?.outcome === 'failed' && refusal.code === 'not_supported');
    assert.match(refusal.message, /redis\.replicas/);
    assert.equal(written?.outcome, 'ok');
  });

  test('whose outcome is unknown is tried again, and those behind it wait', async () => {
    const { stage, taken, publish } = await staged();
    const first = publish(numbered('1', 1), draft('2'), numbered('3', 3));
    await first.sent;
    const second = publish(numbered('4', 4));
    await second.sent;
    await taken().fail(new StoreUnknown('cut'));
    assert.equal(stage.log.appends.length, 0, 'not before the retry');
    await stage.clock.advance(50);
    const retry = taken();
    assert.equal(retry.text, '1,3,4');
    await retry.answer([{ ...ok(1), duplicate: true } as Outcome, ok(2), ok(3)]);
    assert.deepEqual(codes(await first.outcomes), ['ok', 'unknown', 'ok']);
    assert.deepEqual(codes(await second.outcomes), ['ok']);
  });

  test('that certainly did not run is tried again even without a number', async () => {
    const { stage, taken, publish } = await staged();
    const { outcomes, sent } = publish(draft('1'), draft('2'));
    await sent;
    await taken().fail(new StoreDown('no script'));
    await stage.clock.advance(50);
    const retry = taken();
    assert.equal(retry.text, '1,2');
    await retry.answer([ok(1), ok(2)]);
    assert.deepEqual(codes(await outcomes), ['ok', 'ok']);
  });

  test('of one topic stops while those of others go on', async () => {
    const { stage, taken, publish } = await staged();
    await publish(draft('a1'), draft('b1', { topic: 'u' })).sent;
    await taken().fail(new StoreDown('no script'));
    await taken().answer([ok(1)]);
    await publish(draft('a2'), draft('b2', { topic: 'u' })).sent;
    assert.equal(taken().text, 'b2');
    await stage.clock.advance(50);
    assert.equal(taken().text, 'a1,a2');
  });

  test('is failed at its deadline if never written, unknown if it may have been', async () => {
    const { stage, taken, publish } = await staged({ publishTimeoutMs: 500 });
    const { outcomes, sent } = publish(numbered('1', 1));
    await sent;
    await taken().fail(new StoreUnknown('cut'));
    const behind = publish(draft('2'));
    for (let ms = 0; ms < 600; ms += 10) {
      await stage.clock.advance(10);
      if (stage.log.appends.length > 0) await taken().fail(new StoreDown('refused'));
    }
    assert.deepEqual(codes(await outcomes), ['unknown']);
    assert.deepEqual(codes(await behind.outcomes), ['store_unavailable']);
  });

  test('is answered at its deadline without the log; the next one keeps waiting', async () => {
    const { stage, taken, publish } = await staged({ publishTimeoutMs: 500 });
    const { outcomes, sent } = publish(draft('1'));
    await sent;
    const call = taken();
    await stage.clock.advance(600);
    assert.deepEqual(codes(await outcomes), ['unknown']);
    await publish(draft('2')).sent;
    assert.equal(stage.log.appends.length, 0);
    await call.answer([ok(1)]);
    assert.equal(taken().text, '2');
  });

  test('past its deadline is not sent any more: failed, not unknown', async () => {
    const { stage, taken, publish } = await staged({ publishTimeoutMs: 500 });
    await publish(draft('1')).sent;
    const call = taken();
    await stage.clock.advance(1);
    const behind = publish(draft('2'));
    await behind.sent;
    // Deadlines are looked at every 25 ms: nobody has seen yet that this one is over.
    await stage.clock.advance(509);
    await call.answer([ok(1)]);
    assert.equal(stage.log.appends.length, 0);
    assert.deepEqual(codes(await behind.outcomes), ['store_unavailable']);
  });

  test('is not tried again after the time for which the log surely remembers it', async () => {
    const { stage, taken, publish } = await staged({ idempotencyWindowS: 1 });
    const { outcomes, sent } = publish(numbered('1', 1));
    await sent;
    const call = taken();
    await stage.clock.advance(1_100);
    await call.answer([UNKNOWN]);
    assert.deepEqual(codes(await outcomes), ['unknown']);
  });

  test('that came too late is unknown at once, and those behind it leave', async () => {
    const { stage, taken, publish } = await staged();
    const TOO_LATE: Outcome = { ...UNKNOWN, tooLate: true };
    const { outcomes, sent } = publish(numbered('1', 1), numbered('2', 2));
    await sent;
    const behind = publish(numbered('3', 3));
    await taken().answer([TOO_LATE, ok(1)]);
    assert.deepEqual(codes(await outcomes), ['unknown', 'ok']);
    assert.equal(taken().text, '3', 'it is not tried again');
    assert.equal(stage.tooLate, 1);
    await behind.sent;
  });

  test('is a retry from its second try on, and unknown when the log refuses that', async () => {
    const { stage, taken, publish } = await staged();
    const { outcomes, sent } = publish(numbered('1', 1), { ...numbered('2', 2), retry: true });
    await sent;
    const retries = ({ request }: ReturnType<typeof taken>) => request.map(({ retry }) => retry);
    const first = taken();
    assert.deepEqual(retries(first), [undefined, true]);
    await first.fail(new StoreUnknown('cut'));
    await stage.clock.advance(40);
    const second = taken();
    assert.deepEqual(retries(second), [true, true]);
    await second.answer([refused('out_of_order'), ok(2)]);
    assert.deepEqual(codes(await outcomes), ['unknown', 'ok']);
    const refusedAtOnce = publish({ ...numbered('3', 3), retry: true });
    await refusedAtOnce.sent;
    await taken().answer([refused('out_of_order')]);
    assert.deepEqual(codes(await refusedAtOnce.outcomes), ['out_of_order']);
  });

  test('refused after a doubtful try is not failed, except for a conflict', async () => {
    for (const code of ['store_full', 'conflict'] as const) {
      const { stage, taken, publish } = await staged({ publishTimeoutMs: 500 });
      const { outcomes, sent } = publish(numbered('1', 1));
      await sent;
      await taken().answer([UNKNOWN]);
      await stage.clock.advance(40);
      await taken().answer([refused(code)]);
      await stage.clock.advance(600);
      assert.deepEqual(codes(await outcomes), [code === 'conflict' ? 'conflict' : 'unknown']);
    }
  });

  test('is refused when the queue is full, and accepted again when it is not', async () => {
    const { taken, publish } = await staged({ publishQueueBytes: 1_000 });
    const first = publish(draft('1'.repeat(300)), draft('2'.repeat(300)));
    await first.sent;
    await taken().answer([ok(1)]);
    assert.deepEqual(codes(await first.outcomes), ['ok', 'overloaded']);
    const second = publish(draft('3'.repeat(300)));
    await second.sent;
    await taken().answer([ok(2)]);
    assert.deepEqual(codes(await second.outcomes), ['ok']);
  });

  test('under way is waited for by stop; what is left at the deadline is answered', async () => {
    const { stage, taken, publish } = await staged();
    const first = publish(draft('1'), draft('u', { topic: 'u' }));
    await first.sent;
    const waiting = publish(draft('2', { topic: 'u' }));
    const stopping = stage.stream.stop(200);
    await turn();
    const late = publish(draft('3'));
    assert.deepEqual(codes(await late.outcomes), ['store_unavailable']);
    await taken().answer([ok(1)]);
    await stage.clock.advance(200);
    await stopping;
    assert.deepEqual(codes(await first.outcomes), ['ok', 'unknown']);
    assert.deepEqual(codes(await waiting.outcomes), ['store_unavailable']);
  });
});
