import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Position } from '../../protocol/position.ts';
import { turn } from '../../protocol/testing/manual-clock.ts';
import { silentEdgeCounts } from './counts.ts';
import { Session, type SessionOwner } from './session.ts';
import { FakeStream } from './testing/fake-stream.ts';

const key = { identity: 'ann', session: 'me' };
const at = (seq: number, epoch = 'fake', confirmed = 1_000): Position => ({
  epoch,
  seq,
  confirmed,
});

const TOPICS = 10;

class Owner implements SessionOwner {
  readonly where = new Map<string, Position>();
  marks = 0;
  settled = 0;
  taken = 0;
  forgotten = 0;

  positions(): Map<string, Position> {
    return new Map(this.where);
  }

  mark(): number {
    this.marks += 1;
    return this.marks;
  }

  plan(): void {}

  onSettled(): void {
    this.settled += 1;
  }

  onTaken(): void {
    this.taken += 1;
  }
}

async function openSession(options: { stream?: FakeStream; acks?: boolean } = {}) {
  const stream = options.stream ?? new FakeStream();
  const owner = new Owner();
  let dropped = 0;
  const counts = {
    ...silentEdgeCounts,
    cursors: (what: string, count: number) => {
      if (what === 'dropped') dropped += count;
    },
  };
  const { generation, cursors } = await stream.open(key);
  const session = new Session(
    {
      ...{ owner, store: stream, counts, markerMs: 1_000, refreshS: 900, topics: TOPICS },
      onForgotten: () => {
        owner.forgotten += 1;
      },
    },
    { key, generation, cursors, acks: options.acks ?? false },
  );
  /** Goes through its deadlines up to `end`, with what the store answers. */
  const run = async (end: number) => {
    for (let steps = 0; session.due <= end && steps < 100; steps += 1) {
      session.onTime(session.due);
      await turn();
    }
  };
  const savedSeqs = () => stream.saved.map(({ changed }) => changed.get('a')?.seq);
  return { stream, owner, session, run, savedSeqs, dropped: () => dropped };
}

