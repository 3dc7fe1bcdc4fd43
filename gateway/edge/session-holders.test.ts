import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SessionHolders } from './session-holders.ts';

const key = { identity: 'ann', session: 'me' };
const taken: number[] = [];
const holder = (generation: number) => ({
  key,
  generation,
  superseded: () => taken.push(generation),
});

it('keeps the newest holder, whatever the order in which they come', () => {
  const holders = new SessionHolders();
  const newer = holder(3);
  holders.enter(newer);
  // It was opened earlier, and its answer came later.
  holders.enter(holder(2));
  assert.deepEqual(taken, [2]);
  holders.enter(holder(4));
  assert.deepEqual(taken, [2, 3]);
  holders.leave(newer);
  assert.equal(holders.size, 1);
});
