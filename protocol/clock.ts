/**
 * Time and chance come from outside, so that a simulation can run the real code on a clock and a
 * seed of its own. Nothing in `client/`, `gateway/hub/` or `gateway/stream/` calls `Date.now`,
 * `setTimeout` or `Math.random` itself.
 */

/** A timer that was set; opaque to everyone but the clock that made it. */
export interface Timer {
  readonly cancel: () => void;
}

export interface Clock {
  /** Monotonic milliseconds from an arbitrary start. For intervals and deadlines. */
  now(): number;
  /** Wall clock, milliseconds since 1970. For display and for tokens; never orders anything. */
  wall(): number;
  /** Runs `task` once after `delayMs`; below 0, a deadline that has passed, is 0. */
  after(delayMs: number, task: () => void): Timer;
}

/** A source of chance: uniform in [0, 1). */
export type Random = () => number;

/** The clock of the machine. Timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, task) {
    const handle: unknown = setTimeout(task, Math.max(0, delayMs));
    // Node's timers have `unref`, a browser's are plain numbers.
    if (typeof handle === 'object' && handle !== null && 'unref' in handle) {
      (handle as { unref(): void }).unref();
    }
    return { cancel: () => clearTimeout(handle as number) };
  },
};

/**
 * The clock of the machine for work that a program waits for: a pending timer keeps a process
 * alive, so that one that waits to reconnect does not end in the meantime.
 */
export const foregroundClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, task) {
    const handle = setTimeout(task, Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