describe('a session', () => {
  it('does not move a cursor before the client answered', async () => {
    const { session, owner, run, savedSeqs } = await openSession();
    session.started('a', at(0), 0);
    await run(500);
    assert.deepEqual(savedSeqs(), [0], 'where it began is known without proof');
    owner.where.set('a', at(5));
    session.written(600);
    await run(60_000);
    assert.equal(owner.marks, 1, 'one marker, however long it waits');
    assert.deepEqual(savedSeqs(), [0]);
    session.answered(1, 60_000);
    await run(61_000);
    assert.deepEqual(savedSeqs(), [0, 5]);
  });

  it('covers with a marker only what was written before it', async () => {
    const { session, owner, run, savedSeqs } = await openSession();
    owner.where.set('a', at(5));
    session.written(0);
    await run(0);
    owner.where.set('a', at(9));
    session.written(10);
    session.answered(1, 20);
    await run(20);
    assert.deepEqual(savedSeqs(), [5]);
    await run(1_000);
    assert.equal(owner.marks, 2);
    session.answered(2, 1_100);
    await run(2_200);
    assert.deepEqual(savedSeqs(), [5, 9]);
  });

  it('takes a later pong for the marker, and not an earlier one', async () => {
    const { session, owner, run, savedSeqs } = await openSession();
    owner.marks = 4;
    owner.where.set('a', at(5));
    session.written(0);
    await run(0);
    session.answered(4, 10);
    await run(1_000);
    assert.deepEqual(savedSeqs(), []);
    session.answered(9, 20);
    await run(1_000);
    assert.deepEqual(savedSeqs(), [5]);
  });

  it('sends markers at most every markerMs and none when nothing is unproved', async () => {
    const { session, owner, run } = await openSession();
    for (let now = 0; now < 10_000; now += 100) {
      owner.where.set('a', at(now));
      session.written(now);
      await run(now);
      session.answered(owner.marks, now);
    }
    assert.ok(owner.marks <= 11, `${owner.marks} markers in 10 s`);
    const { marks } = owner;
    await run(20_000);
    session.answered(owner.marks, 20_000);
    await run(100_000);
    assert.ok(owner.marks <= marks + 1, 'and then silence');
  });

  it('saves changed positions only', async () => {
    const { session, owner, run, stream } = await openSession();
    owner.where.set('a', at(5)).set('b', at(7));
    session.written(0);
    await run(0);
    session.answered(1, 0);
    await run(1_000);
    owner.where.set('b', at(8));
    session.written(1_500);
    await run(2_000);
    session.answered(2, 2_000);
    await run(5_000);
    assert.deepEqual(
      stream.saved.map(({ changed }) => [...changed.keys()]),
      [['a', 'b'], ['b']],
    );
  });

  it('refreshes a cursor whose confirmation grew old', async () => {
    const { session, owner, run, savedSeqs } = await openSession();
    session.started('a', at(5), 0);
    await run(0);
    owner.where.set('a', at(5, 'fake', 1_500));
    session.refresh(5_000);
    await run(6_000);
    assert.equal(owner.marks, 0);
    owner.where.set('a', at(5, 'fake', 1_900));
    session.refresh(7_000);
    await run(8_000);
    session.answered(1, 8_000);
    await run(10_000);
    assert.deepEqual(savedSeqs(), [5, 5]);
  });

  it('follows the server into a new epoch with smaller numbers', async () => {
    const { session, owner, run, stream } = await openSession();
    session.started('a', at(15), 0);
    await run(0);
    owner.where.set('a', at(10, 'next'));
    session.written(1_000);
    await run(1_000);
    session.answered(1, 1_000);
    await run(2_500);
    assert.deepEqual(stream.saved.at(-1)?.changed.get('a'), at(10, 'next'));
  });

  it('is moved by acks alone once the client acks', async () => {
    const { session, owner, run, savedSeqs } = await openSession();
    session.started('a', at(0), 0);
    await run(0);
    owner.where.set('a', at(9));
    assert.equal(session.acked('a', at(4), at(9)), true);
    session.saveSoon(100);
    session.written(100);
    await run(5_000);
    assert.equal(owner.marks, 0);
    assert.deepEqual(savedSeqs(), [0, 4]);
    assert.equal(session.acked('a', at(2), at(9)), true, 'an older ack changes nothing');
    session.saveSoon(6_000);
    await run(8_000);
    assert.deepEqual(savedSeqs(), [0, 4]);
  });

  it('refuses acks of what was never sent', async () => {
    const { session } = await openSession();
    session.started('a', at(3), 0);
    assert.equal(session.acked('a', at(10), at(9)), false);
    assert.equal(session.acked('x', at(1), undefined), false);
    assert.equal(session.acked('a', at(4, 'other'), at(9)), false);
    assert.equal(session.cursor('a')?.seq, 3);
  });

  it('removes the cursor of a topic that was left', async () => {
    const { session, run, stream } = await openSession();
    session.started('a', at(3), 0);
    await run(0);
    session.forget('a', 2_000);
    assert.equal(session.cursor('a'), undefined);
    await run(3_000);
    assert.deepEqual([...(stream.saved.at(-1)?.changed ?? [])], [['a', undefined]]);
    const again = await openSession({ stream });
    assert.equal(again.session.cursor('a'), undefined);
  });

  it('removes a cursor also while its first save is under way', async () => {
    const { session, run, stream } = await openSession();
    session.started('a', at(3), 0);
    session.onTime(0);
    session.forget('a', 10);
    assert.equal(session.cursor('a'), undefined);
    await turn();
    await run(3_000);
    const again = await openSession({ stream });
    assert.equal(again.session.cursor('a'), undefined);
  });

  it('keeps what it could not save and tries again', async () => {
    const { session, run, stream, savedSeqs } = await openSession();
    stream.down = true;
    session.started('a', at(3), 0);
    await run(3_000);
    assert.deepEqual(savedSeqs(), []);
    assert.equal(session.cursor('a')?.seq, 3);
    stream.down = false;
    await run(10_000);
    assert.deepEqual(savedSeqs(), [3]);
  });

  it('keeps as many cursors as it may: topics that it left longest ago are forgotten', async () => {
    const stream = new FakeStream();
    for (let visit = 0; visit < 4; visit += 1) {
      const { session, owner, run, dropped } = await openSession({ stream });
      for (let topic = 0; topic < 6; topic += 1) {
        const name = `${visit}.${topic}`;
        // The first topic is never left, and was seen longest ago.
        const confirmed = 1_000 + visit * 10 + topic;
        session.started(name, at(1, 'fake', confirmed), visit * 10_000);
        owner.where.set(name, at(1, 'fake', confirmed));
      }
      owner.where.set('0.0', at(1));
      await run(visit * 10_000 + 5_000);
      assert.equal(dropped(), [0, 2, 6, 6][visit]);
    }
    const { cursors } = await stream.open(key);
    const names = ['0.0', ...[3, 4, 5].map((topic) => `2.${topic}`)];
    assert.deepEqual([...cursors.keys()].sort(), [
      ...names,
      ...[0, 1, 2, 3, 4, 5].map((n) => `3.${n}`),
    ]);
  });

  it('stops saving when a newer holder exists', async () => {
    const { session, run, stream, owner, savedSeqs } = await openSession();
    await openSession({ stream });
    session.started('a', at(3), 0);
    await run(1_000);
    assert.equal(owner.taken, 1);
    assert.deepEqual(savedSeqs(), []);
    session.end(2_000);
    assert.equal(session.settled, true);
  });

  it('that was forgotten says so once, saves no more and can still be taken', async () => {
    const { session, owner, run, stream } = await openSession();
    stream.forgetful = true;
    session.started('a', at(0), 0);
    await run(0);
    assert.deepEqual([owner.forgotten, session.settled], [1, true]);
    stream.forgetful = false;
    owner.where.set('a', at(5));
    session.written(10);
    session.acked('a', at(5), at(5));
    session.saveSoon(5_000);
    session.settle(5_000);
    assert.equal(session.due, Number.POSITIVE_INFINITY);
    await run(60_000);
    assert.deepEqual([stream.saved, owner.marks, owner.forgotten], [[], 0, 1]);
    session.superseded();
    assert.equal(owner.taken, 1);
  });

  it('settles: one last marker, then its save', async () => {
    const { session, owner, run, savedSeqs } = await openSession();
    owner.where.set('a', at(5));
    assert.equal(session.settled, true, 'nothing was written yet');
    session.written(0);
    session.settle(100);
    assert.equal(session.settled, false);
    session.answered(1, 200);
    await run(1_500);
    assert.equal(session.settled, true);
    assert.equal(owner.settled, 1);
    assert.deepEqual(savedSeqs(), [5]);
  });

  it('saves at its end what was proved, also while another save is under way', async () => {
    const { session, owner, savedSeqs } = await openSession();
    session.started('a', at(1), 0);
    session.onTime(0);
    owner.where.set('a', at(5));
    session.written(0);
    session.onTime(0);
    session.answered(1, 10);
    session.end(20);
    await turn();
    await turn();
    assert.deepEqual(savedSeqs(), [1, 5]);
  });
});
