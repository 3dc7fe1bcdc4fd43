/** Waiting for a condition, never for a time. */

import { Late } from '../scripts/testing/late.ts';

export interface Wait {
  /** Says in the error what did not happen. */
  readonly for: string | (() => string);
  /** Default: 5 s. */
  readonly deadlineMs?: number;
  readonly everyMs?: number;
}

const DEADLINE_MS = 5_000;

/** The first value of `probe` that is neither undefined nor false; throws after the deadline. */
export async function until<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  wait: Wait,
): Promise<T> {
  const end = performance.now() + (wait.deadlineMs ?? DEADLINE_MS);
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= end) {
      throw late(wait);
    }
    await pause(wait.everyMs ?? 10);
  }
}

/** Whether it resolves; for `until`, where a failure only means that it is too early. */
export function succeeds(attempt: Promise<unknown>): Promise<boolean> {
  return attempt.then(
    () => true,
    () => false,
  );
}

/** `promise`, or an error that names what was waited for. */
export function within<T>(promise: Promise<T>, wait: Wait): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late(wait)), wait.deadlineMs ?? DEADLINE_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function late(wait: Wait): Late {
  const what = typeof wait.for === 'string' ? wait.for : wait.for();
  return new Late(`not within ${wait.deadlineMs ?? DEADLINE_MS} ms: ${what}`);
}

/** Lets time pass, where time itself is the fault: the length of an outage, a pace. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
