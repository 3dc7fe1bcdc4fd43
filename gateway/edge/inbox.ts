import { type CloseCode, closeCodes, type ErrorName } from '../../protocol/codes.ts';
import type { Command } from '../../protocol/commands.ts';
import * as limits from '../../protocol/limits.ts';
import type { EdgeContext } from './context.ts';
import type { Encoding } from './encoding.ts';
import { pauses } from './pauses.ts';
import type { Socket } from './socket.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

/**
 * Frames that may wait while reading is paused. They come from one read of the socket (64 KB):
 * a publish has 48 bytes at least, so only a flood of smaller frames reaches this.
 */
const WAITING_FRAMES = 2_048;
const WAITING_BYTES = 128 * 1024;
/** Frames that could not be understood, over the life of a connection. */
const BAD_FRAMES = 16;
/** Bytes of a frame that count like one more frame: what decoding costs grows with them. */
const BYTES_PER_TOKEN = 8 * 1024;
const NEVER = Number.POSITIVE_INFINITY;
/** Topics of a command that count like one more frame. */
const TOPICS_PER_TOKEN = 10;

/** Refusals that say that the peer does not speak the protocol. */
const badCodes: ReadonlySet<ErrorName> = new Set(['bad_frame', 'bad_request', 'hello_first']);

/** What an inbox needs of its connection. */
export interface InboxOwner {
  readonly socket: Socket;
  readonly encoding: Encoding;
  /** Whether what comes is still served. */
  readonly alive: boolean;
  /** Whether it has said who it is. */
  readonly greeted: boolean;
  onCommand(command: Command): void;
  /** Answers with an error, to the request where it has a number. */
  fail(code: ErrorName, message: string, about?: { readonly id?: number }): void;
  close(code: CloseCode): void;
  /** The inbox's deadline changed. */
  plan(): void;
}

/**
 * What comes from one client, in order, within its limits. A client that is too fast is not
 * refused but read more slowly: the frames that were read already wait, reading stops, and TCP
 * slows the peer down. Only what no honest client does (floods of tiny frames) ends it.
 */
export class Inbox {
  readonly #owner: InboxOwner;
  readonly #context: EdgeContext;
  readonly #bucket: TokenBucket;
  /** That of the identity, shared by its connections. */
  shared: TokenBucket | undefined = undefined;
  #paused = 0;
  #resumeAt = NEVER;
  /** The message that is arriving must be complete by then. */
  #completeBy = NEVER;
  #waiting: Uint8Array[] | undefined = undefined;
  #waitingBytes = 0;
  #bad = 0;
  /** Control frames over the rate since there last was none. */
  #ignored = 0;
  #publishes = 0;

  constructor(owner: InboxOwner, context: EdgeContext) {
    this.#owner = owner;
    this.#context = context;
    this.#bucket = new TokenBucket(context.rate, context.clock.now());
  }

  get paused(): boolean {
    return this.#paused !== 0;
  }

  /** Publishes without an answer. */
  get publishes(): number {
    return this.#publishes;
  }

