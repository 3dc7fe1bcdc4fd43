import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import { RecentRate } from './recent-rate.ts';

it('a rate is that of the last ten whole seconds, whatever was before', () => {
  const clock = new ManualClock();
  const rate = new RecentRate(clock);
  const count = (times: number) => {
    for (let n = 0; n < times; n += 1) rate.count();
  };
  count(20);
  assert.equal(rate.perSecond, 0, 'the second is not over');
  clock.pass(1_000);
  assert.equal(rate.perSecond, 2);
  for (let second = 0; second < 9; second += 1) {
    count(20);
    clock.pass(1_000);
  }
  assert.equal(rate.perSecond, 20);
  clock.pass(5_000);
  assert.equal(rate.perSecond, 10);
  clock.pass(6_000);
  assert.equal(rate.perSecond, 0);
  count(10);
  clock.pass(3_600_000);
  assert.equal(rate.perSecond, 0);
});
