/**
 * How a connection is doing.
 * - `fast`, `fair`, `poor`: active, graded by its round-trip time.
 * - `idle`: answers, without application traffic for a while.
 * - `zombie`: left a ping unanswered; served after all others, recovers on any frame.
 * - `ghost`: left too many unanswered, or reads nothing; it is being ended.
 */
export type Health = 'fast' | 'fair' | 'poor' | 'idle' | 'zombie' | 'ghost';

export const healths: readonly Health[] = ['fast', 'fair', 'poor', 'idle', 'zombie', 'ghost'];

const FAST_MS = 200;
const FAIR_MS = 500;

export interface Signs {
  /** Pings in a row that were not answered in time. */
  readonly missed: number;
  readonly missedLimit: number;
  /** Milliseconds since the last application frame in either direction. */
  readonly quietMs: number;
  readonly idleAfterMs: number;
  /** The last round trip; undefined before the first. */
  readonly roundTripMs: number | undefined;
}

export function judge(signs: Signs): Health {
  if (signs.missed >= signs.missedLimit) return 'ghost';
  if (signs.missed > 0) return 'zombie';
  if (signs.quietMs >= signs.idleAfterMs) return 'idle';
  const rtt = signs.roundTripMs ?? 0;
  if (rtt < FAST_MS) return 'fast';
  return rtt < FAIR_MS ? 'fair' : 'poor';
}
