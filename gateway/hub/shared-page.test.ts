import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page, PageStep } from '../stream/stream.ts';
import { SharedPage } from './shared-page.ts';

const head = { epoch: 'e', seq: 3, confirmed: 100 };
const from = { epoch: 'w-1', seq: 0, confirmed: 50 };
const pageOf = (...steps: PageStep[]): Page => ({ steps, cursor: head, head });
const entry = (seq: number): PageStep => {
  const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
  return { kind: 'entry', entry: { epoch: 'e', seq, at: 100_000, data } };
};

test('a page from before a topic’s birth serves who was confirmed later, not earlier', () => {
  const shared = new SharedPage('t', from, pageOf(entry(1), entry(2), entry(3)));
  assert.equal(shared.start(from), 0);
  assert.equal(shared.start({ ...from, confirmed: 51 }), 0);
  assert.equal(shared.start({ ...from, confirmed: 49 }), undefined);
  assert.equal(shared.start({ epoch: 'e', seq: 2, confirmed: 1 }), 2);
});

test('a page that says the log has forgotten serves who was confirmed earlier, not later', () => {
  const gap = { reason: 'expired', position: head } as const;
  const shared = new SharedPage('t', from, pageOf({ kind: 'gap', gap }));
  assert.equal(shared.start({ ...from, confirmed: 49 }), 0);
  assert.equal(shared.start({ ...from, confirmed: 51 }), undefined);
});

test('a page between two messages serves everyone who is there', () => {
  const there = { epoch: 'e', seq: 1, confirmed: 50 };
  const shared = new SharedPage('t', there, pageOf(entry(2), entry(3)));
  for (const confirmed of [1, 50, 99]) assert.equal(shared.start({ ...there, confirmed }), 0);
});
