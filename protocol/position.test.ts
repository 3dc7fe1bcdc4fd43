import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatPosition, parsePosition } from './position.ts';
import * as arbitrary from './testing/arbitrary.ts';

describe('positions', () => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(arbitrary.position, (position) => {
        assert.deepEqual(parsePosition(formatPosition(position)), position);
      }),
    );
  });

  it('has one spelling for each position, and refuses everything else', () => {
    const wrong = [
      '',
      'a',
      'a:1',
      'a:01@1',
      'a:-1@1',
      'a:1@',
      ':1@1',
      'a b:1@1',
      'a:1@1 ',
      'a:1@1@1',
    ];
    for (const text of [...wrong, 'a:9007199254740993@1', `${'a'.repeat(33)}:1@1`, 7, null]) {
      assert.equal(parsePosition(text), undefined, String(text));
    }
  });

  it('answers any text with a position or undefined', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const position = parsePosition(text);
        if (position !== undefined) assert.equal(formatPosition(position), text);
      }),
    );
  });
});
