/** A frame that a gateway sent. */
export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** Takes a gateway's bytes in pieces of any size and gives whole frames: unmasked, unfragmented. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that `piece` completes. */
  take(piece: Uint8Array): ServerFrame[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#rest, piece]);
    const frames: ServerFrame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): ServerFrame | undefined {
    const bytes = this.#rest;
    if (bytes.length < 2) return undefined;
    const short = (bytes[1] as number) & 0x7f;
    const head = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2;
    if (bytes.length < head) return undefined;
    let length = short;
    if (short === LENGTH_16) length = bytes.readUInt16BE(2);
    if (short === LENGTH_64) length = Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + length) return undefined;
    this.#rest = bytes.subarray(head + length);
    const opcode = (bytes[0] as number) & 0x0f;
    return { opcode, payload: bytes.subarray(head, head + length) };
  }
}
