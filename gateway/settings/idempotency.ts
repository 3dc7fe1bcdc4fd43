import type { EdgeSettings, StreamSettings } from './declaration.ts';

/**
 * Of the time for which the log remembers what was written. Whoever sends a publish again does so
 * within this share of it after the first sending; what is left is for the way to the log.
 */
const RESEND_SHARE = 5 / 6;

type Window = Pick<StreamSettings, 'idempotencyWindowS'>;

/** How long after the first sending of a publish it may be sent again, milliseconds. */
export function resendWindowMs({ idempotencyWindowS }: Window): number {
  return idempotencyWindowS * 1_000 * RESEND_SHARE;
}

/** What is left of the window for the way to the log, milliseconds. */
export function resendSlackMs(stream: Window): number {
  return stream.idempotencyWindowS * 1_000 - resendWindowMs(stream);
}

/** By how much the answer to a ping may be late, on a connection on which all is well. */
const LATE_PONG = 1.25;

/**
 * Seconds for which ids are remembered: as it was set, or longer where heartbeats are rare. How old
 * a publish may be is known by the last ping that was answered: of a client that is not given up
 * yet, all of them must be remembered; and of one with which all is well, those that it sends again.
 */
export function idempotencyWindowS(
  stream: Window,
  { heartbeatMs, pongTimeoutMs, missedPings }: EdgeSettings,
): number {
  const silentMs = missedPings * heartbeatMs + pongTimeoutMs;
  const againMs = (LATE_PONG * heartbeatMs) / (1 - RESEND_SHARE);
  return Math.max(stream.idempotencyWindowS, Math.ceil(Math.max(silentMs, againMs) / 1_000));
}
