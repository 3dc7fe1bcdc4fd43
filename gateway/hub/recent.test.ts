import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '../stream/stream.ts';
import { entryBytes, Recent, RecentBudget } from './recent.ts';

const entry = (seq: number, epoch = 'e'): Entry => ({
  epoch,
  seq,
  at: 0,
  data: { encoding: 'json', bytes: new Uint8Array(100) },
});
const range = (from: number, to: number, epoch = 'e'): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, index) => entry(from + index, epoch));
const ONE = entryBytes(entry(1));
const ALL = { entries: 1_000, bytes: 1_000_000 };
const seqs = (recent: Recent, after: number, limit = ALL) =>
  recent.slice(after, limit).map(({ seq }) => seq);
const at = (seq: number, epoch = 'e') => ({ epoch, seq, confirmed: 0 });

test('recent entries cover the cursors between which they have everything', () => {
  const budget = new RecentBudget({ recentTopicBytes: 10 * ONE, recentBytes: 100 * ONE });
  const recent = new Recent(at(4));
  budget.append(recent, range(5, 8));
  const covered = [3, 4, 6, 8, 9].filter((seq) => recent.covers(at(seq)));
  assert.deepEqual(covered, [4, 6, 8]);
  assert.equal(recent.covers(at(6, 'other')), false);
  assert.deepEqual(seqs(recent, 6), [7, 8]);
});

test('a slice keeps to its limit and is never empty while there is something', () => {
  const recent = new Recent(at(0));
  new RecentBudget({ recentTopicBytes: 1e6, recentBytes: 1e6 }).append(recent, range(1, 9));
  assert.deepEqual(seqs(recent, 2, { entries: 3, bytes: 1e6 }), [3, 4, 5]);
  assert.deepEqual(seqs(recent, 2, { entries: 100, bytes: 250 }), [3, 4]);
  assert.deepEqual(seqs(recent, 2, { entries: 100, bytes: 1 }), [3]);
});

test('the oldest entries of a topic go when it has too many bytes', () => {
  const budget = new RecentBudget({ recentTopicBytes: 3 * ONE, recentBytes: 100 * ONE });
  const recent = new Recent(at(0));
  for (let seq = 1; seq <= 500; seq += 1) budget.append(recent, [entry(seq)]);
  assert.equal(recent.after, 497);
  assert.deepEqual(seqs(recent, 497), [498, 499, 500]);
  assert.equal(budget.bytes, 3 * ONE);
});

test('the topic that was quiet longest is forgotten when all have too many bytes', () => {
  const budget = new RecentBudget({ recentTopicBytes: 10 * ONE, recentBytes: 5 * ONE });
  const [a, b, c] = [new Recent(at(0)), new Recent(at(0)), new Recent(at(0))] as const;
  budget.append(a, range(1, 2));
  budget.append(b, range(1, 2));
  budget.append(a, [entry(3)]);
  budget.append(c, [entry(1)]);
  assert.deepEqual([a.length, b.length, c.length], [3, 0, 1]);
  assert.equal(budget.bytes, 4 * ONE);
  assert.equal(b.covers(at(2)), true, 'its head is still its head');
  assert.equal(b.covers(at(1)), false);
  budget.append(b, [entry(3)]);
  budget.append(c, [entry(2)]);
  assert.deepEqual([a.length, b.length, c.length], [0, 1, 2]);
});

test('a page is taken over only where it leads up to what is kept', () => {
  const budget = new RecentBudget({ recentTopicBytes: 10 * ONE, recentBytes: 100 * ONE });
  const recent = new Recent(at(10));
  budget.append(recent, range(11, 12));
  budget.prepend(recent, range(5, 8));
  budget.prepend(recent, range(5, 10, 'other'));
  assert.equal(recent.after, 10);
  budget.prepend(recent, [...range(2, 4), ...range(8, 11)]);
  assert.deepEqual([recent.after, recent.last], [7, 12]);
  assert.deepEqual(seqs(recent, 7), [8, 9, 10, 11, 12]);
  budget.prepend(recent, range(1, 7));
  assert.equal(recent.after, 2, 'the newest of it, as far as there is room');
  assert.equal(budget.bytes, 10 * ONE);
});

test('another epoch ends what is kept', () => {
  const budget = new RecentBudget({ recentTopicBytes: 10 * ONE, recentBytes: 100 * ONE });
  const recent = new Recent(at(0));
  budget.append(recent, [...range(1, 3), ...range(4, 5, 'next')]);
  assert.equal(recent.covers(at(2)), false);
  assert.deepEqual(seqs(recent, 3), [4, 5]);
  budget.clear(recent, at(5, 'third'));
  assert.equal(recent.length + budget.bytes, 0);
});
