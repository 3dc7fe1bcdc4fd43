import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentStreamCounts } from './counts.ts';
import { Known } from './known.ts';
import { at } from './testing/scripted-log.ts';

const flat = (tables: ReadonlyMap<string, ReturnType<typeof at>>[]) =>
  tables.map((table) => [...table].map(([topic, { epoch, seq }]) => `${topic} ${epoch}:${seq}`));

test('the highest position of an epoch counts, whoever knew it', () => {
  const known = new Known(10, silentStreamCounts);
  known.note('t', at('e', 5));
  known.note('t', at('e', 3));
  known.note('u', at('e', 1));
  const seen = [['t', at('e', 4)] as const, ['u', at('e', 2)] as const];
  assert.deepEqual(flat(known.report(seen, 100)), [['t e:5', 'u e:2']]);
});

test('epochs that ended are reported before those that followed, as many as are kept', () => {
  const known = new Known(10, silentStreamCounts);
  known.note('t', { ...at('e', 5), confirmed: 99 });
  known.note('t', at('g', 6));
  // Who follows saw the one come before the other, if both were in the same second.
  assert.deepEqual(flat(known.report([['t', at('f', 5)]], 100)), [['t e:5'], ['t f:5'], ['t g:6']]);
  for (const epoch of ['h', 'i', 'j']) known.note('t', at(epoch, 7));
  assert.deepEqual(flat(known.report([], 100)), [['t g:6'], ['t h:7'], ['t i:7'], ['t j:7']]);
});

test('what is surely replicated is not reported again, but for the newest', () => {
  const known = new Known(10, silentStreamCounts);
  for (const [epoch, confirmed] of [
    ['e', 1],
    ['f', 500],
    ['g', 501],
  ] as const) {
    known.note('t', { ...at(epoch, 5), confirmed });
  }
  assert.deepEqual(flat(known.report([], 1_100)), [['t f:5'], ['t g:5']]);
  assert.deepEqual(flat(known.report([], 9_999)), [['t g:5']]);
});

test('where an epoch began is known from whoever knows it', () => {
  const origin = { epoch: 'd', seq: 3 };
  const seen = { ...at('e', 4), origin };
  const published = new Known(10, silentStreamCounts);
  published.note('t', at('e', 5));
  assert.deepEqual(published.report([['t', seen]], 100)[0]?.get('t'), { ...at('e', 5), origin });
  published.note('t', seen);
  assert.deepEqual(published.report([], 100)[0]?.get('t'), { ...at('e', 5), origin });
});

test('what is old is reported, what never had a message is not', () => {
  const known = new Known(10, silentStreamCounts);
  known.note('old', { ...at('e', 5), confirmed: 9 });
  assert.deepEqual(flat(known.report([['unborn', at('w-1', 0)]], 5_000)), [['old e:5']]);
});

test('the topic that was not touched for longest makes room, and that is counted', () => {
  let forgotten = 0;
  const known = new Known(2, { forgotten: () => (forgotten += 1) });
  for (const topic of ['a', 'b', 'a', 'c']) known.note(topic, at('e', 1));
  assert.deepEqual(flat(known.report([], 100)), [['a e:1', 'c e:1']]);
  assert.equal(forgotten, 1);
});
