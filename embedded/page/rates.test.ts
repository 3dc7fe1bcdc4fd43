import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Rate, Recent } from './rates.ts';

describe('rates', () => {
  it('are the mean over whole seconds', () => {
    const rate = new Rate(2);
    rate.add(1_000, 10);
    rate.add(2_500, 20);
    rate.add(3_100, 99);
    assert.equal(rate.perSecond(3_200), 15);
    assert.equal(rate.perSecond(4_000), 59.5);
  });

  it('fall to zero when nothing happens any more', () => {
    const rate = new Rate(2);
    rate.add(1_000, 10);
    assert.equal(rate.perSecond(9_000), 0);
  });
});

describe('recent measurements', () => {
  it('give percentiles and start afresh', () => {
    const recent = new Recent();
    for (let value = 100; value >= 0; value -= 1) recent.add(value);
    assert.deepEqual(recent.take([0, 0.5, 0.99, 1]), [0, 50, 99, 100]);
    assert.equal(recent.take([0.5]), undefined);
  });

  it('forget the oldest above the limit', () => {
    const recent = new Recent(3);
    for (const value of [1, 2, 3, 4]) recent.add(value);
    assert.deepEqual(recent.take([0, 1]), [2, 4]);
  });
});
