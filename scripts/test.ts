// `npm test [-- filter …]`: installs what the tests need, runs every *.test.ts whose path contains
// one of the filters (default: all), and ends with the totals. WSCLUSTER_TEST_NO_SKIPS=1 makes
// every skip a failure.

import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { bundlePrograms } from '../e2e/processes/programs.ts';
import { aptGet, meetNeeds, needs } from './testing/needs.ts';
import { Processors } from './testing/processors.ts';
import { Report } from './testing/report.ts';
import { runTests } from './testing/runner.ts';

/** Test files at a time. Many wait more than they work, and few of those that work find room. */
const LEAST = 2;
const MOST = 4 * Math.max(2, availableParallelism());
/**
 * Whole processes under load, whole browsers, many worlds. Each keeps most of a processor busy, and
 * what is judged there would not come about if it had to wait for one.
 */
const HEAVY = /^e2e\/(faults|mutants|simulation|browser)\//;
const MOST_HEAVY = 1 + Math.max(2, availableParallelism());
const FILE_DEADLINE_MS = 480_000;

const root = join(import.meta.dirname, '..');
const filters = process.argv.slice(2);
const started = performance.now();
const write = (line: string) => process.stdout.write(`${line}\n`);

/** Those that take longest, whether they work or wait: what begins last must not take long. */
const LONGEST = [
  'e2e/faults/ring-rows',
  'e2e/faults/owner-rows',
  'e2e/faults/store-rows',
  'e2e/browser/demo',
  'e2e/faults/',
  'e2e/mutants/mutants',
  'e2e/simulation/simulation',
  'e2e/browser/',
  'scripts/testing/runner',
  'e2e/simulation/',
  'gateway/stream/redis/redis-log',
  'gateway/gateway.test',
  'gateway/edge/drain',
  'e2e/',
  'gateway/stream/redis/',
  'gateway/stream/memory/memory-log',
  'gateway/ring/redis/',
  'gateway/redis-',
  'gateway/moves',
  'gateway/main',
  'gateway/edge/hostile-peers',
  'embedded/run',
  'scripts/observability/rules',
];

function byLength(a: string, b: string): number {
  return rankOf(a) - rankOf(b) || a.localeCompare(b);
}

function rankOf(file: string): number {
  const rank = LONGEST.findIndex((folder) => file.startsWith(folder));
  return rank === -1 ? LONGEST.length : rank;
}

const files = globSync('**/*.test.ts', {
  cwd: root,
  exclude: ['node_modules', '**/node_modules', '.cache', '**/dist'],
})
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort(byLength);

if (files.length === 0) {
  write(`No test file's path contains ${filters.join(' or ')}.`);
  process.exitCode = 2;
} else {
  const lacking = await meetNeeds(needs, aptGet(), write);
  for (const line of lacking) write(`! ${line}`);
  write(`${files.length} test files, ${LEAST} to ${MOST} at a time\n`);
  await bundlePrograms();
  const skipsFail = process.env['WSCLUSTER_TEST_NO_SKIPS'] === '1';
  const report = new Report(write, { skipsFail });
  const processors = new Processors();
  const run = {
    root,
    files: files.map((file) => join(root, file)),
    atOnce: {
      ...{ least: LEAST, most: MOST, idle: () => processors.idle() },
      heavy: { is: (file: string) => HEAVY.test(relative(root, file)), most: MOST_HEAVY },
    },
    fileDeadlineMs: FILE_DEADLINE_MS,
  };
  await runTests(run, (event) => report.on(event));
  report.finish((performance.now() - started) / 1000, lacking);
  process.exitCode = report.failed > 0 ? 1 : 0;
}
