import type { SocketLike } from '../../client/platform.ts';
import type { Timer } from '../../protocol/clock.ts';
import { FrameReader, type ServerFrame } from './frame-reader.ts';
import type { Lane } from './lane.ts';
import type { Downward, LineWatch, Upward } from './line-traffic.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface ClientEndParts {
  readonly process: SimulatedProcess;
  readonly watch: LineWatch;
  readonly up: Lane<Upward>;
  /** So many bytes of the gateway's were read. */
  readonly read: (bytes: number) => void;
}

type Handler = ((event: never) => void) | null;

/** As in browsers: the other side has so long to end the connection after its close was read. */
const CLOSING_MS = 2_000;
const NO_HANDSHAKE = 1006;

const decoder = new TextDecoder();

/** The client's WebSocket: answers pings, closes in an orderly way, and tells its watcher. */
export class ClientEnd implements SocketLike {
  onopen: Handler = null;
  onmessage: Handler = null;
  onclose: Handler = null;
  onerror: Handler = null;
  readonly #parts: ClientEndParts;
  readonly #reader = new FrameReader();
  #state: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting';
  #opened = false;
  #ended = false;
  #code = NO_HANDSHAKE;
  #reason = '';
  #closing: Timer | undefined;

  constructor(parts: ClientEndParts) {
    this.#parts = parts;
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  send(text: string): void {
    if (this.#state !== 'open') return;
    this.#parts.up.send({ kind: 'text', data: Buffer.from(text) }, text.length);
    this.#parts.watch.onSaid?.(text);
  }

  close(code = 1000): void {
    this.#end(code);
    if (this.#state === 'closed' || this.#state === 'closing') return;
    if (this.#state === 'open') this.#parts.up.send({ kind: 'close', code }, 0);
    else this.#parts.up.send({ kind: 'end' }, 0);
    this.#state = 'closing';
    this.#waitForEnd();
  }

  arrived(item: Downward): void {
    if (this.#state === 'closed') return;
    if (item === 'open') this.#open();
    else if (item === 'end') this.#over();
    else this.#bytes(item);
  }

  #open(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#opened = true;
    this.#parts.watch.onOpen();
    this.onopen?.({} as never);
  }

  #bytes(piece: Uint8Array): void {
    this.#parts.read(piece.length);
    for (const frame of this.#reader.take(piece)) this.#frame(frame);
  }

  #frame({ opcode, payload }: ServerFrame): void {
    if (this.#state === 'closed' || this.#ended) return;
    if (opcode === 0x1) {
      const data = decoder.decode(payload);
      this.#parts.watch.onHeard(kindOf(data));
      this.#parts.watch.onText?.(data);
      this.onmessage?.({ data } as never);
    } else if (opcode === 0x9) {
      this.#parts.watch.onHeard('ping');
      if (this.#state === 'open') {
        this.#parts.up.send({ kind: 'pong', payload: Buffer.from(payload) }, payload.length);
      }
    } else if (opcode === 0x8) {
      this.#code = payload.readUInt16BE(0);
      this.#reason = decoder.decode(payload.subarray(2));
      this.#parts.up.send({ kind: 'close', code: this.#code }, 0);
      this.#state = 'closing';
      this.#waitForEnd();
    }
  }

  #waitForEnd(): void {
    this.#closing = this.#parts.process.clock.after(CLOSING_MS, () => this.#over());
  }

  #over(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closing?.cancel();
    this.#end(this.#code);
    this.onclose?.({ code: this.#code, reason: this.#reason } as never);
  }

  #end(code: number): void {
    if (!this.#opened || this.#ended) return;
    this.#ended = true;
    this.#parts.watch.onEnd(code);
  }
}

function kindOf(text: string): 'tick' | 'stale' | 'other' {
  if (text.startsWith('{"type":"tick"')) return 'tick';
  return text.startsWith('{"type":"stale"') ? 'stale' : 'other';
}
