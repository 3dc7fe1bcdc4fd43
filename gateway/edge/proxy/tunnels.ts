import type { Socket as NetSocket } from 'node:net';
import type { Clock, Timer } from '../../../protocol/clock.ts';
import type { Logger } from '../../logger.ts';
import type { PlacementSettings } from '../../settings/declaration.ts';
import type { Owner } from '../placement.ts';
import { type ClientRequest, type Dialled, dial, type NotDialled } from './dial.ts';
import type { HopProofs } from './hop-proofs.ts';
import { OwnerOutages } from './owner-outages.ts';
import { Tunnel } from './tunnel.ts';

/** What is told of clients that are passed on. */
export interface TunnelCounts {
  /** A client that belongs elsewhere was passed on, or why it is served here after all. */
  proxied(outcome: 'ok' | NotPassed): void;
  /** A client that was passed on is cut off: its owner said nothing, or it read nothing. */
  tunnelCut(why: 'silent' | 'slow'): void;
}

/**
 * `full`: more are passed on than may be. `resting`: its owner has not answered since it could not
 * be had.
 * `gone`: the client left meanwhile.
 */
export type NotPassed = NotDialled | 'full' | 'resting' | 'gone';

export interface TunnelsParts {
  readonly proofs: HopProofs;
  readonly counts: TunnelCounts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: Pick<PlacementSettings, 'proxyTimeoutMs' | 'proxyConnections'>;
  /** How often an owner sends something on every connection, ms. */
  readonly heartbeatMs: number;
  /** A client that reads nothing this long is cut off. Its owner does so, and is not heard. */
  readonly slowTimeoutMs: number;
  /** As `OwnerOutagesParts` says. */
  readonly homeAfterMs?: number;
  /** One is gone. */
  readonly onGone: () => void;
}

/** A client whose handshake is done, and what was read of it. */
export interface Passenger {
  readonly net: NetSocket;
  readonly taken: Buffer;
  readonly request: ClientRequest;
}

/** Heartbeats without a byte of the owner after which it is given up. */
const SILENCES = 4;

/** The clients that this gateway passes on to their owners. */
export class Tunnels {
  readonly #parts: TunnelsParts;
  readonly #tunnels = new Set<Tunnel>();
  readonly #outages: OwnerOutages;
  #dialling = 0;
  #sweep: Timer | undefined;

  constructor(parts: TunnelsParts) {
    this.#parts = parts;
    this.#outages = new OwnerOutages({ ...parts, answers: (owner) => this.#answers(owner) });
  }

  /** Whether clients that were served in place may go home to that owner. */
  reaches(owner: Owner): boolean {
    return this.#outages.isOver(owner);
  }

  /** Clients that are passed on. */
  get size(): number {
    return this.#tunnels.size;
  }

  get inTransit(): number {
    let bytes = 0;
    for (const tunnel of this.#tunnels) bytes += tunnel.inTransit;
    return bytes;
  }

  /** Never rejects. */
  async pass(owner: Owner, passenger: Passenger): Promise<'ok' | NotPassed> {
    const outcome = await this.#pass(owner, passenger);
    this.#parts.counts.proxied(outcome);
    if (outcome !== 'ok') {
      this.#parts.logger.debug({ owner: owner.pod, outcome }, 'a client is not passed on');
    }
    return outcome;
  }

  /** Ends all of them now. */
  cut(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    this.#outages.clear();
    for (const tunnel of this.#tunnels) tunnel.cut();
  }

  async #pass(owner: Owner, { net, taken, request }: Passenger): Promise<'ok' | NotPassed> {
    const { clock, settings } = this.#parts;
    if (this.size + this.#dialling >= settings.proxyConnections) return 'full';
    if (this.#outages.lasts(owner)) return 'resting';
    this.#dialling += 1;
    const dialled = await this.#dial(owner, request);
    this.#dialling -= 1;
    if (dialled.outcome !== 'ok') {
      // One client that it does not take says nothing of the others.
      if (dialled.outcome !== 'declined') this.#outages.began(owner);
      return net.destroyed ? 'gone' : dialled.outcome;
    }
    const { socket, head } = dialled;
    if (net.destroyed) {
      socket.destroy();
      return 'gone';
    }
    if (taken.length > 0) socket.write(taken);
    if (head.length > 0) socket.unshift(head);
    this.#tunnels.add(
      new Tunnel({ client: net, owner: socket }, { clock, onEnd: (tunnel) => this.#gone(tunnel) }),
    );
    this.#sweep ??= clock.after(this.#parts.heartbeatMs, () => this.#look());
    return 'ok';
  }

  async #answers(owner: Owner): Promise<boolean> {
    const dialled = await this.#dial(owner, undefined);
    if (dialled.outcome === 'ok') dialled.socket.destroy();
    return dialled.outcome === 'ok';
  }

  #dial(owner: Owner, request: ClientRequest | undefined): Promise<Dialled> {
    const { clock, settings, proofs, logger } = this.#parts;
    const timeoutMs = settings.proxyTimeoutMs;
    return dial(owner, request, { proofs, clock, timeoutMs }).catch((error: unknown) => {
      logger.warn({ owner, error }, 'the address of a gateway cannot be used');
      return { outcome: 'unreachable' };
    });
  }

  #gone(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel);
    this.#parts.onGone();
  }

  /** An owner whose machine is gone says no goodbye, and a client may never read. */
  #look(): void {
    this.#sweep = undefined;
    const { counts, clock, heartbeatMs, slowTimeoutMs } = this.#parts;
    for (const tunnel of this.#tunnels) {
      const { looks, of } = tunnel.look();
      const late = of === 'owner' ? looks >= SILENCES : looks * heartbeatMs >= slowTimeoutMs;
      if (looks === 0 || !late) continue;
      counts.tunnelCut(of === 'owner' ? 'silent' : 'slow');
      tunnel.cut();
    }
    if (this.size > 0) this.#sweep = clock.after(heartbeatMs, () => this.#look());
  }
}
