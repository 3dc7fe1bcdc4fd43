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

/**
 * Seconds for which ids are remembered: as it was set, or longer where a client may be silent for
 * longer before it is given up. For so long nobody knows how old a publish of it is.
 */
export function idempotencyWindowS(stream: Window, edge: EdgeSettings): number {
  const silentMs = edge.missedPings * edge.heartbeatMs + edge.pongTimeoutMs;
  return Math.max(stream.idempotencyWindowS, Math.ceil(silentMs / 1_000));
}
