import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TokenBucket } from './token-bucket.ts';

const rate = { perSecond: 10, burst: 20 };

it('gives a burst, then the rate, then a debt that time pays', () => {
  const bucket = new TokenBucket(rate, 0);
  for (let taken = 1; taken <= 20; taken += 1) assert.ok(bucket.take(rate, 0) >= 0);
  assert.equal(bucket.take(rate, 0), -1);
  assert.equal(bucket.debtMs(rate, 0), 100);
  assert.equal(bucket.debtMs(rate, 50), 50);
  assert.equal(bucket.debtMs(rate, 100), 0);
  assert.equal(bucket.take(rate, 200), 0);
});

it('never holds more than the burst, and time that runs back gives nothing', () => {
  const bucket = new TokenBucket(rate, 1_000);
  assert.equal(bucket.take(rate, 1_000_000), 19);
  assert.equal(bucket.take(rate, 500, 10), 9);
});
