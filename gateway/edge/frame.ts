/**
 * WebSocket frames as a server writes them: never masked, never compressed, one frame a message.
 * Built once per message and codec; the same bytes then go to every subscriber.
 */

const FIN = 0x80;

export const opcodes = { text: 0x1, binary: 0x2, ping: 0x9, pong: 0xa } as const;

const LENGTH_16 = 126;
const LENGTH_64 = 127;

function headBytes(length: number): number {
  if (length < LENGTH_16) return 2;
  return length < 0x10000 ? 4 : 10;
}

function writeFrame(target: Buffer, start: number, part: FramePart): number {
  const { opcode, payload } = part;
  const { length } = payload;
  const head = headBytes(length);
  target[start] = FIN | opcode;
  if (head === 2) {
    target[start + 1] = length;
  } else if (head === 4) {
    target[start + 1] = LENGTH_16;
    target.writeUInt16BE(length, start + 2);
  } else {
    target[start + 1] = LENGTH_64;
    target.writeBigUInt64BE(BigInt(length), start + 2);
  }
  target.set(payload, start + head);
  return start + head + length;
}

interface FramePart {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** One frame. */
export function frame(opcode: number, payload: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(headBytes(payload.length) + payload.length);
  writeFrame(target, 0, { opcode, payload });
  return target;
}

/** One frame per payload, in order, in one buffer: one write. */
export function frames(opcode: number, payloads: readonly Uint8Array[]): Buffer {
  let total = 0;
  for (const payload of payloads) total += headBytes(payload.length) + payload.length;
  const target = Buffer.allocUnsafe(total);
  let at = 0;
  for (const payload of payloads) at = writeFrame(target, at, { opcode, payload });
  return target;
}
