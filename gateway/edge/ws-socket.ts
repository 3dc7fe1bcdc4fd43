import type { Socket as NetSocket } from 'node:net';
import { WebSocket } from 'ws';
import { closeCodes } from '../../protocol/codes.ts';
import { frame, opcodes } from './frame.ts';
import { progressOf } from './net-progress.ts';
import type { Socket, SocketOwner } from './socket.ts';

/** A peer that lets more than this pile up gets no pongs: it does not read them anyway. */
const PONG_BACKLOG_BYTES = 64 * 1024;
const EMPTY = Buffer.alloc(0);

/**
 * `Socket` with `ws` behind it: `ws` does handshake, parsing, limits and the closing handshake;
 * frames of ours go straight to the `net.Socket`.
 *
 * It is the `ws` object itself and takes its events by overriding `emit`, which saves an adapter
 * and five listeners per connection (about 0.5 KB) and a dispatch per frame.
 */
export class WsSocket extends WebSocket implements Socket {
  // Set by `attach`, in the same turn in which `ws` makes the object.
  #net: NetSocket | undefined = undefined;
  #owner: SocketOwner | undefined = undefined;

  attach(net: NetSocket, owner: SocketOwner): void {
    this.#net = net;
    this.#owner = owner;
  }

  write(frames: Uint8Array): void {
    if (this.readyState === WebSocket.OPEN) this.#net?.write(frames);
  }

  askDrain(): void {
    const net = this.#net;
    // An empty write is called back when all before it was taken. Node's own `drain` event comes
    // only above its high-water mark, which is not our limit.
    if (this.readyState === WebSocket.OPEN) net?.write(EMPTY, () => this.#owner?.onDrain());
  }

  override ping(payload: Uint8Array): void {
    this.write(frame(opcodes.ping, payload));
  }

  override close(code?: number, reason?: string | Buffer): void {
    // The peer's answer must be read, also when reading was stopped.
    this.resume();
    super.close(code, reason);
  }

  get peer(): string | undefined {
    return this.#net?.remoteAddress;
  }

  get buffered(): number {
    return this.#net?.writableLength ?? 0;
  }

  get progress(): number {
    return this.#net === undefined ? 0 : progressOf(this.#net);
  }

  get receiving(): boolean {
    const { _receiver: receiver } = this as { _receiver?: Receiver | null };
    if (receiver === undefined || receiver === null) return false;
    return receiver._fragmented !== 0 || receiver._state !== 0 || receiver._bufferedBytes > 0;
  }

  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    const owner = this.#owner;
    if (owner === undefined) return false;
    switch (event) {
      case 'message':
        owner.onMessage(first as Buffer, second === true);
        return true;
      case 'pong':
        owner.onPong(first as Buffer);
        return true;
      case 'ping':
        if (owner.onPing() && this.buffered < PONG_BACKLOG_BYTES) {
          this.write(frame(opcodes.pong, first as Buffer));
        }
        return true;
      case 'error':
        owner.onViolation(violationCode(first));
        return true;
      case 'close':
        this.#owner = undefined;
        owner.onClose(first as number, String(second));
        return true;
      default:
        return false;
    }
  }
}

/**
 * A socket whose handshake is done and of which `ws` reads nothing before `begin`: until then it
 * may turn out that somebody else serves the client.
 */
export class HeldWsSocket extends WsSocket {
  #begin: ((taken: Buffer) => void) | undefined = undefined;

  /** `ws` calls it behind the answer to the handshake. */
  setSocket(net: NetSocket, _head: Buffer, options: object): void {
    this.#begin = (taken) => {
      setSocketOfWs.call(this, net, taken, options);
      net.resume();
    };
  }

  /** Serves the client here; `taken` is all that was read of it since its request. */
  begin(taken: Buffer): void {
    this.#begin?.(taken);
    this.#begin = undefined;
  }
}

type SetSocket = (net: NetSocket, head: Buffer, options: object) => void;
/** Not in the types of `ws`: its server is the only one that calls it. */
const { setSocket: setSocketOfWs = missing } = WebSocket.prototype as { setSocket?: SetSocket };

function missing(): never {
  throw new Error('this version of ws has no setSocket');
}

/** What `ws` keeps of a message that is not complete; it tells nobody. */
interface Receiver {
  /** The opcode of the message whose pieces are coming; 0: none. */
  readonly _fragmented: number;
  /** Where it is within a frame; 0: at its beginning. */
  readonly _state: number;
  /** Bytes that are too few for the next step. */
  readonly _bufferedBytes: number;
}

/** The close code that `ws` answers a broken rule with, from the name of its error. */
function violationCode(error: unknown): number {
  const name = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (name) {
    case 'WS_ERR_INVALID_UTF8':
      return closeCodes.invalidText.code;
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return closeCodes.tooBig.code;
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return closeCodes.policy.code;
    default:
      return name.startsWith('WS_ERR_') ? closeCodes.protocol.code : closeCodes.abnormal.code;
  }
}
