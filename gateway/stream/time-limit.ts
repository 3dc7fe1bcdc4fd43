import type { Clock } from '../../protocol/clock.ts';
import { StoreDown } from './log.ts';

/**
 * The outcome of a read-only step, or `StoreDown` when it has none after `limitMs`. Not for
 * writes: what is given up on here may still happen.
 */
export function timeLimit<T>(clock: Clock, limitMs: number, step: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limitMs, () => {
      reject(new StoreDown(`no answer within ${limitMs} ms`));
    });
    step.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
