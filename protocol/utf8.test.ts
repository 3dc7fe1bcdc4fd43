import assert from 'node:assert/strict';
import { isUtf8 as nodeIsUtf8 } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isUtf8 } from './utf8.ts';

describe('UTF-8', () => {
  it('is what Node says that it is, every first and second byte and any others', () => {
    const tails = [[], [0x80], [0x80, 0x80], [0xbf, 0xbf, 0x41], [0x41]];
    for (let first = 0; first <= 0xff; first += 1) {
      for (let second = 0; second <= 0xff; second += 1) {
        for (const tail of tails) same(Uint8Array.of(first, second, ...tail));
      }
      same(Uint8Array.of(first));
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), same));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => same(Buffer.from(text))));
  });

  it('is judged within its bounds', () => {
    const bytes = Uint8Array.of(0xff, 0x61, 0xc3, 0xa9, 0xff);
    assert.equal(isUtf8(bytes, 1, 4), true);
    assert.equal(isUtf8(bytes, 1, 3), false);
    assert.equal(isUtf8(bytes, 1, 5), false);
  });
});

function same(bytes: Uint8Array): void {
  assert.equal(
    isUtf8(bytes, 0, bytes.length),
    nodeIsUtf8(bytes),
    Buffer.from(bytes).toString('hex'),
  );
}
