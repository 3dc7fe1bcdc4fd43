import type { Socket as NetSocket } from 'node:net';
import type { Clock, Timer } from '../../../protocol/clock.ts';
import { progressOf } from '../net-progress.ts';

export interface TunnelEnds {
  /** Towards the client. */
  readonly client: NetSocket;
  /** Towards the gateway that owns it. */
  readonly owner: NetSocket;
}

export interface TunnelParts {
  readonly clock: Clock;
  /** Both connections are gone, or one is and the other has no time left. Called once. */
  readonly onEnd: (tunnel: Tunnel) => void;
}

export interface Stillness {
  readonly looks: number;
  readonly of: 'client' | 'owner';
}

/** One end is gone: the other one has so long to take what is left for it. */
const LAST_BYTES_MS = 5_000;
/** The kernel looks whether a silent peer is still there. */
const KEEP_ALIVE_MS = 15_000;

/**
 * The connection of a client and the one to its owner as one. What one end does not take is not
 * read from the other: TCP slows the sender down, and what is here meanwhile are the buffers of two
 * sockets, some 64 KiB in each direction. When the owner is gone the client is cut off, as if it
 * had been connected there.
 */
export class Tunnel {
  readonly #client: NetSocket;
  readonly #owner: NetSocket;
  readonly #parts: TunnelParts;
  #timer: Timer | undefined;
  #ended = false;
  /** Bytes of the owner, and those that the client took, at the last look; looks without change. */
  #heard = 0;
  #taken = 0;
  #still = 0;

  constructor({ client, owner }: TunnelEnds, parts: TunnelParts) {
    this.#client = client;
    this.#owner = owner;
    this.#parts = parts;
    for (const end of [client, owner]) {
      end.setNoDelay(true);
      end.setTimeout(0);
      end.setKeepAlive(true, KEEP_ALIVE_MS);
    }
    client.on('error', () => this.cut());
    owner.on('error', () => this.cut());
    client.on('close', () => this.#closed(owner));
    owner.on('close', () => this.#closed(client));
    client.pipe(owner);
    owner.pipe(client);
    // One of them may have ended before anybody listened.
    if (client.destroyed) this.#closed(owner);
    if (owner.destroyed) this.#closed(client);
  }

  /** Bytes that were read at one end and not yet taken at the other. */
  get inTransit(): number {
    const ends = [this.#client, this.#owner];
    return ends.reduce((sum, end) => sum + end.writableLength + end.readableLength, 0);
  }

  /**
   * Looks whether anything moves from the owner to the client: how often in a row nothing did, and
   * on whom it waits. While the client does not read, nobody hears that its owner has closed.
   */
  look(): Stillness {
    const { bytesRead: heard } = this.#owner;
    const taken = progressOf(this.#client);
    this.#still = heard === this.#heard && taken === this.#taken ? this.#still + 1 : 0;
    this.#heard = heard;
    this.#taken = taken;
    return { looks: this.#still, of: this.#client.writableNeedDrain ? 'client' : 'owner' };
  }

  /** Ends both connections now. */
  cut(): void {
    this.#client.destroy();
    this.#owner.destroy();
  }

  #closed(other: NetSocket): void {
    if (other.destroyed) {
      this.#end();
      return;
    }
    other.destroySoon();
    this.#timer ??= this.#parts.clock.after(LAST_BYTES_MS, () => this.cut());
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#parts.onEnd(this);
  }
}
