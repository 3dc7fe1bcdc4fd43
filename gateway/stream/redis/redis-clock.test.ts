import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { RedisClock } from './redis-clock.ts';

/** Redis' clock is ahead of ours by this. */
const AHEAD_MS = 1_700_000_000_000;

class Run {
  readonly clock = new ManualClock();
  readonly redis = new RedisClock(this.clock);
  aheadMs = AHEAD_MS;

  /** An answer that took so long to come. */
  answer(tookMs: number): void {
    this.redis.saw(this.clock.now() + this.aheadMs - tookMs);
  }

  get behindMs(): number {
    return this.clock.now() + this.aheadMs - this.redis.now();
  }
}

describe("Redis' clock as its answers tell it", () => {
  test('is unknown before the first', () => {
    assert.equal(new Run().redis.now(), 0);
  });

  test('is behind by what the quickest of them took, never ahead', async () => {
    const run = new Run();
    run.redis.restart(run.clock.now() + AHEAD_MS - 500);
    assert.equal(run.behindMs, 500);
    for (const tookMs of [30, 3, 200]) {
      await run.clock.advance(1_000);
      run.answer(tookMs);
    }
    assert.equal(run.behindMs, 3);
  });

  test('is not taken from what waited in a process that stood still', async () => {
    const run = new Run();
    run.redis.restart(run.clock.now() + AHEAD_MS);
    run.answer(2);
    await run.clock.advance(300_000);
    run.answer(299_000);
    assert.equal(run.behindMs, 0);
  });

  test('follows a clock that was set forward at once, one that was set back later', async () => {
    const run = new Run();
    run.redis.restart(run.clock.now() + AHEAD_MS);
    run.aheadMs += 60_000;
    run.answer(1);
    assert.equal(run.behindMs, 1);
    run.aheadMs -= 90_000;
    run.answer(1);
    assert.equal(run.behindMs, -89_999, 'it cannot know better yet');
    for (let seconds = 0; seconds < 61; seconds += 1) {
      await run.clock.advance(1_000);
      run.answer(1);
    }
    assert.equal(run.behindMs, 1);
  });

  test('is that of another server after a reconnect', async () => {
    const run = new Run();
    run.redis.restart(run.clock.now() + AHEAD_MS);
    run.aheadMs -= 5_000;
    run.redis.restart(run.clock.now() + run.aheadMs - 4);
    assert.equal(run.behindMs, 4);
  });
});
