import type { Socket as NetSocket } from 'node:net';
import type { Hello } from '../../../protocol/commands.ts';
import { shardOf } from '../../../protocol/ring.ts';
import { encodingOf } from '../encoding.ts';
import type { Stay } from '../movable.ts';
import type { Placement } from '../placement.ts';
import type { PlainHello } from '../plain-hello.ts';
import type { ClientRequest } from './dial.ts';
import { likelyKey } from './likely-key.ts';
import { readHello } from './read-hello.ts';
import { Tunnels, type TunnelsParts } from './tunnels.ts';

/** A client whose handshake is done, and of which nobody has read anything. */
export interface Newcomer {
  readonly net: NetSocket;
  /** What came with the request of its upgrade. */
  readonly head: Buffer;
  readonly request: ClientRequest;
  readonly loopback: boolean;
  readonly token: string | undefined;
  readonly plain: PlainHello | undefined;
  /** Of `keyOfRequest`. */
  readonly key: string | undefined;
  /** Serves it here. */
  readonly serve: (served: Served) => void;
}

/** What is known of a client that is served where it arrived. */
export interface Served {
  /** All that was read of it. */
  readonly taken: Buffer;
  readonly stay?: Stay;
  /** Its time to say hello is over. */
  readonly late?: boolean;
}

export interface ProxyingParts extends TunnelsParts {
  readonly placement: Pick<Placement, 'key' | 'proxies' | 'redirects' | 'alone' | 'owner'>;
  /** Whether it was decided who may come, as `Authenticator.configured`. */
  readonly configured: boolean;
  readonly helloTimeoutMs: number;
}

const MOVE = 'move';

/**
 * Passes clients on to the gateways that own them. Where a client belongs is known from its request
 * or from its hello; until then it waits here, and whoever cannot be passed on is served here.
 */
export class Proxying {
  readonly #parts: ProxyingParts;
  readonly #tunnels: Tunnels;
  readonly #waiting = new Set<NetSocket>();

  constructor(parts: ProxyingParts) {
    this.#parts = parts;
    this.#tunnels = new Tunnels(parts);
  }

  /** Whether newcomers are to be given to `place`. */
  get wanted(): boolean {
    const { proxies, alone } = this.#parts.placement;
    return proxies && !alone;
  }

  /** Clients that are passed on. */
  get proxied(): number {
    return this.#tunnels.size;
  }

  /** Clients of which is not known yet who serves them. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** All who are connected here and served elsewhere, or not yet anywhere. */
  get size(): number {
    return this.proxied + this.waiting;
  }

  /** Bytes that were taken of one end and not yet by the other. */
  get inTransit(): number {
    return this.#tunnels.inTransit;
  }

  /** Passes a client on, or calls its `serve`, or neither when it is gone. Never rejects. */
  async place(newcomer: Newcomer): Promise<void> {
    const { net } = newcomer;
    this.#waiting.add(net);
    net.on('error', destroy);
    const served = await this.#place(newcomer);
    this.#waiting.delete(net);
    if (served !== undefined && (net.destroyed || net.readableEnded)) {
      // The error of its end may still be to come: who listens for it goes on.
      net.destroy();
      this.#parts.onGone();
      return;
    }
    net.off('error', destroy);
    if (served !== undefined) newcomer.serve(served);
  }

  /** Ends everybody now who is not served here. */
  cut(): void {
    for (const net of this.#waiting) net.destroy();
    // Whoever looks for their owners meanwhile finds them gone.
    const waited = this.#waiting.size > 0;
    this.#waiting.clear();
    this.#tunnels.cut();
    // Only for somebody: who hears of it may cut again.
    if (waited) this.#parts.onGone();
  }

  /** Whether clients of the shard that are here could be passed on to its owner, if it has one. */
  reaches(shard: number): boolean {
    const owner = this.#parts.placement.owner(shard);
    return owner === undefined || this.#tunnels.reaches(owner);
  }

  /** Undefined: it was passed on. */
  async #place(newcomer: Newcomer): Promise<Served | undefined> {
    const { clock, helloTimeoutMs: timeoutMs, placement, configured } = this.#parts;
    const { net, head, request, token, plain, key } = newcomer;
    let taken = head;
    let hello: Hello | undefined;
    if (plain === undefined) {
      const { codec } = encodingOf(request.subprotocol);
      const heard = await readHello(net, { head, codec, clock, timeoutMs });
      ({ taken, hello } = heard);
      // It is told what it did wrong, or goes by itself.
      if (hello === undefined || this.#isSent(hello)) return { taken, late: heard.late };
    }
    const place = likelyKey(placement.key, {
      request: key,
      token: token ?? hello?.token,
      session: plain?.session ?? hello?.session,
      mayName: newcomer.loopback && !configured,
    });
    const owner = place === undefined ? undefined : placement.owner(shardOf(place));
    if (owner === undefined) return { taken };
    const outcome = await this.#tunnels.pass(owner, { net, taken, request });
    if (outcome === 'ok') return undefined;
    // What is full may be so for long, and who comes back would find it so.
    const never = outcome === 'declined' || outcome === 'full';
    return { taken, stay: never ? 'until_ring' : 'until_owner' };
  }

  /** Who can go to its owner without a break needs nobody between. */
  #isSent({ features }: Hello): boolean {
    return this.#parts.placement.redirects && features?.includes(MOVE) === true;
  }
}

function destroy(this: NetSocket): void {
  this.destroy();
}
