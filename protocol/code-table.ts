/**
 * What of the codes decides what a program does, apart from the words about them in `codes.ts`: the
 * client package carries this and not the words.
 */

/** What a client does after a close. */
export type AfterClose =
  /** Reconnect with backoff. */
  | 'come-back'
  /** Fetch a fresh token, then reconnect with backoff. */
  | 'refresh-token'
  /** Stay away until the application connects again: trying again cannot help. */
  | 'stay-away';

export interface Close {
  readonly code: number;
  readonly name: string;
  readonly then: AfterClose;
}

const close = (code: number, name: string, then: AfterClose): Close => ({ code, name, then });

/**
 * 1000–2999 are the WebSocket protocol's own. In ours the range decides what a client does with a
 * code that it does not know: 4000–4499 come back, 4500–4999 stay away.
 */
export const closes = {
  normal: close(1000, 'normal', 'stay-away'),
  goingAway: close(1001, 'going_away', 'come-back'),
  protocol: close(1002, 'protocol', 'stay-away'),
  unsupported: close(1003, 'unsupported', 'stay-away'),
  abnormal: close(1006, 'abnormal', 'come-back'),
  invalidText: close(1007, 'invalid_text', 'stay-away'),
  tooBig: close(1009, 'too_big', 'stay-away'),
  internal: close(1011, 'internal', 'come-back'),
  restart: close(1012, 'restart', 'come-back'),
  tryLater: close(1013, 'try_later', 'come-back'),

  drain: close(4000, 'drain', 'come-back'),
  cutOff: close(4001, 'cut_off', 'come-back'),
  overloaded: close(4002, 'overloaded', 'come-back'),
  slow: close(4003, 'slow', 'come-back'),
  helloTimeout: close(4004, 'hello_timeout', 'come-back'),
  silent: close(4005, 'silent', 'come-back'),
  rateLimited: close(4006, 'rate_limited', 'come-back'),
  tokenExpired: close(4007, 'token_expired', 'refresh-token'),

  unauthenticated: close(4500, 'unauthenticated', 'stay-away'),
  sessionTaken: close(4501, 'session_taken', 'stay-away'),
  badFrame: close(4502, 'bad_frame', 'stay-away'),
  disconnected: close(4503, 'disconnected', 'stay-away'),
} as const satisfies Record<string, Close>;

export type CloseName = keyof typeof closes;

const byNumber = new Map<number, Close>(Object.values(closes).map((one) => [one.code, one]));

/** What a close with `code` means, known or not. */
export function closeOf(code: number): Close {
  const then = code >= 4500 && code <= 4999 ? 'stay-away' : 'come-back';
  return byNumber.get(code) ?? close(code, `code_${code}`, then);
}

/** Error codes, and whether the same request may succeed later without being changed. */
export const errorRetries = {
  bad_request: false,
  bad_frame: false,
  unknown_command: false,
  bad_topic: false,
  bad_position: false,
  hello_first: false,
  unauthenticated: false,
  forbidden: false,
  not_found: false,
  conflict: false,
  too_large: false,
  too_many_topics: false,
  rate_limited: true,
  internal: true,
  not_supported: false,
  overloaded: true,
  store_unavailable: true,
  store_full: true,
  not_replicated: true,
  unknown_outcome: true,
} as const satisfies Record<string, boolean>;

export type ErrorName = keyof typeof errorRetries;

/** Why a subscriber may have missed messages. */
export const gapReasonNames = [
  'trimmed',
  'truncated',
  'lost',
  'expired',
  'epoch_unknown',
  'slow',
] as const;

export type GapReason = (typeof gapReasonNames)[number];
