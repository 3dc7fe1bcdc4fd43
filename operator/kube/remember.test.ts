import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { remember } from './remember.ts';

describe('what is remembered', () => {
  it('is so much and no more: what was said longest ago is forgotten', () => {
    const all = new Map<string, number>();
    for (const [n, key] of ['a', 'b', 'a', 'c'].entries()) remember(all, [key, n], 2);
    assert.deepEqual(
      [...all],
      [
        ['a', 2],
        ['c', 3],
      ],
    );
  });
});
