import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import { Turn } from './turn.ts';

test('an idle hub hands out at the end of the present turn, once for all requests', async () => {
  let runs = 0;
  const clock = new ManualClock();
  const due = new Turn(clock, 4, () => {
    runs += 1;
    return false;
  });
  due.request();
  due.request();
  assert.equal(runs, 0);
  await turn();
  assert.equal(runs, 1);
  assert.equal(clock.timers, 0);
});

test('after a long turn the pause is as long, at most coalesceMs', async () => {
  for (const [took, pause] of [
    [2, 2],
    [50, 4],
  ] as const) {
    const clock = new ManualClock();
    const starts: number[] = [];
    const due = new Turn(clock, 4, () => {
      starts.push(clock.now());
      clock.pass(took);
      return false;
    });
    due.request();
    await turn();
    due.request();
    await clock.advance(pause);
    assert.deepEqual(starts, [0, took + pause]);
  }
});

test('what is left over goes on after a timer, so that sockets are served in between', async () => {
  const clock = new ManualClock();
  let left = 3;
  const due = new Turn(clock, 4, () => {
    left -= 1;
    return left > 0;
  });
  due.request();
  await turn();
  assert.equal(left, 2);
  await clock.advance(0);
  assert.equal(left, 0);
});

test('a flush takes the place of what was due, and nests in nothing', async () => {
  const clock = new ManualClock();
  let runs = 0;
  const due: Turn = new Turn(clock, 4, () => {
    runs += 1;
    due.flush();
    due.request();
    return false;
  });
  due.request();
  due.flush();
  await turn();
  assert.equal(runs, 1);
  due.stop();
  due.request();
  due.flush();
  await turn();
  assert.equal(runs, 1);
});
