import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topicProblem } from './topic.ts';

describe('topic names', () => {
  it('takes ordinary and odd names', () => {
    const names = ['room.1', 'a', 'Straße/ä', 'x}{a', 'a b', '\u202eabc', 'a'.repeat(256), '日本'];
    for (const name of names) assert.equal(topicProblem(name), undefined, name);
  });

  it('refuses what is empty, long, ill-formed, reserved, or holds control characters', () => {
    const refused = ['', 'a'.repeat(257), 'ä'.repeat(129), '$sys', 'a\nb', 'a\0', 'a*', '\ud800'];
    for (const name of [...refused, 7, null, undefined, {}]) {
      assert.equal(typeof topicProblem(name), 'string', String(name));
    }
  });
});
