import type { EdgeSettings, StreamSettings } from './declaration.ts';

/**
 * Of the time for which the log remembers what was written, one of so many parts is for the way to
 * the log. Whoever sends a publish again does so within the others, after the first sending.
 */
const PARTS = 6;

type Window = Pick<StreamSettings, 'idempotencyWindowS'>;

/** What of the window is for the way to the log, milliseconds. */
export function resendSlackMs({ idempotencyWindowS }: Window): number {
  return (idempotencyWindowS * 1_000) / PARTS;
}

/** How long after the first sending of a publish it may be sent again, milliseconds. */
export function resendWindowMs(stream: Window): number {
  return stream.idempotencyWindowS * 1_000 - resendSlackMs(stream);
}

/** By how much the answer to a ping may be late, on a connection on which all is well. */
const LATE_PONG = 1.25;

/**
 * Seconds for which ids are remembered: as it was set, or longer where heartbeats are rare. How old
 * a publish may be is known by the last ping that was answered: all must be remembered of a client
 * that is not given up yet, and of one with which all is well also what it sends again.
 */
export function idempotencyWindowS(
  stream: Window,
  { heartbeatMs, pongTimeoutMs, missedPings }: EdgeSettings,
): number {
  const silentMs = missedPings * heartbeatMs + pongTimeoutMs;
  const againMs = LATE_PONG * heartbeatMs * PARTS;
  return Math.max(stream.idempotencyWindowS, Math.ceil(Math.max(silentMs, againMs) / 1_000));
}
