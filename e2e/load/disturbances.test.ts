import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Disturbances } from './disturbances.ts';

describe('disturbances', () => {
  it('are counted in the fullest window, wherever it begins', () => {
    const disturbances = new Disturbances();
    for (const at of [0, 900, 950, 999, 1_500, 1_899, 1_900]) disturbances.note(at);
    assert.equal(disturbances.most(1_000), 5);
    assert.equal(disturbances.most(1_000, 1_500), 3);
    assert.equal(disturbances.most(1_000, 5_000), 0);
    assert.equal(disturbances.count, 7);
  });
});
