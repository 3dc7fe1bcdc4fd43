import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { Budget } from './budget.ts';

async function taken(perSecond: (now: number) => number, { stepMs = 25, ms = 10_000 } = {}) {
  const clock = new ManualClock();
  const budget = new Budget(clock, () => perSecond(clock.now()));
  let count = 0;
  for (let passed = 0; passed < ms; passed += stepMs) {
    await clock.advance(stepMs);
    while (budget.take()) count += 1;
  }
  return count;
}

describe('the budget of moves', () => {
  it('gives all of it and no more, however seldom it is asked', async () => {
    for (const perSecond of [1, 10, 200, 10_000]) {
      const count = await taken(() => perSecond);
      assert.ok(Math.abs(count - 10 * perSecond) <= 2, `${perSecond}: ${count}`);
    }
    // Steps that are longer than one comes in: nothing of it is lost.
    const slow = await taken(() => 15, { stepMs: 100 });
    assert.ok(Math.abs(slow - 150) <= 2, `${slow}`);
  });

  it('saves up a tenth of a second at most: no burst follows a pause', async () => {
    const clock = new ManualClock();
    const budget = new Budget(clock, () => 200);
    await clock.advance(60_000);
    let count = 0;
    while (budget.take()) count += 1;
    assert.equal(count, 20);
  });

  it('gives nothing of a higher pace for the time before it rose', async () => {
    const clock = new ManualClock();
    let perSecond = 0.1;
    const budget = new Budget(clock, () => perSecond);
    assert.equal(budget.take(), true);
    await clock.advance(2_000);
    perSecond = 200;
    assert.equal(budget.take(), false);
    await clock.advance(10);
    assert.equal(budget.take(), true);
  });

  it('follows its pace as that changes, and stands still at none', async () => {
    assert.equal(await taken(() => 0), 1);
    const count = await taken((now) => (now % 10_000 < 5_000 ? 100 : 0));
    assert.ok(Math.abs(count - 500) <= 12, `${count}`);
  });
});
