import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pack } from 'msgpackr';
import type { Codec, Decoded } from './codec.ts';
import { errorCodes } from './codes.ts';
import { jsonCodec } from './json.ts';
import * as limits from './limits.ts';
import { msgpackCodec } from './msgpack.ts';
import type { Payload } from './payload.ts';
import * as arbitrary from './testing/arbitrary.ts';
import { toEncoding } from './transcode.ts';

/** With `data` in the codec's own encoding, so that nothing is rewritten on the way. */
function inEncodingOf<T extends { type: string }>(codec: Codec, value: T): T {
  if (!('data' in value)) return value;
  const encoding = codec.binary ? 'msgpack' : 'json';
  return {
    ...value,
    data: { encoding, bytes: plain(toEncoding(value.data as Payload, encoding)) },
  };
}

/** A plain Uint8Array of the same bytes: deepEqual tells a Buffer from one. */
const plain = (bytes: Uint8Array) => new Uint8Array(bytes);

function assertOutcome(outcome: Decoded<unknown>): void {
  if (outcome.ok) return;
  assert.ok(outcome.code in errorCodes, `unknown code ${outcome.code}`);
  assert.ok(outcome.message.length > 0 && outcome.message.length < 400, outcome.message);
}

for (const codec of [jsonCodec, msgpackCodec]) {
  describe(`codec ${codec.subprotocol}`, () => {
    it('gives back every command that it wrote', () => {
      fc.assert(
        fc.property(arbitrary.command, (command) => {
          const original = inEncodingOf(codec, command);
          const outcome = codec.decodeCommand(plain(codec.encodeCommand(original)));
          assert.deepEqual(outcome, { ok: true, value: original });
        }),
        { numRuns: 1_000 },
      );
    });

    it('gives back every event that it wrote', () => {
      fc.assert(
        fc.property(arbitrary.event, (event) => {
          const original = inEncodingOf(codec, event);
          const outcome = codec.decodeEvent(plain(codec.encodeEvent(original)));
          assert.deepEqual(outcome, { ok: true, value: original });
        }),
        { numRuns: 1_000 },
      );
    });

    it('answers any bytes with a value or a refusal, and never throws', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          assertOutcome(codec.decodeCommand(bytes));
          assertOutcome(codec.decodeEvent(bytes));
        }),
        { numRuns: 3_000 },
      );
    });

    it('answers any damage to a real frame with a value or a refusal', () => {
      const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), {
        minLength: 1,
        maxLength: 4,
      });
      fc.assert(
        fc.property(arbitrary.command, damage, fc.nat(), (command, edits, cut) => {
          const frame = plain(codec.encodeCommand(command));
          for (const [at, byte] of edits) frame[at % frame.length] = byte;
          assertOutcome(codec.decodeCommand(frame));
          assertOutcome(codec.decodeCommand(frame.subarray(0, cut % frame.length)));
        }),
        { numRuns: 3_000 },
      );
    });

    it('refuses nesting at one level over the limit and takes it at the limit', () => {
      const nested = (levels: number) => {
        let value: unknown = 1;
        for (let level = 0; level < levels; level += 1) value = [value];
        const bytes = new TextEncoder().encode(JSON.stringify(value));
        const data: Payload = { encoding: 'json', bytes };
        return codec.decodeCommand(codec.encodeCommand({ type: 'pub', id: 1, topic: 't', data }));
      };
      // The frame itself is one level.
      assert.equal(nested(limits.depth - 1).ok, true);
      const refused = nested(limits.depth);
      assert.equal(refused.ok, false);
      assert.match(refused.ok ? '' : refused.message, /deep/);
    });

    it('takes as many members as a frame may have, and not one more', () => {
      // Of `ping`, two are known; the others would be those of a later version.
      const ping = (members: number) => {
        const others = Array.from({ length: members - 2 }, (_, n) => [`later-${n}`, n]);
        const frame = { type: 'ping', at: 1, ...Object.fromEntries(others) };
        const bytes = codec.binary ? pack(frame) : new TextEncoder().encode(JSON.stringify(frame));
        return codec.decodeCommand(plain(bytes));
      };
      assert.deepEqual(ping(limits.members), { ok: true, value: { type: 'ping', at: 1 } });
      const refused = ping(limits.members + 1);
      assert.equal(refused.ok, false);
      assert.equal(refused.ok ? '' : refused.code, 'bad_frame');
    });

    it('survives a hundred thousand brackets', () => {
      const open = codec.binary ? 0x91 : 0x5b;
      assertOutcome(codec.decodeCommand(new Uint8Array(100_000).fill(open)));
      assert.equal(codec.decodeCommand(new Uint8Array(100_000).fill(open)).ok, false);
    });
  });
}

