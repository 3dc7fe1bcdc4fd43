import type { IncomingMessage, ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EdgeSettings } from '../settings/declaration.ts';
import type { Refused } from './counts.ts';
import { type OriginRules, originProblem } from './origin.ts';

const PATH = '/ws';
/** A request line and headers beyond this are answered 431 by Node. */
const HEADER_BYTES = 16 * 1024;

/**
 * Options for the HTTP server that the edge is attached to: a peer that sends its headers slowly,
 * or none, is cut at the deadline of the handshake. Node looks twice in that time.
 *
 * What asks for another protocol is served as the request that it is, as RFC 9110 wants: clients
 * such as curl and Java's offer HTTP/2 (`h2c`) with any request.
 */
export function httpLimits(settings: EdgeSettings): ServerOptions {
  return {
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: settings.helloTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.floor(settings.helloTimeoutMs / 4)),
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  };
}

export interface Doors extends OriginRules {
  /** No more connections than this. */
  readonly maxConnections: number;
}

/** What the doors look at beside the request. */
export interface Crowd {
  readonly connections: number;
  /** The gateway is leaving and takes nobody any more. */
  readonly leaving: boolean;
}

/** Why an upgrade is refused over HTTP; undefined: it is admitted. */
export function admissionProblem(
  request: IncomingMessage,
  doors: Doors,
  crowd: Crowd,
): Refused | undefined {
  if (pathOf(request) !== PATH) return 'path';
  const { host, origin } = request.headers;
  const foreign = originProblem({ host, origin }, doors);
  if (foreign !== undefined) return foreign;
  if (crowd.leaving) return 'leaving';
  return crowd.connections >= doors.maxConnections ? 'full' : undefined;
}

const answers: Record<Refused, string> = {
  path: '404 Not Found',
  host: '403 Forbidden',
  origin: '403 Forbidden',
  full: '503 Service Unavailable',
  leaving: '503 Service Unavailable',
};

const texts: Record<Refused, string> = {
  path: 'WebSockets are at /ws.',
  host: 'This Host is not served.',
  origin: 'This Origin may not connect.',
  full: 'This gateway has as many connections as it may have.',
  leaving: 'This gateway is leaving.',
};

/** Answers an upgrade with an HTTP status and ends the connection. */
export function refuse(socket: Duplex, why: Refused): void {
  const body = `${texts[why]}\n`;
  const head = [
    `HTTP/1.1 ${answers[why]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(answers[why].startsWith('503') ? ['Retry-After: 1'] : []),
  ];
  socket.on('error', destroy);
  socket.once('finish', destroy);
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function destroy(this: Duplex): void {
  this.destroy();
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '';
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
