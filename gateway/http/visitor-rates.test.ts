import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { VisitorRates, visitorAt } from './visitor-rates.ts';

const newRates = () => {
  const clock = new ManualClock();
  const rate = { perSecond: 10, burst: 20 };
  return { clock, rates: new VisitorRates({ rate, largest: 100, clock }) };
};

describe('the rates of visitors', () => {
  it('give each a burst, then the rate, and say when to come back', () => {
    const { clock, rates } = newRates();
    for (let n = 0; n < 20; n += 1) assert.equal(rates.admit('a'), 0);
    assert.equal(rates.admit('a'), 100);
    assert.equal(rates.admit('a'), 100, 'asking again makes it no longer');
    assert.equal(rates.admit('b'), 0, 'another is not concerned');
    clock.pass(100);
    assert.equal(rates.admit('a'), 0);
    assert.equal(rates.admit('a'), 100);
  });

  it('let later requests pay for a large one', () => {
    const { clock, rates } = newRates();
    assert.equal(rates.admit('a'), 0);
    assert.equal(rates.charge('a', 99), 0);
    assert.equal(rates.admit('a'), 8_100);
    assert.equal(rates.charge('a', 99), 8_000, 'and none that came beside it is as large');
    clock.pass(8_100);
    assert.equal(rates.admit('a'), 0);
  });

  it('forget whoever has nothing left to pay, and nobody else', () => {
    const { clock, rates } = newRates();
    rates.admit('debtor');
    for (let generation = 0; generation < 5; generation += 1) {
      for (let n = 0; n < 1_000; n += 1) rates.admit(`${generation}-${n}`);
      assert.equal(rates.charge('debtor', 119), 0);
      assert.ok(rates.admit('debtor') > 0);
      clock.pass(12_000);
    }
    assert.ok(rates.size <= 2_001, String(rates.size));
    assert.equal(rates.admit('debtor'), 0, 'in that time every debt is paid');
  });

  it('are bounded in number whoever comes', () => {
    const { rates } = newRates();
    for (let n = 0; n < 120_000; n += 1) rates.admit(String(n));
    assert.ok(rates.size <= 100_000, String(rates.size));
  });
});

describe('a visitor without an identity', () => {
  const cases = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ] as const;
  for (const [address, name] of cases) {
    it(`at ${address} is ${name}`, () => {
      assert.equal(visitorAt(address), name);
    });
  }
});
