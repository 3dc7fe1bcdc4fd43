import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countOf } from './count-or-share.ts';

describe('a number or a share', () => {
  it('is that number, or the share rounded up', () => {
    assert.deepEqual([countOf(3, 10), countOf('25%', 3), countOf('25%', 4)], [3, 1, 1]);
    assert.deepEqual([countOf('0%', 9), countOf('100%', 9), countOf('34%', 3)], [0, 9, 2]);
  });
});
