import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { BadHop, HopProofs } from './hop-proofs.ts';

/** The protocol to which a gateway upgrades its connection to another one. */
export const HOP_UPGRADE = 'wscluster-hop';
/** The header with the proof, and with the answer to it. */
export const HOP = 'wscluster-hop';
/** The header that says the client's own address; nothing on any other connection. */
export const CLIENT_ADDRESS = 'wscluster-client-address';

/** What is told of connections from other gateways. */
export interface HopCounts {
  /** A connection that says that it is another gateway's. */
  hop(outcome: 'ok' | 'unwanted' | BadHop): void;
}

/**
 * Where other gateways come in. What they pass on afterwards are requests like any other, on a
 * connection of which is known whose it is.
 */
export class HopDoor {
  readonly #proofs: HopProofs;
  readonly #counts: HopCounts;
  readonly #from = new WeakMap<object, string>();

  constructor(proofs: HopProofs, counts: HopCounts) {
    this.#proofs = proofs;
    this.#counts = counts;
  }

  /** The gateway at the other end of the connection; undefined: it is somebody else's. */
  from(socket: object): string | undefined {
    return this.#from.get(socket);
  }

  /** False: it is refused, and nothing was answered. `wanted`: whether clients are taken now. */
  open(socket: Duplex, proof: unknown, { server, wanted, head }: Opening): boolean {
    const early = head.length > 0;
    const checked = this.#judge(socket, early ? undefined : proof, wanted);
    this.#counts.hop(checked.outcome);
    if (checked.outcome !== 'ok') return false;
    this.#from.set(socket, checked.from);
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      `Upgrade: ${HOP_UPGRADE}`,
      `${HOP}: ${checked.answer}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    // From here on it is a connection like any other, with the server's limits for its request.
    server.emit('connection', socket);
    return true;
  }

  #judge(socket: Duplex, proof: unknown, wanted: boolean) {
    if (!wanted) return { outcome: 'unwanted' } as const;
    // A proof within a proven connection would be a second hop; nobody speaks before the answer.
    if (typeof proof !== 'string' || this.#from.has(socket)) return { outcome: 'invalid' } as const;
    return this.#proofs.check(proof);
  }
}

interface Opening {
  readonly server: Server;
  /** What came behind the request. */
  readonly head: Buffer;
  readonly wanted: boolean;
}
