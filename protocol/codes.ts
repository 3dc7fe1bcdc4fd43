/**
 * The one table of close codes, error codes and gap reasons. The gateway, the client package and
 * `docs/protocol.md` read it; a test fails when the document and this file differ.
 */

/** What a client does after a close. */
export type AfterClose =
  /** Reconnect with backoff. */
  | 'come-back'
  /** Fetch a fresh token, then reconnect with backoff. */
  | 'refresh-token'
  /** Stay away until the application connects again: trying again cannot help. */
  | 'stay-away';

export interface CloseCode {
  readonly code: number;
  readonly name: string;
  /** Who may send it. `local` codes are never on the wire: they name what one side observed. */
  readonly sentBy: 'server' | 'client' | 'both' | 'local';
  readonly then: AfterClose;
  readonly text: string;
}

const close = (
  code: number,
  name: string,
  sentBy: CloseCode['sentBy'],
  then: AfterClose,
  text: string,
): CloseCode => ({ code, name, sentBy, then, text });

/**
 * 1000–2999 are the WebSocket protocol's own. In ours the range decides what a client does with a
 * code that it does not know: 4000–4499 come back, 4500–4999 stay away.
 */
export const closeCodes = {
  normal: close(1000, 'normal', 'both', 'stay-away', 'Closed on purpose.'),
  goingAway: close(1001, 'going_away', 'both', 'come-back', 'The page or the process is leaving.'),
  protocol: close(1002, 'protocol', 'both', 'stay-away', 'Not valid WebSocket framing.'),
  unsupported: close(1003, 'unsupported', 'server', 'stay-away', 'Text where binary was agreed.'),
  abnormal: close(1006, 'abnormal', 'local', 'come-back', 'The connection broke without a close.'),
  invalidText: close(1007, 'invalid_text', 'both', 'stay-away', 'A text frame is not UTF-8.'),
  tooBig: close(1009, 'too_big', 'both', 'stay-away', 'A frame is larger than the limit.'),
  internal: close(
    1011,
    'internal',
    'server',
    'come-back',
    'The gateway failed to serve this client.',
  ),
  restart: close(1012, 'restart', 'server', 'come-back', 'A proxy or server restarts.'),
  tryLater: close(1013, 'try_later', 'server', 'come-back', 'A proxy or server is overloaded.'),

  drain: close(
    4000,
    'drain',
    'server',
    'come-back',
    'This gateway is leaving; another serves you.',
  ),
  cutOff: close(4001, 'cut_off', 'server', 'come-back', 'This gateway lost Redis; others have it.'),
  overloaded: close(4002, 'overloaded', 'server', 'come-back', 'Too many connections; come later.'),
  slow: close(4003, 'slow', 'server', 'come-back', 'The client stopped reading altogether.'),
  helloTimeout: close(
    4004,
    'hello_timeout',
    'server',
    'come-back',
    'No hello within the deadline.',
  ),
  silent: close(4005, 'silent', 'both', 'come-back', 'Nothing was heard for too long.'),
  rateLimited: close(4006, 'rate_limited', 'server', 'come-back', 'Far over the agreed rate.'),
  tokenExpired: close(4007, 'token_expired', 'server', 'refresh-token', 'The token has expired.'),

  unauthenticated: close(4500, 'unauthenticated', 'server', 'stay-away', 'The token is not valid.'),
  sessionTaken: close(4501, 'session_taken', 'server', 'stay-away', 'Opened again elsewhere.'),
  badFrame: close(4502, 'bad_frame', 'server', 'stay-away', 'Too many frames were not understood.'),
  disconnected: close(
    4503,
    'disconnected',
    'server',
    'stay-away',
    'Disconnected by the application.',
  ),
} as const satisfies Record<string, CloseCode>;

export type CloseName = keyof typeof closeCodes;

const byNumber = new Map<number, CloseCode>(Object.values(closeCodes).map((c) => [c.code, c]));

/** What a client does after a close with `code`, known or not. */
export function afterClose(code: number): AfterClose {
  const known = byNumber.get(code);
  if (known !== undefined) return known.then;
  return code >= 4500 && code <= 4999 ? 'stay-away' : 'come-back';
}

/** An error that answers a request: in an `err` frame, in `subbed`, or in an HTTP body. */
export interface ErrorCode {
  /** The HTTP status that carries it. */
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retry: boolean;
  readonly text: string;
}

const error = (status: number, retry: boolean, text: string): ErrorCode => ({
  status,
  retry,
  text,
});

export const errorCodes = {
  bad_request: error(400, false, 'The request is not of the form that it must have.'),
  bad_frame: error(400, false, 'The frame could not be decoded.'),
  unknown_command: error(400, false, 'This server does not know the command.'),
  bad_topic: error(400, false, 'Not a topic name.'),
  bad_position: error(400, false, 'Not a position.'),
  hello_first: error(400, false, 'The first command must be hello.'),
  unauthenticated: error(401, false, 'A valid token or API key is required.'),
  forbidden: error(403, false, 'The identity may not do this.'),
  not_found: error(404, false, 'There is no such thing.'),
  conflict: error(409, false, 'This id was already used for another payload.'),
  too_large: error(413, false, 'Larger than the limit.'),
  too_many_topics: error(429, false, 'More topics than one connection may have.'),
  rate_limited: error(429, true, 'Over the agreed rate.'),
  internal: error(500, true, 'The gateway failed; the id finds it in the log.'),
  not_supported: error(501, false, 'This server does not offer it.'),
  overloaded: error(503, true, 'A queue is full; nothing was written.'),
  store_unavailable: error(503, true, 'Redis cannot be reached; nothing was written.'),
  store_full: error(503, true, 'Redis is out of memory; nothing was written.'),
  not_replicated: error(503, true, 'Redis has too few replicas; nothing was written.'),
  unknown_outcome: error(504, true, 'It may or may not have been written.'),
} as const satisfies Record<string, ErrorCode>;

export type ErrorName = keyof typeof errorCodes;

/** Why a subscriber may have missed messages. */
export const gapReasons = {
  trimmed: 'The messages left the log by its count or age limit before they were delivered.',
  truncated: 'The server lost messages that this subscriber had already seen or been shown.',
  lost: 'Acknowledged messages were lost by a failover before this subscriber saw them.',
  expired: 'The position is older than the topic’s memory.',
  epoch_unknown: 'The position belongs to a history that the server does not know.',
  slow: 'The subscriber fell behind what the topic’s policy keeps for it.',
} as const satisfies Record<string, string>;

export type GapReason = keyof typeof gapReasons;
