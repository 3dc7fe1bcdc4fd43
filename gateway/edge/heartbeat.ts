import type { Stream } from '../stream/stream.ts';
import type { EdgeCounts } from './counts.ts';
import { type Health, judge } from './health.ts';
import type { Socket } from './socket.ts';

/** What the heartbeats of all connections share. */
export interface HeartbeatContext {
  readonly settings: {
    readonly heartbeatMs: number;
    readonly pongTimeoutMs: number;
    readonly missedPings: number;
    readonly idleAfterMs: number;
  };
  readonly counts: Pick<EdgeCounts, 'health'>;
  readonly stream: Pick<Stream, 'now'>;
}

const PAYLOAD_BYTES = 4;

/**
 * Whether the peer of one connection is alive, by WebSocket pings. Every ping carries a counter,
 * and a pong answers all pings up to its own (RFC 6455 allows a peer to answer only the newest):
 * so any ping can also prove what was read before it (`session.ts`).
 *
 * All times are the wheel's, but for `sentAfter`.
 */
export class Heartbeat {
  readonly #context: HeartbeatContext;
  #health: Health = 'fast';
  #counter = 0;
  #missed = 0;
  #nextPing: number;
  /** The middle before `#nextPing` is over. */
  #half = false;
  /** The last ping that was sent as a heartbeat, and when. */
  #pinged = 0;
  #sentAt = 0;
  /** The same by the log's clock, and that of the last ping that was answered; seconds. */
  #sentSecond: number;
  #answeredSecond: number;
  /** Nothing was heard since. */
  #unanswered = false;
  /** The socket's progress when that ping was queued behind unsent bytes; otherwise undefined. */
  #progress: number | undefined = undefined;
  #trafficAt: number;
  #roundTrip: number | undefined = undefined;

  /** `phase` in [0, 1) spreads the pings of many connections over the interval. */
  constructor(context: HeartbeatContext, now: number, phase: number) {
    this.#context = context;
    this.#nextPing = now + phase * context.settings.heartbeatMs;
    this.#trafficAt = now;
    this.#sentSecond = this.#second();
    this.#answeredSecond = this.#sentSecond;
    context.counts.health(undefined, this.#health);
  }

  get health(): Health {
    return this.#health;
  }

  /**
   * By the log's clock, milliseconds since 1970: what comes now was sent after this, wherever it
   * was held up on its way. The pong that came last was sent before it, and its ping before that.
   */
  get sentAfter(): number {
    return this.#answeredSecond * 1_000;
  }

  /** Application traffic, in either direction. */
  traffic(now: number): void {
    this.#trafficAt = now;
  }

  /** A frame of any kind came: the peer is alive. */
  heard(now: number): void {
    this.#missed = 0;
    this.#unanswered = false;
    // While it is well, each beat judges it often enough.
    if (this.#health === 'zombie' || this.#health === 'idle') this.#assess(now);
  }

  /** Sends a ping behind what was written, and returns its counter. */
  ping(socket: Socket): number {
    this.#counter = (this.#counter + 1) >>> 0 || 1;
    const payload = Buffer.allocUnsafe(PAYLOAD_BYTES);
    payload.writeUInt32BE(this.#counter, 0);
    socket.ping(payload);
    return this.#counter;
  }

  /**
   * The counter up to which pings are answered, and the round-trip time when it is that of the
   * last heartbeat. Undefined: not an answer to a ping of ours.
   */
  pong(payload: Uint8Array, now: number): Answer | undefined {
    if (payload.length !== PAYLOAD_BYTES) return undefined;
    const view = new DataView(payload.buffer, payload.byteOffset, PAYLOAD_BYTES);
    const counter = view.getUint32(0);
    if (counter > this.#counter) return undefined;
    if (counter >= this.#pinged) this.#answeredSecond = this.#sentSecond;
    if (counter !== this.#pinged) return { counter, roundTripMs: undefined };
    this.#roundTrip = now - this.#sentAt;
    return { counter, roundTripMs: this.#roundTrip };
  }

  /** When `beat` has something to do next. */
  get due(): number {
    const { heartbeatMs } = this.#context.settings;
    const next = this.#half ? this.#nextPing : this.#nextPing - heartbeatMs / 2;
    if (!this.#unanswered) return next;
    return Math.min(next, this.#sentAt + this.#context.settings.pongTimeoutMs);
  }

  /** Judges an unanswered ping whose time is up, and sends the next one when it is due. */
  beat(now: number, peer: Peer): Beat {
    const { heartbeatMs, pongTimeoutMs, missedPings } = this.#context.settings;
    if (this.#unanswered && now >= this.#sentAt + pongTimeoutMs) this.#judge(peer);
    this.#assess(now);
    if (this.#missed >= missedPings) return 'dead';
    if (now < this.#nextPing) {
      if (this.#half || now < this.#nextPing - heartbeatMs / 2) return 'waits';
      this.#half = true;
      return 'half';
    }
    this.#half = false;
    // The phase is kept, also when the turn came late.
    const intervals = Math.floor((now - this.#nextPing) / heartbeatMs) + 1;
    this.#nextPing += intervals * heartbeatMs;
    if (!this.#unanswered) {
      this.#pinged = this.ping(peer.socket);
      this.#unanswered = true;
      this.#sentAt = now;
      this.#sentSecond = this.#second();
      this.#progress = peer.socket.buffered > 0 ? peer.socket.progress : undefined;
    }
    return 'interval';
  }

  /** The connection is gone. */
  end(): void {
    this.#context.counts.health(this.#health, undefined);
  }

  /** The one place where health changes. */
  #assess(now: number): void {
    const { settings, counts } = this.#context;
    const health = judge({
      missed: this.#missed,
      missedLimit: settings.missedPings,
      quietMs: now - this.#trafficAt,
      idleAfterMs: settings.idleAfterMs,
      roundTripMs: this.#roundTrip,
    });
    if (health === this.#health) return;
    counts.health(this.#health, health);
    this.#health = health;
  }

  /** Whole ones, which cost a connection less memory. */
  #second(): number {
    return Math.floor(this.#context.stream.now() / 1_000);
  }

  #judge(peer: Peer): void {
    this.#unanswered = false;
    // The answer may wait behind what we do not read, or the ping behind what the peer is reading.
    const reads = this.#progress !== undefined && this.#progress !== peer.socket.progress;
    if (!peer.paused && !reads) this.#missed += 1;
  }
}

export interface Peer {
  readonly socket: Socket;
  /** Whether we stopped reading from it. */
  readonly paused: boolean;
}

export interface Answer {
  readonly counter: number;
  readonly roundTripMs: number | undefined;
}

/**
 * `interval`: one heartbeat interval began. `half`: half of it is over. `dead`: too many pings were
 * left unanswered.
 */
export type Beat = 'waits' | 'half' | 'interval' | 'dead';