describe('payloads between encodings', () => {
  it('carries every JSON value through msgpack and back', () => {
    fc.assert(
      fc.property(arbitrary.jsonPayload, (payload) => {
        const packed: Payload = { encoding: 'msgpack', bytes: toEncoding(payload, 'msgpack') };
        const back = new TextDecoder().decode(toEncoding(packed, 'json'));
        const before = JSON.parse(new TextDecoder().decode(payload.bytes));
        assert.deepEqual(JSON.parse(back), JSON.parse(JSON.stringify(before)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('hands out the publisher’s own bytes where the encoding is the same', () => {
    const payload: Payload = { encoding: 'json', bytes: new TextEncoder().encode('1e400') };
    assert.equal(toEncoding(payload, 'json'), payload.bytes);
  });

  it('writes msgpack bytes as base64 and keeps the digits of large integers', () => {
    const binary: Payload = { encoding: 'msgpack', bytes: Uint8Array.of(0xc4, 3, 1, 2, 3) };
    assert.equal(new TextDecoder().decode(toEncoding(binary, 'json')), '"AQID"');
    const large: Payload = {
      encoding: 'msgpack',
      bytes: Uint8Array.of(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    };
    assert.equal(new TextDecoder().decode(toEncoding(large, 'json')), '18446744073709551615');
  });

  it('writes half a surrogate pair as U+FFFD in msgpack, and leaves whole ones', () => {
    const text = '{"\\ud800a":["\\uDFFF","\\ud83d\\ude00","\\\\ud800"]}';
    const packed = (json: string) =>
      toEncoding({ encoding: 'json', bytes: new TextEncoder().encode(json) }, 'msgpack');
    const expected = JSON.stringify({ '\ufffda': ['\ufffd', '😀', '\\ud800'] });
    assert.deepEqual(packed(text), packed(expected));
  });
});

describe('msgpack strings', () => {
  const text = (bytes: readonly number[]) => [0xa0 | bytes.length, ...bytes];
  const ascii = (value: string) => text([...Buffer.from(value)]);
  const publish = (topic: readonly number[], data: readonly number[]) =>
    msgpackCodec.decodeCommand(
      Uint8Array.from([
        ...[0x84, ...ascii('type'), ...ascii('pub'), ...ascii('id'), 1],
        ...[...ascii('topic'), ...topic, ...ascii('data'), ...data],
      ]),
    );
  const illFormed = { 'no character': [0xff], 'half a pair': [0xed, 0xa0, 0x80], short: [0xc3] };
  for (const [name, bytes] of Object.entries(illFormed)) {
    it(`are UTF-8, in names and in data: ${name}`, () => {
      assert.equal(publish(ascii('a'), ascii('é')).ok, true);
      const places = [
        publish(text(bytes), [1]),
        publish(ascii('a'), text(bytes)),
        publish(ascii('a'), [0x91, 0x81, ...ascii('k'), 0xd9, bytes.length, ...bytes]),
        publish(ascii('a'), [0x81, ...text(bytes), 1]),
      ];
      for (const outcome of places) {
        assert.equal(outcome.ok ? '' : outcome.code, 'bad_frame');
        assert.equal(outcome.ok ? '' : outcome.message, 'a string is not UTF-8');
      }
      assert.equal(publish(ascii('a'), [0xc4, bytes.length, ...bytes]).ok, true, 'a bin is free');
    });
  }
});

describe('refusals', () => {
  const refusal = (command: object) => {
    const outcome = jsonCodec.decodeCommand(new TextEncoder().encode(JSON.stringify(command)));
    return outcome.ok ? '' : outcome.message;
  };

  it('say how long a list is that is too long or empty', () => {
    const sub = (count: number) =>
      refusal({ type: 'sub', id: 1, topics: Array.from({ length: count }, (_, n) => `t${n}`) });
    assert.equal(sub(1_001), 'topics: a list of 1 to 1000, not a list of 1001');
    assert.equal(sub(0), 'topics: a list of 1 to 1000, not a list of 0');
    assert.equal(
      refusal({ type: 'sub', id: 1, topics: {} }),
      'topics: a list of 1 to 1000, not an object',
    );
  });

  it('show nothing of a token, whatever is wrong with it', () => {
    const long = `eyJhbGciOiJIUzI1NiJ9.${'x'.repeat(limits.tokenBytes)}`;
    for (const type of ['hello', 'auth']) {
      for (const token of [long, '', 4_711, { eyJ: 1 }, ['eyJ']]) {
        const message = refusal({ type, id: 1, token });
        assert.match(message, /^token: a string of 1 to 8192 characters, not an? /);
        assert.doesNotMatch(message, /eyJ|4711/);
      }
    }
  });
});
