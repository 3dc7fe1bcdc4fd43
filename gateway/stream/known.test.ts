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
  assert.deepEqual(flat(known.report(seen)), [['t e:5', 'u e:2']]);
});

test('an epoch that ended is reported before the next one, and then forgotten', () => {
  const known = new Known(10, silentStreamCounts);
  known.note('t', at('e', 5));
  known.note('t', at('f', 4));
  assert.deepEqual(flat(known.report([])), [['t e:5'], ['t f:4']]);
  known.reported();
  assert.deepEqual(flat(known.report([])), [['t f:4']]);
});

test('what is old is reported, what never had a message is not', () => {
  const known = new Known(10, silentStreamCounts);
  known.note('old', { ...at('e', 5), confirmed: 9 });
  assert.deepEqual(flat(known.report([['unborn', at('w', 0)]])), [['old e:5']]);
});

test('the topic that was not touched for longest makes room, and that is counted', () => {
  let forgotten = 0;
  const known = new Known(2, { forgotten: () => (forgotten += 1) });
  for (const topic of ['a', 'b', 'a', 'c']) known.note(topic, at('e', 1));
  assert.deepEqual(flat(known.report([])), [['a e:1', 'c e:1']]);
  assert.equal(forgotten, 1);
});
