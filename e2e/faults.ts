// `npm run faults [-- --row 25] [--deliveries 100000] [--seed 7]`: faults on real processes and a
// real Redis, each judged by the history checker. Exit code 1 when a row fails.

import { parseFaultOptions } from './faults/options.ts';
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
  const { rows, deliveries, seed } = parsed.options;
  console.log(`seed ${seed}, ${deliveries} deliveries a row, ${rows.length} rows`);
  const results: RowResult[] = [];
  let broken = 0;
  for (const row of rows) {
    console.log(`row ${row.row}: ${row.title}`);
    const progress = (line: string) => console.log(`  ${line}`);
    try {
      const result = await runRow(row, { seed, deliveries, shape: largeShape, progress });
      results.push(result);
      for (const complaint of result.complaints) console.log(`  ! ${complaint}`);
    } catch (error) {
      broken += 1;
      console.log(`  ! ${error instanceof Error ? `${error.message}\n${error.cause}` : error}`);
    }
  }
  console.log(`\n${tableOf(results)}`);
  const failed = broken + results.filter(({ complaints }) => complaints.length > 0).length;
  const replay = `npm run faults -- --seed ${seed} --deliveries ${deliveries}`;
  console.log(failed === 0 ? `${results.length} rows passed` : `${failed} failed; ${replay}`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
