import {
  type AfterClose,
  type Close,
  type CloseName,
  closeOf,
  closes,
  type ErrorName,
  errorRetries,
  type GapReason,
} from './code-table.ts';

/**
 * The one table of close codes, error codes and gap reasons. The gateway, the client package and
 * `docs/protocol.md` read it; a test fails when the document and this file differ. The part of it
 * that a browser needs is `code-table.ts`.
 */

export type { AfterClose, CloseName, ErrorName, GapReason };

export interface CloseCode extends Close {
  /** Who may send it. `local` codes are never on the wire: they name what one side observed. */
  readonly sentBy: 'server' | 'client' | 'both' | 'local';
  readonly text: string;
}

const close = (name: CloseName, sentBy: CloseCode['sentBy'], text: string): CloseCode => ({
  ...closes[name],
  sentBy,
  text,
});

export const closeCodes = {
  normal: close('normal', 'both', 'Closed on purpose.'),
  goingAway: close('goingAway', 'both', 'The page or the process is leaving.'),
  protocol: close('protocol', 'both', 'Not valid WebSocket framing.'),
  unsupported: close('unsupported', 'server', 'Text where binary was agreed.'),
  abnormal: close('abnormal', 'local', 'The connection broke without a close.'),
  invalidText: close('invalidText', 'both', 'A text frame is not UTF-8.'),
  tooBig: close('tooBig', 'both', 'A frame is larger than the limit.'),
  internal: close('internal', 'server', 'The gateway failed to serve this client.'),
  restart: close('restart', 'server', 'A proxy or server restarts.'),
  tryLater: close('tryLater', 'server', 'A proxy or server is overloaded.'),

  drain: close('drain', 'server', 'This gateway is leaving; another serves you.'),
  cutOff: close('cutOff', 'server', 'This gateway lost Redis; others have it.'),
  overloaded: close('overloaded', 'server', 'Too many connections; come later.'),
  slow: close('slow', 'server', 'The client stopped reading altogether.'),
  helloTimeout: close('helloTimeout', 'server', 'No hello within the deadline.'),
  silent: close('silent', 'both', 'Nothing was heard for too long.'),
  rateLimited: close('rateLimited', 'server', 'Far over the agreed rate.'),
  tokenExpired: close('tokenExpired', 'server', 'The token has expired.'),

  unauthenticated: close('unauthenticated', 'server', 'The token is not valid.'),
  sessionTaken: close('sessionTaken', 'server', 'Opened again elsewhere.'),
  badFrame: close('badFrame', 'server', 'Too many frames were not understood.'),
  disconnected: close('disconnected', 'server', 'Disconnected by the application.'),
} as const satisfies Record<CloseName, CloseCode>;

/** What a client does after a close with `code`, known or not. */
export function afterClose(code: number): AfterClose {
  return closeOf(code).then;
}

/** An error that answers a request: in an `err` frame, in `subbed`, or in an HTTP body. */
export interface ErrorCode {
  /** The HTTP status that carries it. */
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retry: boolean;
  readonly text: string;
}

const error = (name: ErrorName, status: number, text: string): ErrorCode => ({
  status,
  retry: errorRetries[name],
  text,
});

export const errorCodes = {
  bad_request: error('bad_request', 400, 'The request is not of the form that it must have.'),
  bad_frame: error('bad_frame', 400, 'The frame could not be decoded.'),
  unknown_command: error('unknown_command', 400, 'This server does not know the command.'),
  bad_topic: error('bad_topic', 400, 'Not a topic name.'),
  bad_position: error('bad_position', 400, 'Not a position.'),
  hello_first: error('hello_first', 400, 'The first command must be hello.'),
  unauthenticated: error('unauthenticated', 401, 'A valid token or API key is required.'),
  forbidden: error('forbidden', 403, 'The identity may not do this.'),
  not_found: error('not_found', 404, 'There is no such thing.'),
  conflict: error('conflict', 409, 'This id was already used for another payload.'),
  too_large: error('too_large', 413, 'Larger than the limit.'),
  too_many_topics: error('too_many_topics', 429, 'More topics than one connection may have.'),
  rate_limited: error('rate_limited', 429, 'Over the agreed rate.'),
  internal: error('internal', 500, 'The gateway failed; the id finds it in the log.'),
  not_supported: error('not_supported', 501, 'This server does not offer it.'),
  overloaded: error('overloaded', 503, 'A queue is full; nothing was written.'),
  store_unavailable: error(
    'store_unavailable',
    503,
    'Redis cannot be reached; nothing was written.',
  ),
  store_full: error('store_full', 503, 'Redis is out of memory; nothing was written.'),
  not_replicated: error('not_replicated', 503, 'Redis has too few replicas; nothing was written.'),
  unknown_outcome: error('unknown_outcome', 504, 'It may or may not have been written.'),
} as const satisfies Record<ErrorName, ErrorCode>;

/** Why a subscriber may have missed messages. */
export const gapReasons = {
  trimmed: 'The messages left the log by its count or age limit before they were delivered.',
  truncated: 'The server lost messages that this subscriber had already seen or been shown.',
  lost: 'Acknowledged messages were lost by a failover before this subscriber saw them.',
  expired: 'The position is older than the topic’s memory.',
  epoch_unknown: 'The position belongs to a history that the server does not know.',
  slow: 'The subscriber fell behind what the topic’s policy keeps for it.',
} as const satisfies Record<GapReason, string>;
