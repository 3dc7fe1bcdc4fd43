// `npm run faults [-- --row 25] [--deliveries 100000] [--seed 7] [--full]`: faults on real
// processes and a real Redis, each judged by the history checker. Exit code 1 when a row fails.

import { parseArgs } from 'node:util';
import { rows, rowsNamed } from './faults/rows.ts';
import { type RowResult, runRow } from './faults/run.ts';
import { largeShape } from './faults/shapes.ts';
import { tableOf } from './faults/table.ts';

const USAGE =
  'npm run faults -- [--row <number>]… [--deliveries <count, default 100000>] [--seed <number>]';

interface Wanted {
  readonly names: readonly string[];
  readonly deliveries: number;
  readonly seed: number;
}

function wanted(): Wanted | undefined {
  const { values } = parseArgs({
    options: {
      row: { type: 'string', multiple: true },
      deliveries: { type: 'string', default: '100000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  const deliveries = Number(values.deliveries);
  const seed = Number(values.seed);
  const good =
    Number.isSafeInteger(deliveries) && deliveries >= 1_000 && Number.isSafeInteger(seed);
  return good ? { names: values.row ?? [], deliveries, seed } : undefined;
}

async function main(): Promise<number> {
  const asked = wanted();
  const chosen = asked?.names.length === 0 ? rows : asked?.names.flatMap(rowsNamed);
  if (asked === undefined || chosen === undefined || chosen.length === 0) {
    console.error(`${USAGE}\nrows: ${rows.map(({ row }) => row).join(' ')}`);
    return 2;
  }
  const { deliveries, seed } = asked;
  console.log(`seed ${seed}, ${deliveries} deliveries a row, ${chosen.length} rows`);
  const results: RowResult[] = [];
  let broken = 0;
  for (const row of chosen) {
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

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
}
