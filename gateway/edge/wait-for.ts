import { setTimeout as delay } from 'node:timers/promises';

const STEP_MS = 2;

/** Waits until `condition` holds; fails after the deadline with what was waited for. */
export async function waitFor(
  condition: () => boolean,
  what: string,
  deadlineMs = 5_000,
): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await delay(STEP_MS);
  }
}
