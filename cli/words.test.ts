import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from './table.ts';
import { count, duration, listed } from './words.ts';

test('a duration says the two largest units that it has', () => {
  const said = [-5, 400, 59_400, 59_600, 80_000, 3_600_000, 7_500_000, 273_600_000];
  assert.deepEqual(said.map(duration), [
    ...['0 s', '0 s', '59 s', '1 min', '1 min 20 s', '1 h', '2 h 5 min', '3 d 4 h'],
  ]);
});

test('numbers and lists read as sentences', () => {
  assert.deepEqual([count(1, 'client'), count(0, 'client')], ['1 client', '0 clients']);
  assert.equal(listed(['a', 'b']), 'a, b');
  assert.equal(listed(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
});

test('a table is aligned, and no line of it ends with a space', () => {
  const columns = [{ title: 'NAME' }, { title: 'N', isNumber: true }, { title: 'WHY' }] as const;
  assert.deepEqual(
    table(columns, [
      ['chat-0', '7', ''],
      ['é', '1200', 'x y'],
    ]),
    ['NAME       N  WHY', 'chat-0     7', 'é       1200  x y'],
  );
});
