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

/** Error codes after which the same request may succeed later without being changed. */
export const passingErrors = [
  'rate_limited',
  'internal',
  'overloaded',
  'store_unavailable',
  'store_full',
  'not_replicated',
  'unknown_outcome',
] as const;

/** Those after which it cannot. */
export const lastingErrors = [
  'bad_request',
  'bad_frame',
  'unknown_command',
  'bad_topic',
  'bad_position',
  'hello_first',
  'unauthenticated',
  'forbidden',
  'not_found',
  'conflict',
  'out_of_order',
  'superseded',
  'too_large',
  'too_many_topics',
  'too_many_sessions',
  'not_supported',
] as const;

export type ErrorName = (typeof passingErrors | typeof lastingErrors)[number];

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
