import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { Wheel, type WheelEntry } from './wheel.ts';

class Entry implements WheelEntry {
  wheelAt = 0;
  wheelNext: WheelEntry | undefined = undefined;
  wheelPrevious: WheelEntry | undefined = undefined;
  readonly times: number[] = [];
  readonly #then: (entry: Entry, now: number) => void;

  constructor(then: (entry: Entry, now: number) => void = () => {}) {
    this.#then = then;
  }

  onTime(now: number): void {
    this.times.push(now);
    this.#then(this, now);
  }
}

it('calls each entry at its deadline, at most a tick late and never early', async () => {
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  const entries = Array.from({ length: 500 }, (_, index) => {
    const at = 1 + ((index * 7_919) % 30_000);
    const entry = new Entry();
    wheel.schedule(entry, at);
    return { at, entry };
  });
  await clock.advance(31_000);
  for (const { at, entry } of entries) {
    assert.equal(entry.times.length, 1);
    const [time = 0] = entry.times;
    assert.ok(time >= at && time <= at + 10, `${at} was called at ${time}`);
  }
  assert.equal(wheel.size, 0);
  assert.equal(clock.timers, 0, 'no timer runs without entries');
});

it('keeps the last deadline of an entry and forgets cancelled ones', async () => {
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  const moved = new Entry();
  const cancelled = new Entry();
  const never = new Entry();
  wheel.schedule(moved, 5_000);
  wheel.schedule(moved, 100);
  wheel.schedule(moved, 300);
  wheel.schedule(cancelled, 100);
  wheel.cancel(cancelled);
  wheel.cancel(cancelled);
  wheel.schedule(never, 100);
  wheel.schedule(never, Number.POSITIVE_INFINITY);
  await clock.advance(10_000);
  assert.deepEqual(moved.times, [300]);
  assert.deepEqual(cancelled.times, []);
  assert.deepEqual(never.times, []);
});

it('lets an entry schedule itself again and cancel others in the same slot', async () => {
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  const every = new Entry((entry, now) => wheel.schedule(entry, now + 15_000));
  wheel.schedule(every, 15_000);
  await clock.advance(61_000);
  assert.equal(every.times.length, 4);
  const others = [new Entry(), new Entry(), new Entry()];
  for (const other of others) wheel.schedule(other, 62_000);
  const [, middle] = others;
  if (middle !== undefined) wheel.cancel(middle);
  await clock.advance(2_000);
  assert.deepEqual(
    others.map(({ times }) => times.length),
    [1, 0, 1],
  );
});

it('does not count the time in which the process stood still', async () => {
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  const soon = new Entry();
  const later = new Entry();
  wheel.schedule(soon, 1_000);
  wheel.schedule(later, 10_000);
  clock.pass(60_000);
  await clock.advance(0);
  assert.equal(soon.times.length, 1, 'what was due is called');
  assert.equal(later.times.length, 0, 'what was 9 s away still is');
  assert.ok(wheel.now() < 1_100);
  await clock.advance(8_500);
  assert.equal(later.times.length, 0);
  await clock.advance(600);
  assert.equal(later.times.length, 1);
});

it('makes good what it did not count, once answers had time to be read', async () => {
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  const beat = new Entry((entry, now) => wheel.schedule(entry, now + 100));
  wheel.schedule(beat, 100);
  clock.pass(7_000);
  await clock.advance(0);
  assert.ok(wheel.now() < 200);
  let before = wheel.now();
  for (let n = 0; n < 10; n += 1) {
    await clock.advance(1_000);
    const passed = wheel.now() - before;
    before = wheel.now();
    assert.ok(passed >= 1_000 && passed <= 2_100, `${passed} ms in a second`);
  }
  await clock.advance(5_000);
  assert.ok(clock.now() - wheel.now() < 100, 'all is made good');
});

it('goes at half the pace of the clock where every timer is late, and no slower', async () => {
  for (const late of [60, 500, 1_500]) {
    const clock = new ManualClock();
    const wheel = new Wheel(clock);
    const beat = new Entry((entry, now) => wheel.schedule(entry, now + 20));
    wheel.schedule(beat, 20);
    while (clock.now() < 60_000) {
      clock.pass(late);
      await clock.advance(0);
    }
    const share = wheel.now() / clock.now();
    assert.ok(share > 0.45 && share <= 1, `${share} of the clock's pace, each ${late} ms late`);
  }
});

it('is silent once it was stopped', async () => {
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  const entry = new Entry();
  wheel.schedule(entry, 100);
  wheel.stop();
  wheel.schedule(new Entry(), 50);
  await clock.advance(1_000);
  assert.deepEqual(entry.times, []);
  assert.equal(clock.timers, 0);
});
