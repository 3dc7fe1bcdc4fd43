import { frame, opcodes } from '../../gateway/edge/frame.ts';
import type { Socket, SocketOwner } from '../../gateway/edge/socket.ts';
import type { Lane } from './lane.ts';
import type { Downward, Upward } from './line-traffic.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface GatewayEndParts {
  readonly time: SimulatedClock;
  readonly process: SimulatedProcess;
  readonly down: Lane<Downward>;
  /** Bytes that the kernels and the way between them hold. */
  readonly window: number;
}

const CLOSE = 0x8;
const ABNORMAL = 1006;

/** The gateway's socket, as `WsSocket` behaves: bytes go out as far as the kernel takes them. */
export class GatewayEnd implements Socket {
  /** Messages arrive whole here. */
  readonly receiving = false;
  readonly peer = undefined;
  readonly #parts: GatewayEndParts;
  #owner: SocketOwner | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #waiting: Uint8Array[] = [];
  #buffered = 0;
  #progress = 0;
  /** Taken by the kernel and not read by the client. */
  #held = 0;
  /** Values of `progress` at which somebody wants to be told. */
  #drains: number[] = [];
  #paused = false;
  #unread: Upward[] = [];
  #reading = false;

  constructor(parts: GatewayEndParts) {
    this.#parts = parts;
  }

  /** The upgrade was answered: the client hears of it before anything that the owner says. */
  accept(): void {
    this.#parts.down.send('open', 0);
  }

  attach(owner: SocketOwner): void {
    this.#owner = owner;
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  get buffered(): number {
    return this.#buffered;
  }

  get progress(): number {
    return this.#progress;
  }

  write(frames: Uint8Array): void {
    if (this.#state === 'open') this.#push(frames);
  }

  askDrain(): void {
    if (this.#state !== 'open') return;
    this.#drains.push(this.#progress + this.#buffered);
    this.#tellDrained();
  }

  ping(payload: Uint8Array): void {
    this.write(frame(opcodes.ping, payload));
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.resume();
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code, 0);
    payload.write(reason, 2);
    this.#push(frame(CLOSE, payload));
    this.#state = 'closing';
  }

  terminate(): void {
    if (this.#state === 'closed') return;
    this.#parts.down.send('end', 0);
    this.#closed(ABNORMAL, '');
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#readSoon();
  }

  /** The client read so many bytes: the kernel has room again. */
  read(bytes: number): void {
    this.#held -= bytes;
    this.#pump();
  }

  arrived(item: Upward): void {
    if (this.#state === 'closed') return;
    // The end of a connection is noticed by reading, which waits while paused; a reset is not.
    this.#unread.push(item);
    if (!this.#paused && !this.#reading) this.#readOne();
  }

  #readSoon(): void {
    if (this.#reading || this.#unread.length === 0) return;
    this.#reading = true;
    this.#parts.time.after(0, () =>
      this.#parts.process.run(() => {
        this.#reading = false;
        this.#readOne();
      }),
    );
  }

  #readOne(): void {
    if (this.#paused || this.#state === 'closed') return;
    const item = this.#unread.shift();
    if (item !== undefined) this.#take(item);
    this.#readSoon();
  }

  #take(item: Upward): void {
    if (item.kind === 'text') this.#owner?.onMessage(item.data, false);
    else if (item.kind === 'pong') this.#owner?.onPong(item.payload);
    else if (item.kind === 'end') this.#closed(ABNORMAL, '');
    else {
      this.#parts.down.send('end', 0);
      this.#closed(item.code, '');
    }
  }

  /** The owner hears of it in an event of its own, as with a real socket. */
  #closed(code: number, reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#waiting = [];
    this.#buffered = 0;
    this.#drains = [];
    const owner = this.#owner;
    this.#owner = undefined;
    this.#parts.time.after(0, () => this.#parts.process.run(() => owner?.onClose(code, reason)));
  }

  #push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#buffered += bytes.length;
    this.#pump();
  }

  #pump(): void {
    while (this.#buffered > 0) {
      const room = this.#parts.window - this.#held;
      const first = this.#waiting[0];
      if (room <= 0 || first === undefined) break;
      const piece = first.subarray(0, room);
      if (piece.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(piece.length);
      this.#buffered -= piece.length;
      this.#progress += piece.length;
      this.#held += piece.length;
      this.#parts.down.send(piece, piece.length);
    }
    this.#tellDrained();
  }

  #tellDrained(): void {
    while ((this.#drains[0] ?? Number.POSITIVE_INFINITY) <= this.#progress) {
      this.#drains.shift();
      this.#parts.time.after(0, () => this.#parts.process.run(() => this.#owner?.onDrain()));
    }
  }
}
