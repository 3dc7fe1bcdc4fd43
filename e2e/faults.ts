// `npm run faults [-- --row 25] [--deliveries 100000] [--seed 7]`: faults on real processes and a
// real Redis, each judged by the history checker. Exit code 1 when a row fails.

import { runApart } from './faults/apart.ts';
import { type FaultOptions, parseFaultOptions } from './faults/options.ts';
import type { Row } from './faults/row.ts';
import { type RowResult, runRow } from './faults/run.ts';
import { largeShape } from './faults/shapes.ts';
import { tableOf } from './faults/table.ts';

async function main(): Promise<number> {
  const parsed = parseFaultOptions(process.argv.slice(2));
  if (parsed.kind === 'help') {
    console.log(parsed.text);
    return 0;
  }
  if (parsed.kind === 'wrong') {
    console.error(parsed.message);
    return 2;
  }
  const { options } = parsed;
  const { rows, deliveries, seed } = options;
  console.log(`seed ${seed}, ${deliveries} deliveries a row, ${rows.length} rows`);
  const ends: End[] = [];
  for (const row of rows) {
    console.log(`row ${row.row}: ${row.title}`);
    ends.push(await ended(row, options));
  }
  const results = ends.filter((end) => typeof end === 'object');
  console.log(`\n${tableOf(results)}`);
  const count = (of: End) => ends.filter((end) => end === of).length;
  const failed = count('failed') + results.filter(({ complaints }) => complaints.length > 0).length;
  const skipped = count('skipped') > 0 ? `, ${count('skipped')} skipped` : '';
  const replay = `npm run faults -- --seed ${seed} --deliveries ${deliveries}`;
  const passed = ends.length - failed - count('skipped');
  console.log(failed === 0 ? `${passed} rows passed${skipped}` : `${failed} failed; ${replay}`);
  return failed === 0 ? 0 : 1;
}

/** What is not an object was told already. */
type End = RowResult | 'passed' | 'failed' | 'skipped';

async function ended(row: Row, { deliveries, seed }: FaultOptions): Promise<End> {
  const progress = (line: string) => console.log(`  ${line}`);
  try {
    const apart = await runApart(row, { seed, deliveries });
    if (apart !== undefined) {
      progress(apart.output.trimEnd().replaceAll('\n', '\n  '));
      return apart.outcome;
    }
    const result = await runRow(row, { seed, deliveries, shape: largeShape, progress });
    for (const complaint of result.complaints) progress(`! ${complaint}`);
    return result;
  } catch (error) {
    progress(`! ${error instanceof Error ? `${error.message}\n${error.cause}` : error}`);
    return 'failed';
  }
}

process.exitCode = await main();
