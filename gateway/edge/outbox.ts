import type { ServerEvent } from '../../protocol/events.ts';
import type { Delivery, Outlet } from '../hub/hub.ts';
import { batchFrames, type Encoding, eventFrame } from './encoding.ts';
import type { Flushable } from './flusher.ts';
import type { Identity } from './identity.ts';
import type { Socket } from './socket.ts';

/** What an outbox tells its connection. */
export interface OutboxOwner {
  /** Who reads, once that is known, and the session in which. */
  readonly identity: Identity | undefined;
  readonly sessionName: string;
  /** Everything of the hub but messages: the connection says what the client gets to see. */
  onNotice(notice: Notice): void;
  /** More is unsent than may be; nothing is pushed until the client has read it. */
  onSlow(): void;
  /** Answers pile up that the client does not read. */
  onOverflow(): void;
  /** Messages were written. Called only while `watched`. */
  onWritten(): void;
  /** It is `last`: `flushNow` is to be called when everybody else was served. */
  onLast(): void;
}

export type Notice = Exclude<Delivery, { kind: 'entries' }>;

/** Above this the frames of a turn are written one by one: a copy would cost more than a write. */
const JOIN_BYTES = 64 * 1024;

/**
 * What is on its way to one client: frames of a turn are collected and leave in one write.
 *
 * It is bounded: when more than `limit` bytes are unsent, `deliver` returns false and the hub
 * keeps the rest (it is in the log) until the client has read. Only answers to the client's own
 * requests still go out then, and these have a limit of their own.
 */
export class Outbox implements Outlet, Flushable {
  // What a fan-out touches stands first, in as few cache lines as possible: with ten thousand
  // connections these are what a delivery costs beside the write.
  subscriptions: unknown = undefined;
  #first: Uint8Array | undefined = undefined;
  #bytes = 0;
  /** `socket.buffered` after the last write; it only falls until the next, pings apart. */
  #unsent = 0;
  /** Whether application frames were written since this was last set to false. */
  spoke = false;
  /** Whether anything was written since this was last set to false. */
  wrote = false;
  /** `slow` or `last`, in one, so that a flush of all others looks at nothing more. */
  #special = false;
  /** Whether messages are being followed to the client's reading; see `onWritten`. */
  watched = false;
  #closed = false;
  readonly #limit: number;
  readonly #encoding: Encoding;
  readonly #socket: Socket;
  #more: Uint8Array[] | undefined = undefined;
  readonly #owner: OutboxOwner;
  flushPending = false;
  #slow = false;
  #last = false;
  #asked = false;
  /** Bytes of answers since the client became slow. */
  #answers = 0;
  #due = Number.POSITIVE_INFINITY;
  #progress = Number.NaN;

  constructor(owner: OutboxOwner, wire: OutboxWire) {
    this.#owner = owner;
    this.#socket = wire.socket;
    this.#encoding = wire.encoding;
    this.#limit = wire.limit;
  }

  deliver(delivery: Delivery): boolean {
    if (delivery.kind === 'entries') {
      this.spoke = true;
      this.#add(batchFrames(delivery, this.#encoding));
    } else {
      this.#owner.onNotice(delivery);
    }
    return this.#hasRoom();
  }

  /** An event that is not a message, behind everything before it. `flush` writes it. */
  push(event: ServerEvent): void {
    const bytes = eventFrame(event, this.#encoding);
    this.#add(bytes);
    if (this.#hasRoom() || this.#closed) return;
    this.#answers += bytes.length;
    if (this.#answers > this.#limit) this.#owner.onOverflow();
  }

  get owner(): OutboxOwner {
    return this.#owner;
  }

  /** More is unsent than may be. */
  get slow(): boolean {
    return this.#slow;
  }

  /** The peer may be dead: what is for it is written when everybody else was served. */
  set last(last: boolean) {
    this.#last = last;
    this.#special = last || this.#slow;
  }

  flush(): void {
    if (this.#special) this.#flushSpecial();
    else if (this.#first !== undefined) this.#write(this.#first);
  }

  #flushSpecial(): void {
    if (this.#last && this.#first !== undefined) this.#owner.onLast();
    else this.flushNow();
  }

  flushNow(): void {
    if (this.#first !== undefined) this.#write(this.#first);
    if (this.#slow && !this.#asked) {
      this.#asked = true;
      this.#socket.askDrain();
    }
  }

  #write(first: Uint8Array): void {
    const socket = this.#socket;
    const more = this.#more;
    this.#first = undefined;
    this.wrote = true;
    if (more === undefined) socket.write(first);
    else this.#writeAll(first, more);
    this.#bytes = 0;
    this.#unsent = socket.buffered;
    if (this.watched) this.#owner.onWritten();
  }

  /** While slow: when to look whether the client reads. */
  get due(): number {
    return this.#due;
  }

  /** Whether the client read anything since the last look; the next one is at `due`. */
  watch(due: number): boolean {
    const { progress } = this.#socket;
    const reads = progress !== this.#progress;
    this.#progress = progress;
    this.#due = reads ? due : Number.POSITIVE_INFINITY;
    return reads;
  }

  /** The client has read everything. Returns whether it had been slow. */
  drained(): boolean {
    const was = this.#slow;
    this.#slow = false;
    this.#special = this.#last;
    this.#asked = false;
    this.#answers = 0;
    this.#due = Number.POSITIVE_INFINITY;
    this.#progress = Number.NaN;
    return was;
  }

  /** Nothing is written any more; what is pending is forgotten. */
  close(): void {
    this.#closed = true;
    this.#first = undefined;
    this.#more = undefined;
    this.#bytes = 0;
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** False: more is unsent than may be; the client is slow from now on. */
  #hasRoom(): boolean {
    if (this.#bytes + this.#unsent <= this.#limit || this.#closed) return true;
    this.#unsent = this.#socket.buffered;
    if (this.#bytes + this.#unsent <= this.#limit) return true;
    if (!this.#slow) {
      this.#slow = true;
      this.#special = true;
      this.#owner.onSlow();
    }
    return false;
  }

  #add(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#bytes += bytes.length;
    if (this.#first === undefined) this.#first = bytes;
    else if (this.#more === undefined) this.#more = [bytes];
    else this.#more.push(bytes);
  }

  #writeAll(first: Uint8Array, more: readonly Uint8Array[]): void {
    this.#more = undefined;
    if (this.#bytes <= JOIN_BYTES) {
      this.#socket.write(Buffer.concat([first, ...more], this.#bytes));
      return;
    }
    this.#socket.write(first);
    for (const bytes of more) this.#socket.write(bytes);
  }
}

export interface OutboxWire {
  readonly socket: Socket;
  readonly encoding: Encoding;
  /** Unsent bytes above which the client is slow. */
  readonly limit: number;
}
