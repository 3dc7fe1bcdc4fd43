import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wander } from './walk.ts';

describe('a walk through the room', () => {
  it('stays inside and is smooth', () => {
    for (let who = 0; who < 40; who += 1) {
      let before = wander(who, 0);
      for (let seconds = 0.1; seconds < 120; seconds += 0.1) {
        const { x, y } = wander(who, seconds);
        assert.ok(x > 0 && x < 1 && y > 0 && y < 1, `${who} at ${seconds}`);
        assert.ok(Math.hypot(x - before.x, y - before.y) < 0.06);
        before = { x, y };
      }
    }
  });

  it('is another one for everybody', () => {
    assert.notDeepEqual(wander(1, 5), wander(2, 5));
  });
});
