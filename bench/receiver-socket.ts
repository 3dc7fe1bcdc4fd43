import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/**
 * The cheapest WebSocket client that still is one: a raw socket, the handshake, masked frames out,
 * and a count of the frames that come in. Ten thousand of these in one process leave the machine to
 * the server under test.
 */

const FIN_TEXT = 0x81;
const OP_PING = 0x9;
const OP_PONG = 0xa;

/** A masked text frame of `text`, below 64 KiB. */
export function maskedText(text: string): Buffer {
  return masked(FIN_TEXT, Buffer.from(text));
}

function masked(firstByte: number, payload: Buffer): Buffer {
  if (payload.length > 0xffff) throw new Error('bench frames stay below 64 KiB');
  const long = payload.length > 125;
  const header = Buffer.alloc(long ? 8 : 6);
  header[0] = firstByte;
  header[1] = 0x80 | (long ? 126 : payload.length);
  if (long) header.writeUInt16BE(payload.length, 2);
  // A mask of zeros leaves the payload as it is: allowed on the wire, and free.
  return Buffer.concat([header, payload]);
}

export interface ReceiverEvents {
  /** The answer to the upgrade came. */
  onOpen(receiver: ReceiverSocket): void;
  onFrame(opcode: number, payload: Buffer): void;
  onClose(): void;
}

export class ReceiverSocket {
  readonly #socket: Socket;
  readonly #events: ReceiverEvents;
  #open = false;
  #rest: Buffer = EMPTY;

  constructor(target: { host: string; port: number; path: string }, events: ReceiverEvents) {
    this.#events = events;
    this.#socket = connect({ host: target.host, port: target.port, noDelay: true });
    this.#socket.on('connect', () => {
      const key = randomBytes(16).toString('base64');
      this.#socket.write(
        `GET ${target.path} HTTP/1.1\r\nHost: ${target.host}:${target.port}\r\n` +
          'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
          `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: wscluster.v1\r\n\r\n`,
      );
    });
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => events.onClose());
  }

  send(frame: Buffer): void {
    this.#socket.write(frame);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#open) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end === -1) {
        this.#rest = bytes;
        return;
      }
      if (!bytes.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) {
        this.#socket.destroy();
        return;
      }
      this.#open = true;
      bytes = bytes.subarray(end + 4);
      this.#events.onOpen(this);
    }
    this.#rest = this.#frames(bytes);
  }

  /** Takes every complete frame off the front and returns what is left. */
  #frames(bytes: Buffer): Buffer {
    let rest = bytes;
    for (let frame = frameAt(rest); frame !== undefined; frame = frameAt(rest)) {
      rest = rest.subarray(frame.end);
      if (frame.opcode === OP_PING) this.send(masked(0x80 | OP_PONG, frame.payload));
      else this.#events.onFrame(frame.opcode, frame.payload);
    }
    // A view of nothing would hold the whole chunk.
    return rest.length === 0 ? EMPTY : rest;
  }
}

const EMPTY = Buffer.alloc(0);

/** The frame at the beginning of `bytes`; undefined while it is incomplete. */
function frameAt(bytes: Buffer) {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  const header = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < header) return undefined;
  let length = short;
  if (short === 126) length = bytes.readUInt16BE(2);
  else if (short === 127) length = Number(bytes.readBigUInt64BE(2));
  const end = header + length;
  if (bytes.length < end) return undefined;
  return { opcode: (bytes[0] ?? 0) & 0x0f, payload: bytes.subarray(header, end), end };
}
