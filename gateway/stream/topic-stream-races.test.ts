import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { turn } from '../../protocol/testing/manual-clock.ts';
import { StoreDown } from './log.ts';
import { at, entries, entry, next, page, Stage } from './testing/scripted-log.ts';

const from = (stage: Stage) => {
  const call = next(stage.log.resumes);
  return Object.assign(call, { seq: (call.request.from as { seq: number } | undefined)?.seq });
};

describe('A followed topic', () => {
  test('joins what it heard while it was opened, without what the head already has', async () => {
    const stage = await new Stage().start();
    stage.follow();
    await turn();
    await stage.ring('e', 9, 10);
    await stage.ring('e', 11);
    await next(stage.log.resumes).answer(page(at('e', 10)));
    assert.equal(stage.told, 'opened,11');
  });

  test('asks for the head again when it heard of another epoch while it was opened', async () => {
    const stage = await new Stage().start();
    stage.follow();
    await turn();
    await stage.ring('new', 11);
    await next(stage.log.resumes).answer(page(at('e', 12)));
    assert.equal(stage.told, '');
    await next(stage.log.resumes).answer(page(at('new', 11)));
    assert.equal(stage.told, 'opened');
  });

  test('is opened only after a probe that began when it was listened to', async () => {
    const stage = new Stage();
    await stage.start();
    stage.log.listening = false;
    stage.follow();
    await turn();
    stage.log.probing = false;
    await next(stage.log.listens).answer();
    assert.equal(stage.log.resumes.length, 0);
    stage.log.probing = true;
    await stage.clock.advance(5_000);
    assert.equal(stage.log.resumes.length, 1);
  });

  test('fills a hole from the log once, and drops the copies that come too late', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 11);
    await stage.ring('e', 14);
    await stage.ring('e', 15);
    assert.equal(stage.told, 'opened,11');
    const read = from(stage);
    assert.equal(read.seq, 11);
    await read.answer(page(at('e', 14), entries('e', 12, 13, 14)));
    await stage.ring('e', 12, 13);
    assert.equal(stage.told, 'opened,11,12,13,14,15');
    assert.equal(stage.log.resumes.length, 0);
  });

  test('tells of a copy that overlaps only what is new', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 10, 11, 12);
    await stage.ring('e', 11, 12);
    assert.equal(stage.told, 'opened,11,12');
  });

  test('reads what is announced, and later copies wait behind it', async () => {
    const stage = await new Stage().live();
    stage.log.bell.announced('t', { epoch: 'e', from: 11, to: 12 });
    await turn();
    await stage.ring('e', 13);
    stage.log.bell.announced('t', { epoch: 'e', from: 14, to: 14 });
    await from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
    assert.equal(stage.told, 'opened,11,12,13');
    await from(stage).answer(page(at('e', 14), entries('e', 14)));
    assert.equal(stage.told, 'opened,11,12,13,14');
    stage.log.bell.announced('t', { epoch: 'e', from: 13, to: 14 });
    await turn();
    assert.equal(stage.log.resumes.length, 0);
  });

  test('says what was trimmed while it was read', async () => {
    const stage = await new Stage().live();
    stage.log.bell.announced('t', { epoch: 'e', from: 11, to: 13 });
    await turn();
    const gap = { reason: 'trimmed', from: 11, to: 12, position: at('e', 12) } as const;
    const read = from(stage);
    await read.answer(page(at('e', 13), [{ kind: 'gap', gap }, entry('e', 13)]));
    assert.equal(stage.told, 'opened,gap,13');
  });

  test('reads page by page until it is level', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 13);
    const head = at('e', 13);
    await from(stage).answer(page(at('e', 11), entries('e', 11), { head }));
    await from(stage).answer(page(head, entries('e', 12, 13)));
    assert.equal(stage.told, 'opened,11,12,13');
  });

  test('drops what it parked when that is too much, and reads it instead', async () => {
    const stage = await new Stage({ parkedBytes: 1_024 }).live();
    await stage.ring('e', 12);
    for (const seq of [13, 14]) {
      stage.log.bell.entries('t', [entry('e', seq, 600)], 100);
    }
    await from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
    assert.equal(stage.told, 'opened,11,12');
    await from(stage).answer(page(at('e', 14), entries('e', 13, 14)));
    assert.equal(stage.told, 'opened,11,12,13,14');
  });

  test('reads when a copy is of another epoch, and enters that without a gap', async () => {
    const stage = await new Stage().live();
    await stage.ring('new', 11);
    await from(stage).answer(page(at('new', 11), entries('new', 11)));
    assert.equal(stage.told, 'opened,epoch,11');
    await stage.ring('new', 12);
    assert.equal(stage.told, 'opened,epoch,11,12');
  });

  test('reads again when an epoch begins while it is read', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 12);
    await stage.ring('new', 13);
    await from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
    const again = from(stage);
    assert.equal(again.seq, 12);
    await again.answer(page(at('new', 13), entries('new', 13)));
    assert.equal(stage.told, 'opened,11,12,epoch,13');
  });

  test('drops what it parked of an epoch that the log has left', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 12);
    await from(stage).answer(page(at('new', 11), entries('e', 11)));
    assert.equal(stage.told, 'opened,11,epoch');
    await stage.ring('new', 12);
    assert.equal(stage.told, 'opened,11,epoch,12');
  });

  test('waits with a new history until it is settled', async () => {
    const stage = await new Stage().live();
    await stage.ring('new', 11);
    const gap = { reason: 'lost', from: 11, to: 12, position: at('new', 10) } as const;
    await from(stage).answer(page(at('new', 11), entries('new', 11), { unsettledMs: 300 }));
    await stage.ring('newer', 12);
    assert.equal(stage.told, 'opened');
    await stage.clock.advance(300);
    const settledPage = page(at('new', 11), [{ kind: 'gap', gap }, entry('new', 11)]);
    await from(stage).answer(settledPage);
    assert.equal(stage.told, 'opened,gap,11');
  });

  test('is not told of after unfollow, whatever it waits for', async () => {
    for (const moment of ['listen', 'probe', 'head', 'page'] as const) {
      const stage = moment === 'page' ? await new Stage().live() : await new Stage().start();
      stage.log.listening = moment !== 'listen';
      stage.log.probing = moment !== 'probe';
      if (moment === 'page') await stage.ring('e', 12);
      else stage.follow();
      await turn();
      stage.unfollow();
      const before = stage.listener.events.length;
      if (moment === 'listen') await next(stage.log.listens).answer();
      if (moment === 'head') await from(stage).answer(page(at('e', 10)));
      if (moment === 'page') await from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
      await stage.ring('e', 11);
      assert.equal(stage.listener.events.length, before, moment);
      assert.deepEqual(stage.log.unlistened, ['t']);
    }
  });

  test('reads again, later, when a page cannot be', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 13);
    await from(stage).answer(page(at('e', 13), entries('e', 12, 13)));
    assert.equal(stage.told, 'opened');
    assert.equal(stage.log.resumes.length, 0);
    await stage.clock.advance(50);
    await from(stage).answer(page(at('e', 13), entries('e', 11, 12, 13)));
    assert.equal(stage.told, 'opened,11,12,13');
  });
});

