import assert from 'node:assert/strict';
import { it } from 'node:test';
import { foregroundClock, sleep, systemClock } from './clock.ts';

/** A client that stood still asks for its deadlines of meanwhile, for one. */
it('a deadline that has passed is due now, without a warning', async (test) => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  test.after(() => process.off('warning', note));
  for (const clock of [foregroundClock, systemClock]) {
    // Timers of the system clock keep nothing alive.
    const alive = foregroundClock.after(10_000, () => {});
    await sleep(clock, -5_000);
    alive.cancel();
  }
  assert.deepEqual(warnings, []);
});
