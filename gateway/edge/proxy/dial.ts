import type { IncomingMessage } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import { Agent, request } from '../../../process/http.ts';
import type { Clock } from '../../../protocol/clock.ts';
import type { Owner, PlacementKey } from '../placement.ts';
import { CLIENT_ADDRESS, HOP, HOP_UPGRADE } from './hop-door.ts';
import type { HopProofs } from './hop-proofs.ts';

/** A WebSocket upgrade as a client sent it, without what only concerns its own connection. */
export interface ClientRequest {
  readonly url: string;
  /** Whole lines. */
  readonly headers: readonly string[];
  /** The subprotocol that the client was answered. */
  readonly subprotocol: string | undefined;
}

/** Of the client's headers these are told; where its key stands in one, that as well. */
const TOLD = [
  'host',
  'origin',
  'authorization',
  'connection',
  'upgrade',
  'sec-websocket-version',
  'sec-websocket-key',
  'sec-websocket-protocol',
];

interface Known {
  readonly subprotocol: string | undefined;
  readonly address: string | undefined;
  /** The id of the request. */
  readonly id: string;
  readonly placement: { readonly key: PlacementKey };
}

export function clientRequest(
  { url = '', headers }: IncomingMessage,
  { subprotocol, address = '', id, placement: { key } }: Known,
): ClientRequest {
  const told = new Map<string, string>();
  for (const name of key.from === 'header' ? [key.name, ...TOLD] : TOLD) {
    const value = headers[name];
    if (value !== undefined) told.set(name, String(value));
  }
  // Whatever the client called so: these are ours to say.
  told.set('x-request-id', id).set(CLIENT_ADDRESS, address);
  // No line ends within one: Node's parser made them, and refuses any that it cannot write again.
  return { url, subprotocol, headers: [...told].map(([name, value]) => `${name}: ${value}`) };
}

/**
 * `unreachable`: no connection, or it ended. `timeout`: the owner did not answer in time.
 * `refused`: it takes no clients of other gateways now. `stranger`: whoever answered is not the
 * owner. `declined`: it takes them, and not this one.
 */
export type NotDialled = 'unreachable' | 'timeout' | 'refused' | 'stranger' | 'declined';

export type Dialled =
  | { readonly outcome: 'ok'; readonly socket: NetSocket; readonly head: Buffer }
  | { readonly outcome: NotDialled };

export interface DialParts {
  readonly proofs: HopProofs;
  readonly clock: Clock;
  /** For all steps together. */
  readonly timeoutMs: number;
}

const HEADER_BYTES = 16 * 1024;
const END_OF_HEADERS = '\r\n\r\n';
/** A connection serves one client, and ends with it. */
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });

/**
 * Opens a connection to the owner of a client and begins there what the client began here. First
 * both gateways prove themselves; only then the owner is told the client's request. Without a
 * client that is all: the owner would take one. Rejects only when the address is none.
 */
export function dial(
  owner: Owner,
  client: ClientRequest | undefined,
  parts: DialParts,
): Promise<Dialled> {
  return new Promise((resolve) => {
    let socket: NetSocket | undefined;
    const { hop, proof } = parts.proofs.ask(owner.pod);
    const asking = request(`http://${owner.address}/ws`, {
      agent,
      headers: { connection: 'Upgrade', upgrade: HOP_UPGRADE, [HOP]: proof },
      maxHeaderSize: HEADER_BYTES,
    });
    const finish = (dialled: Dialled) => {
      timer.cancel();
      if (dialled.outcome !== 'ok') {
        socket?.destroy();
        asking.destroy();
      }
      resolve(dialled);
    };
    const timer = parts.clock.after(parts.timeoutMs, () => finish({ outcome: 'timeout' }));
    asking.on('error', () => finish({ outcome: 'unreachable' }));
    asking.on('response', () => finish({ outcome: 'refused' }));
    asking.on('upgrade', (answer: IncomingMessage, opened: NetSocket, head: Buffer) => {
      socket = opened;
      opened.on('error', () => finish({ outcome: 'unreachable' }));
      const said = answer.headers[HOP];
      // Nobody speaks before it is asked.
      if (typeof said !== 'string' || head.length > 0 || !parts.proofs.isAnswer(said, hop)) {
        finish({ outcome: 'stranger' });
      } else if (client === undefined) {
        finish({ outcome: 'ok', socket: opened, head });
      } else {
        tell(opened, client, finish);
      }
    });
    asking.end();
  });
}

/** Says the client's request; the owner's answer is not passed on, since the client has one. */
function tell(socket: NetSocket, client: ClientRequest, finish: (dialled: Dialled) => void): void {
  let answer = Buffer.alloc(0);
  const done = (dialled: Dialled) => {
    socket.off('data', onData);
    socket.off('close', onClose);
    socket.removeAllListeners('error');
    // Until somebody else listens: an error that nobody hears would end the process.
    socket.on('error', () => socket.destroy());
    socket.pause();
    finish(dialled);
  };
  const onClose = () => done({ outcome: 'declined' });
  const onData = (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk]);
    const end = answer.indexOf(END_OF_HEADERS);
    if (end === -1) {
      if (answer.length > HEADER_BYTES) done({ outcome: 'declined' });
      return;
    }
    const [status = '', ...lines] = answer.toString('latin1', 0, end).split('\r\n');
    const switched = status.startsWith('HTTP/1.1 101 ');
    // The client was told already what it is to speak.
    if (!switched || subprotocolOf(lines) !== client.subprotocol) {
      done({ outcome: 'declined' });
      return;
    }
    done({ outcome: 'ok', socket, head: answer.subarray(end + END_OF_HEADERS.length) });
  };
  socket.on('data', onData);
  socket.on('close', onClose);
  const lines = [`GET ${client.url} HTTP/1.1`, ...client.headers];
  socket.write(`${lines.join('\r\n')}${END_OF_HEADERS}`, 'latin1');
}

function subprotocolOf(lines: readonly string[]): string | undefined {
  const line = lines.find((one) => /^sec-websocket-protocol:/i.test(one));
  return line?.slice(line.indexOf(':') + 1).trim();
}