describe('When it is in doubt whether everything was heard', () => {
  test('a lost probe lets nothing through until every topic was read again', async () => {
    const stage = await new Stage().live();
    stage.log.probing = false;
    await stage.clock.advance(4_100);
    await stage.ring('e', 11);
    assert.equal(stage.told, 'opened');
    assert.equal(stage.listener.stale, true);
    stage.log.resumes.length = 0;
    stage.log.probing = true;
    await stage.clock.advance(3_000);
    assert.equal(stage.listener.stale, true);
    await from(stage).answer(page(at('e', 11), entries('e', 11)));
    assert.equal(stage.told, 'opened,11');
    assert.equal(stage.listener.stale, false);
  });

  test('a page that was asked for before a reconnect is not used', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 12);
    const old = from(stage);
    stage.log.bell.down('cut');
    stage.log.bell.up();
    await old.answer(page(at('e', 12), entries('e', 11, 12)));
    assert.equal(stage.told, 'opened');
    await from(stage).answer(page(at('e', 13), entries('e', 11, 12, 13)));
    assert.equal(stage.told, 'opened,11,12,13');
  });

  test('a frozen process checks before it tells what its sockets held', async () => {
    const stage = await new Stage().live();
    stage.clock.pass(60_000);
    await stage.ring('e', 11);
    assert.equal(stage.told, 'opened');
    await from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
    assert.equal(stage.told, 'opened,11,12');
  });

  test('after a change of lineage what is known is reported before anything is read', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 11);
    const outcome = stage.stream.publish({
      topic: 'unfollowed',
      data: entry('e', 1).data,
      identity: '',
      ack: 'leader',
    });
    await turn();
    await next(stage.log.appends).answer([
      { outcome: 'ok', position: at('f', 3), duplicate: false },
    ]);
    await outcome;
    stage.log.probe_ = { lineage: 'L2', second: 101 };
    stage.log.bell.down('failover');
    stage.log.bell.up();
    await turn();
    assert.deepEqual(
      stage.log.reports.map(({ lineage, last, known }) => [lineage, last, [...known]]),
      [
        [
          'L2',
          true,
          [
            ['t', at('e', 11)],
            ['unfollowed', at('f', 3)],
          ],
        ],
      ],
    );
    assert.equal(stage.stream.health.lineage, 'L2');
    await from(stage).answer(page(at('g', 11), [], { lineage: 'L2' }));
    assert.equal(stage.told, 'opened,11,epoch');
  });

  test('a pod that hears nothing still reports in time what it knew', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 11);
    stage.log.probe_ = { lineage: 'L2', second: 101 };
    stage.log.probing = false;
    const settleMs = 5_000;
    await stage.clock.advance(settleMs - 1);
    assert.deepEqual(
      stage.log.reports.map(({ lineage, last, known }) => [lineage, last, [...known]]),
      [['L2', false, [['t', at('e', 11)]]]],
    );
    assert.equal(stage.stream.health.lineage, 'L1');
    // The last word waits until everything that was sent has been heard.
    stage.log.probing = true;
    await stage.clock.advance(5_000);
    assert.equal(stage.log.reports.at(-1)?.last, true);
    assert.equal(stage.stream.health.lineage, 'L2');
  });

  test('what was seen of a topic is still reported after it was left', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 11);
    stage.unfollow();
    stage.log.probe_ = { lineage: 'L2', second: 101 };
    await stage.clock.advance(1_000);
    assert.deepEqual(stage.log.reports[0]?.known.get('t'), at('e', 11));
  });

  test('a probe that began before the newest doubt proves nothing', async () => {
    const stage = await new Stage().live();
    stage.log.probing = false;
    stage.log.bell.down('cut');
    stage.log.bell.up();
    await turn();
    const token = stage.log.tokens.at(-1) ?? '';
    stage.log.bell.down('cut again');
    stage.log.bell.probed(token);
    await turn();
    assert.equal(stage.log.resumes.length, 0);
    stage.log.bell.probed(stage.log.tokens.at(-1) ?? '');
    await turn();
    assert.equal(stage.log.resumes.length, 1);
  });

  test('a topic that is still unborn in a new lineage was not missed', async () => {
    const stage = await new Stage().start();
    stage.follow();
    await turn();
    await from(stage).answer(page(at('w1', 0)));
    stage.log.probe_ = { lineage: 'L2', second: 101 };
    stage.log.bell.down('failover');
    stage.log.bell.up();
    await turn();
    const gap = { reason: 'epoch_unknown', position: at('w2', 0) } as const;
    await from(stage).answer(page(at('w2', 0), [{ kind: 'gap', gap }], { lineage: 'L2' }));
    assert.equal(stage.told, 'opened,epoch');
    assert.equal(stage.listener.events.at(-1)?.type, 'confirmed');
  });

  test('an unborn topic is not excused if the same lineage forgot unheard', async () => {
    const stage = await new Stage().start();
    stage.follow();
    await turn();
    await from(stage).answer(page(at('w1', 0)));
    stage.log.bell.down('cut');
    stage.log.bell.up();
    await turn();
    const gap = { reason: 'epoch_unknown', position: at('w2', 0) } as const;
    await from(stage).answer(page(at('w2', 0), [{ kind: 'gap', gap }]));
    assert.equal(stage.told, 'opened,gap');
  });

  test('nothing is confirmed while a topic is not level', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 12);
    const before = stage.listener.confirmed;
    stage.log.probe_ = { lineage: 'L1', second: 200 };
    await stage.clock.advance(1_000);
    assert.equal(stage.listener.confirmed, before);
    await from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
    assert.equal(stage.listener.confirmed, 200);
  });

  test('one topic that is level again does not stand for another that is not', async () => {
    const stage = await new Stage().live();
    stage.follow('u');
    await turn();
    await from(stage).answer(page(at('e', 10)));
    await stage.ring('e', 12);
    const late = from(stage);
    stage.log.probe_ = { lineage: 'L1', second: 200 };
    await stage.clock.advance(1_000);
    stage.log.resumes.length = 0;
    stage.log.bell.entries('u', entries('e', 12), 100);
    await turn();
    await from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
    assert.notEqual(stage.listener.confirmed, 200);
    await late.answer(page(at('e', 12), entries('e', 11, 12)));
    assert.equal(stage.listener.confirmed, 200);
  });

  test('a hole heard the moment a topic became level keeps it unconfirmed', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 12);
    const answered = from(stage).answer(page(at('e', 12), entries('e', 11, 12)));
    while (!stage.told.endsWith('12')) await Promise.resolve();
    stage.log.bell.entries('t', entries('e', 14), 100);
    await answered;
    stage.log.probe_ = { lineage: 'L1', second: 200 };
    await stage.clock.advance(1_000);
    assert.notEqual(stage.listener.confirmed, 200);
    await from(stage).answer(page(at('e', 14), entries('e', 13, 14)));
    assert.equal(stage.listener.confirmed, 200);
    assert.equal(stage.told, 'opened,11,12,13,14');
  });

  test('the rotation finds the last copy that got lost', async () => {
    const stage = await new Stage().live();
    await stage.clock.advance(1_000);
    const compared = from(stage);
    assert.equal(compared.seq, undefined);
    await compared.answer(page(at('e', 11)));
    await from(stage).answer(page(at('e', 11), entries('e', 11)));
    assert.equal(stage.told, 'opened,11');
  });

  test('a read that fails again and again while probes return is told as stale', async () => {
    const stage = await new Stage().live();
    await stage.ring('e', 12);
    for (let ms = 0; ms < 6_000; ms += 100) {
      const call = stage.log.resumes.shift();
      await call?.fail(new StoreDown('refused'));
      await stage.clock.advance(100);
    }
    assert.equal(stage.listener.stale, true);
  });
});
