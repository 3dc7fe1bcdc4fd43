// `npm run e2e [-- filter …]`: builds the lab and the images once, and runs every *.e2e.ts whose
// path contains one of the filters, each on a Kubernetes of its own. E2E_KUBECONFIG names another
// cluster instead; what may not be done there is skipped. WSCLUSTER_TEST_NO_SKIPS=1 makes every
// skip a failure. Without a filter those are left out for which programs of others must be built:
// the output names them. `-- --report` writes what suites measured into docs/operations.md, if all
// of them passed. Ends with the totals.

import { globSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { FIGURES, tabulate } from '../e2e/cluster/figures.ts';
import {
  type ForeignPrograms,
  keda,
  prometheus,
  prometheusAdapter,
  prometheusConfigReloader,
  prometheusOperator,
} from '../e2e/lab/foreign-programs.ts';
import { sweep } from '../e2e/lab/instances.ts';
import { buildLab } from '../e2e/lab/lab.ts';
import { productImage } from '../e2e/lab/product-images.ts';
import { meetLabNeeds } from '../e2e/lab/requirements.ts';
import { targets } from './images/builders.ts';
import { Processors } from './testing/processors.ts';
import { Report } from './testing/report.ts';
import { type AtOnce, runTests } from './testing/runner.ts';

const given = process.env['E2E_KUBECONFIG'] !== undefined;
const processors = new Processors();
const ONE_BY_ONE: AtOnce = { least: 1, most: 1, idle: () => 0 };
/** Each has a cluster of its own. Much of its time it waits for one, and another finds room. */
const TOGETHER: AtOnce = {
  ...{ least: 1, most: 3, idle: () => processors.idle() },
  heavy: { is: isCrowded, most: 1 },
};
/** Sees all of this machine before and after: beside another it would see that. */
const ALONE = 'e2e/cluster/leftovers.e2e.ts';
const FILE_DEADLINE_MS = 20 * 60_000;
const MONITORING = [prometheusOperator, prometheusConfigReloader, prometheus];
/** By the names of files: programs of others, which take a quarter of an hour or more to build. */
const ON_REQUEST: Readonly<Record<string, readonly ForeignPrograms[]>> = {
  keda: [keda, ...MONITORING],
  'prometheus-adapter': [prometheusAdapter, ...MONITORING],
};

/**
 * What a thousand clients notice is judged: beside another thousand they would notice those. They
 * are a queue of their own, the longest.
 */
const CROWDED = ['operator-traffic', 'autoscaling', 'operator-disruption', 'operator-flapping'];
/** Minutes each; what begins last must not take long. */
const LONGEST = [
  ...CROWDED,
  ...[
    'operator-killed',
    'operator-data-plane',
    'operator-ingress',
    'chart-install',
    'operator-faults',
    'quick-start',
    'operator-many',
  ],
  'operator.',
];

const requested = (path: string): readonly ForeignPrograms[] | undefined =>
  ON_REQUEST[basename(path, '.e2e.ts')];

function byLength(a: string, b: string): number {
  return rankOf(a) - rankOf(b) || a.localeCompare(b);
}

function rankOf(file: string): number {
  const rank = LONGEST.findIndex((name) => basename(file).startsWith(name));
  return rank === -1 ? LONGEST.length : rank;
}

function isCrowded(path: string): boolean {
  return CROWDED.some((name) => basename(path).startsWith(name));
}

const root = join(import.meta.dirname, '..');
const [flags, filters] = [/^--/, /^(?!--)/].map((kind) =>
  process.argv.slice(2).filter((word) => kind.test(word)),
) as [string[], string[]];
const wantsReport = flags.includes('--report');
const started = performance.now();
const write = (line: string) => process.stdout.write(`${line}\n`);

const files = globSync('e2e/**/*.e2e.ts', { cwd: root })
  .filter((file) =>
    filters.length === 0
      ? requested(file) === undefined
      : filters.some((filter) => file.includes(filter)),
  )
  .sort(byLength);

/** What the tests need and is not there, a line each. */
async function prepare(): Promise<string[]> {
  if (given && process.env['E2E_LOAD_IMAGE'] === undefined) return [];
  const lacking = await meetLabNeeds(write);
  // Here and not in the first test, so that whoever waits sees it go on.
  if (lacking.length > 0) return lacking;
  if (!given) {
    await buildLab(write);
    const foreign = new Set(files.flatMap((file) => requested(file) ?? []));
    for (const { image } of foreign) await image.archive(write);
  }
  const all = filters.length === 0;
  for (const target of all ? targets : []) await (await productImage(target)).archive(write);
  return lacking;
}

async function run(some: readonly string[], atOnce: AtOnce, report: Report): Promise<void> {
  const paths = some.map((file) => join(root, file));
  const options = { root, files: paths, atOnce, fileDeadlineMs: FILE_DEADLINE_MS };
  await runTests(options, (event) => report.on(event));
}

/** Of all suites that ran: none is kept from another run. */
function gatherFigures(): string | undefined {
  if (!wantsReport) return undefined;
  const file = join(mkdtempSync(join(tmpdir(), 'wscluster-figures-')), 'figures');
  writeFileSync(file, '');
  process.env[FIGURES] = file;
  return file;
}

const unknown = flags.filter((flag) => flag !== '--report');
if (unknown.length > 0) {
  write(`${unknown.join(', ')} is not known; --report is.`);
  process.exitCode = 2;
} else if (files.length === 0) {
  write(`No file's path contains ${filters.join(' or ')}.`);
  process.exitCode = 2;
} else {
  const lacking = await prepare();
  for (const line of lacking) write(`! ${line}`);
  if (lacking.length > 0) {
    write('0 passed, 1 failed');
    process.exitCode = 1;
  } else {
    write(`${files.length} files\n`);
    if (filters.length === 0) write(`Only when named: ${Object.keys(ON_REQUEST).join(', ')}.\n`);
    const figures = gatherFigures();
    const report = new Report(write, { skipsFail: process.env['WSCLUSTER_TEST_NO_SKIPS'] === '1' });
    const others = files.filter((file) => file !== ALONE);
    await run(others, given ? ONE_BY_ONE : TOGETHER, report);
    if (files.includes(ALONE)) await run([ALONE], ONE_BY_ONE, report);
    // What a file left that was ended at its deadline.
    await sweep();
    if (figures !== undefined && report.failed === 0) {
      const count = tabulate(figures, join(root, 'docs', 'operations.md'));
      write(`${count} figures: docs/operations.md`);
    }
    report.finish((performance.now() - started) / 1000, []);
    process.exitCode = report.failed > 0 ? 1 : 0;
  }
}
