import assert from 'node:assert/strict';
import { it } from 'node:test';
import { frame, frames, opcodes } from './frame.ts';

/** Reads one unmasked frame, as RFC 6455 §5.2 describes it. */
function parse(bytes: Buffer): { opcode: number; payload: Buffer; rest: Buffer } {
  const [first = 0, second = 0] = bytes;
  assert.equal(first & 0xf0, 0x80, 'final, no reserved bits');
  assert.equal(second & 0x80, 0, 'not masked');
  let length = second & 0x7f;
  let head = 2;
  if (length === 126) {
    length = bytes.readUInt16BE(2);
    assert.ok(length > 125, 'the shortest form of the length');
    head = 4;
  } else if (length === 127) {
    length = Number(bytes.readBigUInt64BE(2));
    assert.ok(length > 0xffff, 'the shortest form of the length');
    head = 10;
  }
  const end = head + length;
  return { opcode: first & 0x0f, payload: bytes.subarray(head, end), rest: bytes.subarray(end) };
}

it('frames payloads of every length class', () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
    const payload = Buffer.alloc(length, length % 251);
    const { opcode, payload: read, rest } = parse(frame(opcodes.text, payload));
    assert.equal(opcode, 1);
    assert.ok(read.equals(payload), `${length} bytes`);
    assert.equal(rest.length, 0);
  }
});

it('puts the frames of many payloads behind each other', () => {
  const payloads = [0, 130, 70_000, 3].map((length) => Buffer.alloc(length, 7));
  let rest = frames(opcodes.binary, payloads);
  for (const payload of payloads) {
    const read = parse(rest);
    assert.equal(read.opcode, 2);
    assert.ok(read.payload.equals(payload));
    rest = read.rest;
  }
  assert.equal(rest.length, 0);
});
