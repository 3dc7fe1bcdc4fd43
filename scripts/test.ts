// `npm test [-- filter …]`: installs what the tests need, runs every *.test.ts whose path contains
// one of the filters (default: all), and ends with the totals. WSCLUSTER_TEST_NO_SKIPS=1 makes
// every skip a failure.

import { globSync } from 'node:fs';
import { join } from 'node:path';
import { aptGet, meetNeeds, needs } from './testing/needs.ts';
import { Report } from './testing/report.ts';
import { runTests } from './testing/runner.ts';

/** Test files at a time; more would make timing tests of whole processes wait for a core. */
const CONCURRENCY = 2;
const FILE_DEADLINE_MS = 480_000;

const root = join(import.meta.dirname, '..');
const filters = process.argv.slice(2);
const started = performance.now();
const write = (line: string) => process.stdout.write(`${line}\n`);

/** Whole processes are the heaviest. */
function byWeight(a: string, b: string): number {
  const rank = (file: string) => (file.startsWith('e2e/') ? 0 : 1);
  return rank(a) - rank(b) || a.localeCompare(b);
}

const files = globSync('**/*.test.ts', {
  cwd: root,
  exclude: ['node_modules', '**/node_modules', '.cache', '**/dist'],
})
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort(byWeight);

if (files.length === 0) {
  write(`No test file's path contains ${filters.join(' or ')}.`);
  process.exitCode = 2;
} else {
  const lacking = await meetNeeds(needs, aptGet(), write);
  for (const line of lacking) write(`! ${line}`);
  write(`${files.length} test files, ${CONCURRENCY} at a time\n`);
  const skipsFail = process.env['WSCLUSTER_TEST_NO_SKIPS'] === '1';
  const report = new Report(write, { skipsFail });
  const run = {
    root,
    files: files.map((file) => join(root, file)),
    concurrency: CONCURRENCY,
    fileDeadlineMs: FILE_DEADLINE_MS,
  };
  await runTests(run, (event) => report.on(event));
  report.finish((performance.now() - started) / 1000, lacking);
  process.exitCode = report.failed > 0 ? 1 : 0;
}
