import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../protocol/clock.ts';

const STEP_MS = 2;

/** Waits until `condition` holds; fails after the deadline with what was waited for. */
export async function waitFor(
  condition: () => boolean,
  what: string,
  deadlineMs = 5_000,
): Promise<void> {
  const until = systemClock.now() + deadlineMs;
  while (!condition()) {
    if (systemClock.now() > until) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await delay(STEP_MS);
  }
}
