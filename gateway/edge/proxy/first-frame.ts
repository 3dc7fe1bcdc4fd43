import * as limits from '../../../protocol/limits.ts';

/** What a client's first frame says, unmasked. */
export interface FirstFrame {
  readonly binary: boolean;
  readonly payload: Buffer;
}

const FINAL_DATA = 0x80;
const TEXT = 0x1;
const BINARY = 0x2;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;

/**
 * Reads the first frame of a client without taking it away: whoever serves the client reads the
 * same bytes again. Only what can be a `hello` is of interest: one masked, final data frame
 * of at most `limits.helloBytes`.
 */
export class FirstFrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** So many bytes must be there before there is anything to look at. */
  #needed = 2;

  /** Undefined: more is needed. `other`: it is no frame that could be a hello. */
  push(chunk: Buffer): FirstFrame | 'other' | undefined {
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    // Joined three times at most, however small the pieces are.
    if (this.#bytes < this.#needed) return undefined;
    return this.#look(this.taken);
  }

  /** Everything that was pushed. */
  get taken(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #look(bytes: Buffer): FirstFrame | 'other' | undefined {
    const [first = 0, second = 0] = bytes;
    const opcode = first ^ FINAL_DATA;
    if ((opcode !== TEXT && opcode !== BINARY) || (second & MASKED) === 0) return 'other';
    let length = second ^ MASKED;
    if (length === LENGTH_64) return 'other';
    let start = 2 + MASK_BYTES;
    if (length === LENGTH_16) {
      start += 2;
      if (bytes.length < start) return this.#wait(start);
      length = bytes.readUInt16BE(2);
    }
    if (length > limits.helloBytes) return 'other';
    const end = start + length;
    if (bytes.length < end) return this.#wait(end);
    const payload = Buffer.from(bytes.subarray(start, end));
    for (let n = 0; n < length; n += 1) {
      payload[n] = (payload[n] ?? 0) ^ (bytes[start - MASK_BYTES + (n % MASK_BYTES)] ?? 0);
    }
    return { binary: opcode === BINARY, payload };
  }

  #wait(needed: number): undefined {
    this.#needed = needed;
    return undefined;
  }
}