  /** When `onTime` has something to do. */
  get due(): number {
    return Math.min(this.#resumeAt, this.#completeBy);
  }

  receive(data: Uint8Array, binary: boolean): void {
    this.#completeBy = NEVER;
    if (binary !== this.#owner.encoding.codec.binary) {
      const kind = binary ? 'text' : 'binary';
      this.#owner.fail('bad_frame', `${kind} frames were agreed`);
      this.#owner.close(closeCodes.unsupported);
      return;
    }
    if (this.#paused === 0) this.#handle(data);
    else this.#wait(data);
  }

  /** A ping, or a pong that answers nothing. False: over the rate. */
  control(): boolean {
    const left = this.#take(1);
    if (left >= 0) {
      this.#ignored = 0;
      return true;
    }
    this.#ignored += 1;
    if (this.#ignored > WAITING_FRAMES) this.#owner.close(closeCodes.rateLimited);
    return false;
  }

  /** Stops reading, for one of `pauses`. */
  pause(why: number): void {
    if (this.#paused === 0) this.#owner.socket.pause();
    this.#paused |= why;
  }

  /** Handles what waited, and reads on when nothing else stands against it. */
  resume(why: number): void {
    if ((this.#paused & why) === 0) return;
    this.#paused &= ~why;
    while (this.#paused === 0 && this.#waiting !== undefined) {
      const data = this.#waiting.shift();
      if (data === undefined) {
        this.#waiting = undefined;
        this.#waitingBytes = 0;
      } else {
        this.#waitingBytes -= data.length;
        this.#handle(data);
      }
    }
    if (this.#paused === 0) this.#owner.socket.resume();
  }

  onTime(now: number): void {
    if (now >= this.#resumeAt) {
      this.#resumeAt = NEVER;
      this.resume(pauses.rate);
    }
    if (now >= this.#completeBy) this.#judgeArrival(now);
  }

  /**
   * Called at each heartbeat: a message that is arriving now has to be complete in time. So one
   * that never ends is found without a look at each piece, and at most an interval late.
   */
  look(now: number): void {
    if (this.#completeBy !== NEVER || !this.#owner.socket.receiving) return;
    this.#completeBy = now + this.#context.settings.messageTimeoutMs;
  }

  publishBegan(): void {
    this.#publishes += 1;
    if (this.#publishes >= this.#context.settings.publishesInFlight) this.pause(pauses.publishes);
  }

  publishEnded(): void {
    this.#publishes -= 1;
    if (this.#publishes < this.#context.settings.publishesInFlight) this.resume(pauses.publishes);
  }

  /** What is done for each of many topics costs more than one frame; said before it is done. */
  charge(topics: number): void {
    this.#take(Math.floor(topics / TOPICS_PER_TOKEN));
  }

  /** Nothing is handled any more. */
  close(): void {
    this.#waiting = undefined;
    this.#resumeAt = NEVER;
    this.#completeBy = NEVER;
  }

  #judgeArrival(now: number): void {
    this.#completeBy = NEVER;
    if (!this.#owner.socket.receiving) return;
    // The rest may be there, unread, because of us; being over the rate is the peer's own doing.
    if ((this.#paused & ~pauses.rate) !== 0) this.look(now);
    else this.#owner.close(closeCodes.messageTimeout);
  }

  #wait(data: Uint8Array): void {
    this.#waiting ??= [];
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    // One frame may be larger than a read: it waits alone.
    const bytes = this.#waiting.length > 1 ? this.#waitingBytes - data.length : 0;
    if (this.#waiting.length > WAITING_FRAMES || bytes > WAITING_BYTES) {
      this.#owner.close(closeCodes.rateLimited);
    }
  }

  #handle(data: Uint8Array): void {
    const owner = this.#owner;
    if (!owner.alive) return;
    if (!owner.greeted && data.length > limits.helloBytes) {
      owner.close(closeCodes.tooBig);
      return;
    }
    this.#take(1 + Math.floor(data.length / BYTES_PER_TOKEN));
    const decoded = owner.encoding.codec.decodeCommand(data);
    if (!decoded.ok) {
      this.refuse(decoded.code, decoded.message, decoded.id);
      return;
    }
    this.#context.counts.received(decoded.value.type);
    owner.onCommand(decoded.value);
  }

  /** Answers a frame that is not a command, and ends a peer that sends nothing else. */
  refuse(code: ErrorName, message: string, id: number | undefined): void {
    this.#owner.fail(code, message, id === undefined ? {} : { id });
    // Before hello whatever is refused was no hello.
    if (this.#owner.greeted && !badCodes.has(code)) return;
    this.#bad += 1;
    if (this.#bad >= BAD_FRAMES) this.#owner.close(closeCodes.badFrame);
  }

  /**
   * Takes from both buckets; in debt, reading stops until it is paid. Returns what is left. Rates
   * are of the clock's time: the wheel's goes slower or faster where this process stood still.
   */
  #take(amount: number): number {
    const now = this.#context.clock.now();
    const own = this.#takeFrom(this.#bucket, this.#context.rate, { now, amount, by: 'connection' });
    const { shared } = this;
    if (shared === undefined) return own;
    const { rate } = this.#context.users;
    return Math.min(own, this.#takeFrom(shared, rate, { now, amount, by: 'identity' }));
  }

  #takeFrom(bucket: TokenBucket, rate: Rate, taking: Taking): number {
    const { now, amount, by } = taking;
    const left = bucket.take(rate, now, amount);
    if (left >= 0 || !this.#owner.alive) return left;
    if ((this.#paused & pauses.rate) === 0) {
      this.#context.counts.limited(by);
      this.#resumeAt = 0;
    }
    const paidAt = this.#context.wheel.now() + bucket.debtMs(rate, now);
    this.#resumeAt = Math.max(this.#resumeAt, paidAt);
    this.pause(pauses.rate);
    this.#owner.plan();
    return left;
  }
}

interface Taking {
  readonly now: number;
  readonly amount: number;
  readonly by: 'connection' | 'identity';
}
