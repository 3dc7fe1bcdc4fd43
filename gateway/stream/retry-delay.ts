import type { Random } from '../../protocol/clock.ts';

const FIRST_MS = 20;
const LONGEST_MS = 1_000;

/**
 * Milliseconds to wait before a try that follows `failures` failed ones (≥ 1): doubling, at most a
 * second, and spread over its upper half, so that what failed together does not come back together.
 */
export function retryDelay(failures: number, random: Random): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return full * (0.5 + random() / 2);
}
