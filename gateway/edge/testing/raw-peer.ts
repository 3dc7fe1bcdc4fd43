import { connect, type Socket } from 'node:net';
import { until } from '../../../e2e/deadline.ts';

/** A frame as it stood on the wire. */
export interface WireFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface SentFrame {
  readonly opcode: number;
  readonly payload?: Buffer | string;
  /** Default: the last one of its message. */
  readonly fin?: boolean;
  /** Default: masked, as a client must. */
  readonly mask?: boolean;
  readonly reserved?: number;
}

export interface UpgradeOptions {
  readonly headers?: readonly string[];
  readonly path?: string;
  readonly stubborn?: boolean;
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** A peer on a bare socket, for what no WebSocket library would send. */
export class RawPeer {
  readonly socket: Socket;
  ended = false;
  #bytes: Buffer = Buffer.alloc(0);

  /** `stubborn`: it keeps its side open when the other side ends. */
  constructor(port: number, { stubborn = false } = {}) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: stubborn });
    this.socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
    this.socket.on('close', () => {
      this.ended = true;
    });
    this.socket.on('error', () => {
      // A reset shows itself as a close.
    });
  }

  /** Connects and upgrades. */
  static async upgraded(port: number, options: UpgradeOptions = {}) {
    const peer = new RawPeer(port, options);
    peer.socket.write(upgradeRequest(port, options.headers ?? [], options.path));
    await until(() => peer.text.includes('\r\n\r\n'), { for: 'the answer to an upgrade' });
    if (!peer.text.startsWith('HTTP/1.1 101')) throw new Error(peer.text);
    peer.#bytes = peer.#bytes.subarray(peer.text.indexOf('\r\n\r\n') + 4);
    return peer;
  }

  /** Everything received and not taken yet. */
  get text(): string {
    return this.#bytes.toString('latin1');
  }

  send(frame: SentFrame): void {
    this.socket.write(encodeFrame(frame));
  }

  say(command: object): void {
    this.send({ opcode: 1, payload: JSON.stringify(command) });
  }

  /** All whole frames received so far. */
  get frames(): WireFrame[] {
    return framesOf(this.#bytes);
  }

  /** The code of the close frame. */
  async closeCode(): Promise<number> {
    const isClose = ({ opcode }: WireFrame) => opcode === 8;
    await until(() => this.frames.some(isClose), { for: 'a close frame' });
    return this.frames.find(isClose)?.payload.readUInt16BE(0) ?? 0;
  }

  /** All events received, decoded. */
  get events(): { readonly type: string; readonly code?: string }[] {
    return this.frames
      .filter(({ opcode }) => opcode === 1)
      .map(({ payload }) => JSON.parse(payload.toString()));
  }
}

export function upgradeRequest(port: number, headers: readonly string[], path = '/ws'): string {
  const all = [
    `GET ${path} HTTP/1.1`,
    ...(headers.some((header) => /^host:/i.test(header)) ? [] : [`Host: 127.0.0.1:${port}`]),
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...headers,
  ];
  return `${all.join('\r\n')}\r\n\r\n`;
}

const MASK = Buffer.from([1, 2, 3, 4]);

export function encodeFrame(frame: SentFrame): Buffer {
  const { opcode, fin = true, mask = true, reserved = 0 } = frame;
  const payload = Buffer.from(frame.payload ?? '');
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const masked = mask ? 0x80 : 0;
  const { length } = payload;
  let head: Buffer;
  if (length < 126) {
    head = Buffer.from([first, masked | length]);
  } else if (length < 0x10000) {
    head = Buffer.from([first, masked | 126, length >> 8, length & 0xff]);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = masked | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!mask) return Buffer.concat([head, payload]);
  const body = Buffer.from(payload.map((byte, index) => byte ^ (MASK[index % 4] ?? 0)));
  return Buffer.concat([head, MASK, body]);
}

/** All whole frames at the beginning of `bytes`. */
export function framesOf(bytes: Buffer): WireFrame[] {
  const frames: WireFrame[] = [];
  let rest = bytes;
  for (;;) {
    const frame = decodeFrame(rest);
    if (frame === undefined) return frames;
    frames.push(frame);
    rest = rest.subarray(frame.size);
  }
}

function decodeFrame(bytes: Buffer): (WireFrame & { readonly size: number }) | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = (bytes[0] ?? 0) & 0x0f;
  let length = bytes[1] ?? 0;
  let head = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = bytes.readUInt16BE(2);
    head = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(bytes.readBigUInt64BE(2));
    head = 10;
  }
  const size = head + length;
  if (bytes.length < size) return undefined;
  return { opcode, payload: bytes.subarray(head, size), size };
}
