import type { IncomingMessage } from 'node:http';
import { Socket as NetSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Server, type ServerOptions, WebSocketServer } from 'ws';
import { isLoopbackAddress } from './origin.ts';
import { type PlainHello, plainHello } from './plain-hello.ts';
import type { Socket } from './socket.ts';
import { chooseSubprotocol, tokenOf } from './subprotocol.ts';
import { WsSocket } from './ws-socket.ts';

/** A client whose handshake is done. Nothing here holds the request. */
export interface Admitted {
  readonly socket: Socket;
  readonly subprotocol: string | undefined;
  readonly loopback: boolean;
  readonly token: string | undefined;
  readonly plain: PlainHello | undefined;
}

interface Upgraded extends Admitted {
  readonly socket: WsSocket;
  readonly net: NetSocket;
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
    this.#server = new WebSocketServer(options);
  }

  /** `done` is called in this turn, unless the handshake is wrong: then `ws` answers 400. */
  upgrade(arriving: Arriving, done: (upgraded: Upgraded) => void): void {
    const { request, socket: net, head } = arriving;
    if (!(net instanceof NetSocket)) {
      net.destroy();
      return;
    }
    const { authorization, 'sec-websocket-protocol': offered } = request.headers;
    this.#server.handleUpgrade(request, net, head, (socket) => {
      done({
        socket,
        net,
        subprotocol: socket.protocol === '' ? undefined : socket.protocol,
        loopback: isLoopbackAddress(net.remoteAddress),
        token: tokenOf(authorization, offered),
        plain: plainHello(request.url ?? ''),
      });
    });
  }
}

/** What Node's `upgrade` event brings. */
export interface Arriving {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}
