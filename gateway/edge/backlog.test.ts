import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { Backlog } from './backlog.ts';

class Run {
  readonly clock = new ManualClock();
  /** Of the log, ahead of the clock; a machine that was asleep finds it further ahead. */
  aheadMs = 1_000_000;
  readonly backlog: Backlog;

  constructor(withinMs = 10_000) {
    const stream = { now: () => this.clock.now() + this.aheadMs };
    this.backlog = new Backlog({ stream, clock: this.clock, withinMs });
    this.backlog.start();
  }

  get ageMs(): number {
    return this.clock.now() + this.aheadMs - this.backlog.since;
  }

  /** In steps, as a process lives. */
  async live(ms: number): Promise<number> {
    let oldest = 0;
    for (let passed = 0; passed < ms; passed += 100) {
      await this.clock.advance(100);
      oldest = Math.max(oldest, this.ageMs);
    }
    return oldest;
  }
}

describe('what is read now', () => {
  test('came some seconds ago at the most, in a process that never stands still', async () => {
    const run = new Run();
    assert.equal(run.ageMs, 0, 'nothing can have come before the start');
    const oldest = await run.live(30_000);
    assert.ok(oldest >= 4_000 && oldest <= 5_100, `${oldest}`);
  });

  test('came no longer ago than it was asked for', async () => {
    const run = new Run(500);
    const oldest = await run.live(5_000);
    assert.ok(oldest <= 600, `${oldest}`);
  });

  test('may have come before the process stood still, until it has had time to read', async () => {
    const run = new Run();
    await run.live(30_000);
    // One timer is due when it wakes up, however long it slept.
    run.clock.pass(240_000);
    assert.ok(run.ageMs >= 240_000, 'before any timer');
    await run.live(1_000);
    assert.ok(run.ageMs >= 240_000, `${run.ageMs} after the first`);
    await run.live(5_000);
    assert.ok(run.ageMs <= 5_100, `${run.ageMs} in the end`);
  });

  test('may be old where the machine slept and its clock with it', async () => {
    const run = new Run();
    await run.live(30_000);
    run.aheadMs += 240_000;
    assert.ok(run.ageMs >= 240_000);
    await run.live(2_000);
    assert.ok(run.ageMs >= 240_000, `${run.ageMs}`);
    await run.live(5_000);
    assert.ok(run.ageMs <= 5_100, `${run.ageMs} in the end`);
  });
});
