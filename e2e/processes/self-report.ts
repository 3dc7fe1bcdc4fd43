import { createHook } from 'node:async_hooks';
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';

/**
 * Loaded into a process before its program, with `--expose-gc`. It says on stderr, as a line of
 * JSON behind `holds `, what the process holds: on SIGUSR2 as it is, on SIGURG when its garbage is
 * collected. That stops it for long enough to think its connections dead, and then it has timers
 * that it would not have: so timers are not asked for with the latter.
 */

/** Those that run; the list of active resources leaves out what keeps no process alive. */
const timers = new Set<number>();
let reports = 0;

createHook({
  init: (id, type) => {
    if (type === 'Timeout') timers.add(id);
  },
  destroy: (id) => {
    timers.delete(id);
  },
  trackPromises: false,
}).enable();

function report(): void {
  reports += 1;
  // It will be killed sooner or later; what it compiled is for the next ones.
  if (reports === 1) flushCompileCache();
  const { heapUsed, external, rss } = process.memoryUsage();
  const heldBytes = heapUsed + external;
  const held = { report: reports, timers: timers.size, heldBytes, rssBytes: rss };
  writeSync(2, `holds ${JSON.stringify(held)}\n`);
}

/** Gives pages back, too. */
function collect(): void {
  globalThis.gc?.({ type: 'major', flavor: 'last-resort', execution: 'sync' });
}

process.on('SIGUSR2', report);
process.on('SIGURG', () => {
  collect();
  // What finalizers let go is garbage one turn later.
  setImmediate(() => {
    collect();
    report();
  });
});
