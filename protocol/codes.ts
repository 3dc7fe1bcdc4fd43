import {
  type AfterClose,
  afterClose,
  type ErrorName,
  type GapReason,
  type MoveReason,
  NORMAL,
  passingErrors,
  SILENT,
  TOKEN_EXPIRED,
} from './code-table.ts';

/**
 * The one table of close codes, error codes and gap reasons. The gateway, the client package and
 * `docs/protocol.md` read it; a test fails when the document and this file differ. The part of it
 * that a browser needs is `code-table.ts`.
 */

export { type AfterClose, afterClose, type ErrorName, type GapReason };

export interface CloseCode {
  readonly code: number;
  readonly name: string;
  /**
   * Who sends it. `proxy`: something between the two. `local` codes are never on the wire: they
   * name what one side observed.
   */
  readonly sentBy: 'server' | 'client' | 'both' | 'proxy' | 'local';
  readonly then: AfterClose;
  readonly text: string;
}

const close = (
  code: number,
  name: string,
  sentBy: CloseCode['sentBy'],
  text: string,
): CloseCode => {
  const then = afterClose(code);
  return { code, name, sentBy, then, text };
};

export const closeCodes = {
  normal: close(NORMAL, 'normal', 'client', 'Closed on purpose.'),
  goingAway: close(1001, 'going_away', 'both', 'The page or the process is leaving.'),
  protocol: close(1002, 'protocol', 'both', 'Not valid WebSocket framing.'),
  unsupported: close(1003, 'unsupported', 'server', 'Text where binary was agreed.'),
  abnormal: close(1006, 'abnormal', 'local', 'The connection broke without a close.'),
  invalidText: close(1007, 'invalid_text', 'both', 'A text frame is not UTF-8.'),
  policy: close(1008, 'policy', 'server', 'A message came in too many pieces.'),
  tooBig: close(1009, 'too_big', 'both', 'A frame is larger than the limit.'),
  internal: close(1011, 'internal', 'server', 'The gateway failed to serve this client.'),
  restart: close(1012, 'restart', 'proxy', 'A proxy or server restarts.'),
  tryLater: close(
    1013,
    'try_later',
    'server',
    'Hello cannot be answered now: keys or sessions are away.',
  ),

  drain: close(4000, 'drain', 'server', 'This gateway is leaving; another serves you.'),
  cutOff: close(4001, 'cut_off', 'server', 'This gateway lost Redis; others have it.'),
  moved: close(4002, 'moved', 'server', 'Another gateway serves you.'),
  slow: close(4003, 'slow', 'server', 'The client stopped reading altogether.'),
  helloTimeout: close(4004, 'hello_timeout', 'server', 'No hello within the deadline.'),
  silent: close(SILENT, 'silent', 'both', 'Nothing was heard for too long.'),
  rateLimited: close(4006, 'rate_limited', 'server', 'A flood of frames or pings.'),
  tokenExpired: close(TOKEN_EXPIRED, 'token_expired', 'server', 'The token has expired.'),
  messageTimeout: close(4008, 'message_timeout', 'server', 'A message was not complete in time.'),
  reconnect: close(
    4009,
    'reconnect',
    'server',
    'The application wants the client to connect anew.',
  ),

  unauthenticated: close(4500, 'unauthenticated', 'server', 'The token is not valid.'),
  sessionTaken: close(4501, 'session_taken', 'server', 'Opened again elsewhere.'),
  badFrame: close(4502, 'bad_frame', 'server', 'Too many frames were not understood.'),
  disconnected: close(4503, 'disconnected', 'server', 'The application ended the connection.'),
  tooManyConnections: close(
    4504,
    'too_many_connections',
    'server',
    'The user connected again, and this was the oldest of too many connections.',
  ),
} as const satisfies Record<string, CloseCode>;

/** An error that answers a request: in an `err` frame, in `subbed`, or in an HTTP body. */
export interface ErrorCode {
  /** The HTTP status that carries it. */
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retry: boolean;
  /** Where it is met: in frames of a WebSocket, in answers of the HTTP API, or in both. */
  readonly where: 'frames' | 'http' | 'both';
  readonly text: string;
}

const passing: readonly string[] = passingErrors;
const errorIn =
  (where: ErrorCode['where']) =>
  (name: ErrorName, status: number, text: string): ErrorCode => ({
    ...{ status, retry: passing.includes(name), where, text },
  });
const error = errorIn('both');
const inFrames = errorIn('frames');
const overHttp = errorIn('http');

export const errorCodes = {
  bad_request: error('bad_request', 400, 'The request is not of the form that it must have.'),
  bad_frame: inFrames('bad_frame', 400, 'The frame could not be decoded.'),
  unknown_command: inFrames('unknown_command', 400, 'This server does not know the command.'),
  bad_topic: error('bad_topic', 400, 'Not a topic name.'),
  bad_position: error('bad_position', 400, 'Not a position.'),
  hello_first: inFrames('hello_first', 400, 'The first command must be hello.'),
  unauthenticated: error('unauthenticated', 401, 'A valid token or API key is required.'),
  forbidden: error('forbidden', 403, 'The identity may not do this.'),
  not_found: overHttp('not_found', 404, 'There is no such thing.'),
  conflict: error(
    'conflict',
    409,
    'It contradicts what was said: this id is another payload’s, or the drain is final.',
  ),
  out_of_order: error('out_of_order', 409, 'A later message of the producer was written.'),
  superseded: inFrames('superseded', 409, 'A later command took its place.'),
  too_large: overHttp('too_large', 413, 'Larger than the limit.'),
  too_many_topics: inFrames('too_many_topics', 429, 'More topics than one connection may have.'),
  too_many_sessions: inFrames(
    'too_many_sessions',
    429,
    'More sessions than one identity may have.',
  ),
  rate_limited: overHttp('rate_limited', 429, 'Over the agreed rate.'),
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
  truncated: 'A failover lost messages, and this subscriber had already been given some of them.',
  lost: 'A failover lost messages before this subscriber was given any of them.',
  expired: 'The position is older than the topic’s memory.',
  epoch_unknown: 'The position belongs to a history that the server does not know.',
  slow: 'Reserved: gateways of this version never send it; what was not read comes later.',
} as const satisfies Record<GapReason, string>;

/** Why a client is asked to go on at another gateway. */
export const moveReasons = {
  drain: 'This gateway is leaving.',
  rebalance: 'Another gateway owns the client’s shard now.',
  rollout: 'A gateway of the new revision takes over.',
  redirect: 'The client has just connected, and another gateway owns its shard.',
} as const satisfies Record<MoveReason, string>;
