import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Declaration, Declared } from './declared.ts';
import { undeclared } from './expression.ts';

const metric = (
  name: string,
  type: Declared['type'],
  labels: Readonly<Record<string, readonly string[]>> = {},
): [string, Declared] => {
  const sets = Object.entries(labels).map(([label, values]) => [label, new Set(values)] as const);
  return [name, { name, type, program: 'gateway', help: '', labels: new Map(sets) }];
};

const declared: Declaration = new Map([
  metric('gaps_total', 'counter', { reason: ['lost', 'slow'] }),
  metric('ready', 'gauge'),
  metric('seconds', 'histogram', { route: ['publish'] }),
]);
const wrong = (expression: string) => undeclared(expression, declared);

describe('an expression', () => {
  it('may ask for what is declared', () => {
    for (const good of [
      'sum by (namespace, job) (ready) == 0 and on (pod) ready offset 5m > bool 1e3',
      'sum by (reason) (rate(gaps_total{reason=~"lost|sl.*",pod!=""}[5m])) > 0.05',
      'increase(gaps_total{reason!="slow"}[$__rate_interval])',
      'histogram_quantile(0.99, sum by (le, route) (rate(seconds_bucket[5m])))',
      'rate(seconds_sum[1m]) / rate(seconds_count[1m]) or absent(ready{instance="a{b}"})',
    ]) {
      assert.deepEqual(wrong(good), [], good);
    }
  });

  it('is told what is not declared in it: metrics, labels and values', () => {
    assert.deepEqual(wrong('sum(readi)'), ['there is no metric readi']);
    assert.deepEqual(wrong('ready{reason="lost"}'), ['ready has no label reason']);
    assert.deepEqual(wrong('rate(gaps_total{reason="los"}[5m])'), [
      'gaps_total: reason is never los',
    ]);
    assert.deepEqual(wrong('rate(gaps_total{reason=~"lost|gone"}[5m])'), [
      'gaps_total: reason is never gone',
    ]);
    assert.deepEqual(wrong('sum by (route) (ready)'), ['none of its metrics has the label route']);
  });

  it('looks at counters and histograms as rates, and at gauges as they are', () => {
    assert.deepEqual(wrong('gaps_total > 0'), ['gaps_total is a counter']);
    assert.deepEqual(wrong('rate(ready[5m])'), ['ready is a gauge']);
    assert.deepEqual(wrong('seconds_bucket'), ['seconds is a histogram']);
    assert.deepEqual(wrong('rate(seconds[5m])'), ['there is no metric seconds']);
  });
});
