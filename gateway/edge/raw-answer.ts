import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../../process/http.ts';
import type { ErrorName } from '../../protocol/codes.ts';
import { REQUEST_ID } from './request-id.ts';

/** An error over HTTP on a socket that no framework answers on. */
export interface RawFailure {
  readonly status: number;
  readonly code: ErrorName;
  readonly message: string;
  /** Wall-clock milliseconds. */
  readonly at: number;
  readonly request: string;
  /** Whole lines. */
  readonly headers?: readonly string[];
}

/** Answers with the body that every error of the HTTP API has, and ends the connection. */
export function answerRaw(socket: Duplex, failure: RawFailure): void {
  // Behind something that the peer does not read it would wait for ever.
  if (!socket.writable || socket.writableLength > 0) {
    socket.destroy();
    return;
  }
  const { status, code, message, at, request, headers = [] } = failure;
  const body = JSON.stringify({ code, message, request, at });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `${REQUEST_ID}: ${request}`,
    ...headers,
  ];
  socket.on('error', destroy);
  socket.once('finish', destroy);
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function destroy(this: Duplex): void {
  this.destroy();
}

interface Answering {
  readonly ids: { idFor(): string };
  readonly clock: { wall(): number };
}

/** What a server answers to bytes that are no request, or not one in time. */
export function answerNoRequest({ ids, clock }: Answering) {
  return (error: Error & { readonly code?: string }, socket: Duplex): void => {
    // Reset by the peer: there is nobody to answer.
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    answerRaw(socket, { ...noRequest(error.code), at: clock.wall(), request: ids.idFor() });
  };
}

function noRequest(why: string | undefined) {
  switch (why) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, code: 'bad_request', message: 'the request took too long' } as const;
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, code: 'too_large', message: 'the headers are too large' } as const;
    default:
      return { status: 400, code: 'bad_request', message: 'this is not valid HTTP' } as const;
  }
}
