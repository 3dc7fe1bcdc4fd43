import type { IncomingMessage } from 'node:http';
import { Socket as NetSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Server, type ServerOptions, WebSocketServer } from 'ws';
import type { Stay } from './movable.ts';
import { isLoopbackAddress } from './origin.ts';
import { type PlainHello, plainHello } from './plain-hello.ts';
import { REQUEST_ID } from './request-id.ts';
import type { Socket } from './socket.ts';
import { chooseSubprotocol, tokenOf } from './subprotocol.ts';
import { HeldWsSocket, WsSocket } from './ws-socket.ts';

/** A client whose handshake is done. Nothing here holds the request. */
export interface Admitted {
  /** The number of its connection. Default: the next. */
  readonly serial?: number;
  readonly socket: Socket;
  readonly subprotocol: string | undefined;
  readonly loopback: boolean;
  readonly token: string | undefined;
  readonly plain: PlainHello | undefined;
  /** By which it is placed, where the request says so. */
  readonly key?: string | undefined;
  /** The gateway that passes it on to this one. */
  readonly via?: string | undefined;
  readonly stay?: Stay | undefined;
  /** Its time to say hello is over. */
  readonly late?: boolean | undefined;
}

export interface Upgraded extends Admitted {
  readonly socket: WsSocket;
  readonly net: NetSocket;
  /** What came behind the request. */
  readonly head: Buffer;
  /** Has `ws` read the connection, after what was read of it so far. Nothing unless it is held. */
  readonly begin: (taken: Buffer) => void;
}

/** Pieces of a message; `ws` closes with 1008 above it. */
const MAX_FRAGMENTS = 1_024;
/** Chunks in which the pieces of one frame may arrive. */
const MAX_CHUNKS = 16 * 1024;
/** After our own deadline for the closing handshake: `ws`'s is only a second guard. */
const CLOSE_TIMEOUT_MS = 10_000;

/** The WebSocket handshake, done by `ws`. */
export class Upgrader {
  readonly #server: Server<typeof WsSocket>;
  readonly #holding: Server<typeof WsSocket>;
  /** The handshake that `ws` works on; it ends within the call. */
  #handshake: Handshake | undefined;

  /** `frameBytes`: a message of one byte more is closed with 1009. */
  constructor(frameBytes: number) {
    const options: ServerOptions<typeof WsSocket> & { readonly closeTimeout: number } = {
      WebSocket: WsSocket,
      noServer: true,
      // 208 KB per connection.
      perMessageDeflate: false,
      clientTracking: false,
      // Pings are answered by `WsSocket`, within the peer's rate.
      autoPong: false,
      maxPayload: frameBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_CHUNKS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (offered) => chooseSubprotocol(offered) ?? false,
    };
    this.#server = this.#listen(new WebSocketServer(options));
    this.#holding = this.#listen(new WebSocketServer({ ...options, WebSocket: HeldWsSocket }));
  }

  #listen(server: Server<typeof WsSocket>): Server<typeof WsSocket> {
    server.on('headers', (headers) => {
      if (this.#handshake !== undefined) headers.push(`${REQUEST_ID}: ${this.#handshake.id}`);
    });
    server.on('wsClientError', () => this.#handshake?.wrong());
    return server;
  }

  /** Calls one of the two of `handshake` in this turn. */
  upgrade(arriving: Arriving, handshake: Handshake): void {
    this.#handshake = handshake;
    this.#upgrade(arriving, handshake);
    this.#handshake = undefined;
  }

  #upgrade({ request, socket: net, head }: Arriving, { done, hold }: Handshake): void {
    if (!(net instanceof NetSocket)) {
      net.destroy();
      return;
    }
    const { authorization, 'sec-websocket-protocol': offered } = request.headers;
    const server = hold ? this.#holding : this.#server;
    server.handleUpgrade(request, net, head, (socket) => {
      done({
        socket,
        net,
        head,
        begin: (taken) => {
          if (socket instanceof HeldWsSocket) socket.begin(taken);
        },
        subprotocol: socket.protocol === '' ? undefined : socket.protocol,
        loopback: isLoopbackAddress(net.remoteAddress),
        token: tokenOf(authorization, offered),
        plain: plainHello(request.url ?? ''),
      });
    });
  }
}

export interface Handshake {
  /** Of the request; it stands in the answer. */
  readonly id: string;
  /** Nothing is read of the client before `Upgraded.begin`. */
  readonly hold: boolean;
  readonly done: (upgraded: Upgraded) => void;
  /** It is not a valid one; nothing was answered. */
  readonly wrong: () => void;
}

/** What Node's `upgrade` event brings. */
export interface Arriving {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}
