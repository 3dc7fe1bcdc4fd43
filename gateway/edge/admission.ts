import type { IncomingMessage, ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EdgeSettings } from '../settings/declaration.ts';
import type { Refused } from './counts.ts';
import { type OriginRules, originProblem } from './origin.ts';
import { HOP_UPGRADE } from './proxy/hop-door.ts';
import { answerRaw, type RawFailure } from './raw-answer.ts';

const PATH = '/ws';
const COME_BACK = ['Retry-After: 1'];
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
    shouldUpgradeCallback: ({ headers: { upgrade = '' } }) =>
      upgrade === HOP_UPGRADE || upgrade.toLowerCase() === 'websocket',
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

const answers: Record<Refused, Pick<RawFailure, 'status' | 'code' | 'message' | 'headers'>> = {
  path: { status: 404, code: 'not_found', message: 'WebSockets are at /ws' },
  host: { status: 403, code: 'forbidden', message: 'this Host is not served' },
  origin: { status: 403, code: 'forbidden', message: 'this Origin may not connect' },
  hop: { status: 403, code: 'forbidden', message: 'no gateway that may pass clients on to here' },
  handshake: {
    status: 400,
    code: 'bad_request',
    message: 'not a WebSocket handshake of version 13',
    headers: ['Sec-WebSocket-Version: 13'],
  },
  full: {
    status: 503,
    code: 'overloaded',
    message: 'this gateway has as many connections as it may have',
    headers: COME_BACK,
  },
  leaving: {
    status: 503,
    code: 'overloaded',
    message: 'this gateway is leaving',
    headers: COME_BACK,
  },
};

/** Answers an upgrade with an HTTP status and ends the connection. */
export function refuse(
  socket: Duplex,
  why: Refused,
  request: Pick<RawFailure, 'at' | 'request'>,
): void {
  answerRaw(socket, { ...answers[why], ...request });
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '';
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
