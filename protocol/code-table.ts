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

/** Close codes that the client package tells apart from others; all are in `codes.ts`. */
export const NORMAL = 1000;
export const SILENT = 4005;
export const TOKEN_EXPIRED = 4007;

/** Of WebSocket's own codes, those after which trying again cannot help. */
const finals: readonly number[] = [NORMAL, 1002, 1003, 1007, 1009];

/**
 * What a client does after a close with `code`, known or not. 1000–2999 are the WebSocket
 * protocol's own; in ours the range decides: 4000–4499 come back, 4500–4999 stay away.
 */
export function afterClose(code: number): AfterClose {
  if (code === TOKEN_EXPIRED) return 'refresh-token';
  return (code >= 4500 && code < 5000) || finals.includes(code) ? 'stay-away' : 'come-back';
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
  out_of_order: false,
  superseded: false,
  too_large: false,
  too_many_topics: false,
  too_many_sessions: false,
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

/** Why a client is asked to go on at another gateway. */
export const moveReasonNames = ['drain', 'rebalance', 'rollout', 'redirect'] as const;

export type MoveReason = (typeof moveReasonNames)[number];
