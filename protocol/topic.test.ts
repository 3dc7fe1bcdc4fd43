import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compilePattern, topicProblem } from './topic.ts';

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

  it('does not confuse two normal forms of one text', () => {
    assert.equal(compilePattern('\u00e1')('a\u0301'), false);
  });
});

describe('topic patterns', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['room.1', 'room.1', true],
    ['room.1', 'roomx1', false],
    ['room.*', 'room.7', true],
    ['room.*', 'room.', true],
    ['room.*', 'room.7.admin', false],
    ['room.**', 'room.7.admin', true],
    ['**', 'anything at all', true],
    ['*', 'a.b', false],
    ['*.b', 'a.b', true],
    ['a(b|c)', 'ab', false],
    ['[a]*', '[a]x', true],
  ];
  for (const [pattern, topic, expected] of cases) {
    it(`${pattern} ${expected ? 'covers' : 'does not cover'} ${topic}`, () => {
      assert.equal(compilePattern(pattern)(topic), expected);
    });
  }

  it('takes everything but its stars literally', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, other) => {
        const literal = text.replaceAll('*', '');
        assert.equal(compilePattern(literal)(literal), true);
        assert.equal(compilePattern(`${literal}**`)(`${literal}${other}`), true);
        assert.equal(compilePattern(`${literal}x**`)(literal), false);
      }),
    );
  });

  it('answers at once where backtracking would take years', () => {
    const covers = compilePattern(`${'*-'.repeat(100)}x`);
    assert.equal(covers('-'.repeat(256)), false);
    assert.equal(covers(`${'-'.repeat(255)}x`), true);
  });
});
