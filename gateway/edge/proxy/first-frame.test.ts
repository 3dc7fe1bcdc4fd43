import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as limits from '../../../protocol/limits.ts';
import { encodeFrame } from '../testing/raw-peer.ts';
import { FirstFrameReader } from './first-frame.ts';

describe('the first frame of a client', () => {
  it('is the same however its bytes come, and nothing of what follows is lost', () => {
    const payloads = fc.uint8Array({ maxLength: limits.helloBytes });
    const cuts = fc.array(fc.integer({ min: 1, max: 4_096 }), { minLength: 1, maxLength: 40 });
    const property = fc.property(payloads, cuts, fc.boolean(), (payload, sizes, binary) => {
      const frame = encodeFrame({ opcode: binary ? 2 : 1, payload: Buffer.from(payload) });
      const bytes = Buffer.concat([frame, Buffer.from('what follows')]);
      const reader = new FirstFrameReader();
      let at = 0;
      for (let n = 0; ; n += 1) {
        const size = sizes[n % sizes.length] ?? 1;
        const first = reader.push(bytes.subarray(at, at + size));
        at = Math.min(at + size, bytes.length);
        assert.equal(first === undefined, at < frame.length);
        if (first === undefined) continue;
        assert.deepEqual(first, { binary, payload: Buffer.from(payload) });
        assert.deepEqual(reader.taken, bytes.subarray(0, at));
        return;
      }
    });
    fc.assert(property, { numRuns: 100 });
  });

  it('is of no interest when it cannot be a hello', () => {
    const hello = Buffer.from('{}');
    const large = Buffer.alloc(limits.helloBytes + 1);
    for (const frame of [
      encodeFrame({ opcode: 1, payload: hello, mask: false }),
      encodeFrame({ opcode: 1, payload: hello, fin: false }),
      encodeFrame({ opcode: 1, payload: hello, reserved: 4 }),
      encodeFrame({ opcode: 9, payload: hello }),
      encodeFrame({ opcode: 8 }),
      encodeFrame({ opcode: 0, payload: hello }),
      encodeFrame({ opcode: 1, payload: large }),
      encodeFrame({ opcode: 1, payload: Buffer.alloc(70_000) }),
    ]) {
      assert.equal(new FirstFrameReader().push(frame), 'other');
    }
  });
});
