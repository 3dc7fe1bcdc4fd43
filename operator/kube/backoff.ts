import type { Random } from '../../protocol/clock.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  readonly random: Random;
}

/**
 * The n-th wait, from 0: half of min(cap, base × 2^n) for certain, the other half by chance. The
 * certain half keeps whoever fails from coming back at once, chance keeps many from coming
 * together.
 */
export function backoffMs(tries: number, { baseMs, capMs, random }: BackoffOptions): number {
  // The power may be infinite, the minimum is not.
  const ceiling = Math.min(capMs, baseMs * 2 ** tries);
  return ceiling / 2 + random() * (ceiling / 2);
}
