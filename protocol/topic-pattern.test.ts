import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compilePatterns } from './topic-pattern.ts';

describe('topic patterns', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['room.1', 'room.1', true],
    ['room.1', 'roomx1', false],
    ['room.*', 'room.7', true],
    ['room.*', 'room.', true],
    ['room.*', 'room', false],
    ['room.*', 'room.7.admin', false],
    ['room.**', 'room.7.admin', true],
    ['**', 'anything at all', true],
    ['*', 'a.b', false],
    ['*.b', 'a.b', true],
    ['a*a', 'a', false],
    ['a**a', 'aa', true],
    ['a***b', 'a.x.b', true],
    ['a(b|c)', 'ab', false],
    ['[a]*', '[a]x', true],
    ['*😀', 'x😀', true],
    ['*\ude00', 'x😀', false],
    ['\u00e1', 'a\u0301', false],
  ];
  for (const [pattern, topic, expected] of cases) {
    it(`${pattern} ${expected ? 'covers' : 'does not cover'} ${topic}`, () => {
      assert.equal(compilePatterns([pattern])(topic), expected);
    });
  }

  it('cover together what one of them covers', () => {
    const covers = compilePatterns(['a', 'b.*', 'c.**.d']);
    const topics = ['a', 'b.1', 'c.x.y.d', 'b', 'c.d', 'ab', ''];
    assert.deepEqual(topics.map(covers), [true, true, true, false, false, false, false]);
    assert.equal(compilePatterns([])('a'), false);
  });

  it('take everything but their stars literally', () => {
    fc.assert(
      fc.property(wellFormed, wellFormed, (text, other) => {
        const literal = text.replaceAll('*', '');
        assert.equal(compilePatterns([literal])(literal), true);
        assert.equal(compilePatterns([`${literal}**`])(`${literal}${other}`), true);
        assert.equal(compilePatterns([`${literal}x**`])(literal), false);
      }),
    );
  });

  it('cover what the same regular expression covers, words of bits apart', () => {
    // Long pieces put letters of one pattern into several words; few letters make near misses.
    const piece = fc.constantFrom('*', '**', 'a', 'b', '.', 'ab.'.repeat(13), 'a'.repeat(31));
    const pattern = fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(''));
    const stars = fc.array(fc.constantFrom('', 'a', 'b', '.', 'aab', 'ab.'.repeat(12)), {
      minLength: 8,
      maxLength: 8,
    });
    fc.assert(
      fc.property(pattern, stars, fc.boolean(), (text, fillings, spoilt) => {
        let star = 0;
        const filled = text.replaceAll(/\*+/g, () => fillings[star++] ?? '');
        const topic = spoilt ? `${filled.slice(0, -3)}a${filled.slice(-2)}` : filled;
        const expected = new RegExp(`^${expression(text)}$`, 's').test(topic);
        assert.equal(compilePatterns([text])(topic), expected, `${text} and ${topic}`);
      }),
      { numRuns: 3_000 },
    );
  });

  it('answer at once where backtracking would take years', () => {
    const covers = compilePatterns([`${'*-'.repeat(100)}x`]);
    assert.equal(covers('-'.repeat(256)), false);
    assert.equal(covers(`${'-'.repeat(255)}x`), true);
  });

  const lists: Readonly<Record<string, readonly [readonly string[], string]>> = {
    ordinary: [
      Array.from({ length: 64 }, (_, n) => `tenant-${n}-eu-west.room.**.user.*.events.${n}`),
      `tenant-63-eu-west.room.${'ab.'.repeat(100)}`.slice(0, 250),
    ],
    'the longest of an ordinary kind': [
      Array.from({ length: 24 }, (_, n) => `room.**.${'user.'.repeat(48)}*.${n}**`),
      `room.${'user.'.repeat(49)}`,
    ],
    'made to keep every way open': [
      Array.from({ length: 24 }, (_, n) => `${'a**'.repeat(80)}${n}**`),
      'a'.repeat(250),
    ],
    'as long as a token can be, and made to fill every word of bits': [
      Array.from({ length: 24 }, (_, n) => `**${'a'.repeat(250)}${String.fromCharCode(98 + n)}*`),
      'a'.repeat(250),
    ],
  };
  for (const [name, [patterns, topic]] of Object.entries(lists)) {
    it(`judge a thousand topics by a list that is ${name}, in a moment`, () => {
      const covers = compilePatterns(patterns);
      const before = process.cpuUsage();
      for (let n = 0; n < 1_000; n += 1) covers(`${topic}${n}`);
      // Of this process alone, so that a busy machine does not count. It was seconds once.
      const { user } = process.cpuUsage(before);
      assert.ok(user < 1_000_000, `${Math.round(user / 1_000)} ms`);
    });
  }
});

const wellFormed = fc.string({ unit: 'binary' });

function expression(pattern: string): string {
  return pattern
    .replaceAll('.', '\\.')
    .replaceAll('**', '\u0000')
    .replaceAll('*', '[^.]*')
    .replaceAll('\u0000', '.*');
}
