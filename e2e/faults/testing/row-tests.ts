import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WARNING } from '../../../scripts/testing/runner.ts';
import { runApart } from '../apart.ts';
import type { Row } from '../row.ts';
import { type RowResult, runRow } from '../run.ts';
import { smallShape } from '../shapes.ts';
import { tableOf } from '../table.ts';

const DELIVERIES = 5_000;
const SEED = 1;
/** Most of what a row costs is its gateways. Of two, one is the other's only witness. */
const GATEWAYS = 2;
/** Other test files are at work beside this one; `npm run faults` does without this. */
const BUSY_MS = 3_000;
/** Whole processes start, break and recover, twice at most; none of it takes this long. */
const ROW_MS = 240_000;

/** A test of each row that is not for large runs only, on real gateways and a real Redis. */
export function testRows(what: string, rows: readonly Row[]): void {
  describe(what, () => {
    for (const row of rows.filter(({ largeOnly }) => largeOnly !== true)) {
      it(`row ${row.row}: ${row.title}`, { timeout: ROW_MS }, async (test) => {
        const apart = await runApart(row, { seed: SEED, deliveries: DELIVERIES });
        if (apart !== undefined) {
          test.diagnostic(apart.output);
          if (apart.outcome === 'skipped') test.skip(apart.output);
          else assert.equal(apart.outcome, 'passed', apart.output);
          return;
        }
        const result: RowResult = await runRow(row, {
          seed: SEED,
          deliveries: DELIVERIES,
          shape: smallShape,
          gateways: GATEWAYS,
          busyMs: BUSY_MS,
        });
        const { again } = result;
        if (again !== undefined) test.diagnostic(`${WARNING}row ${row.row} ran twice: ${again}`);
        test.diagnostic(`${JSON.stringify(result.evidence)}\n${tableOf([result])}`);
        const replay = `npm run faults -- --row ${row.row} --seed ${SEED}`;
        assert.deepEqual(result.complaints, [], `${replay}\n${result.complaints.join('\n')}`);
      });
    }
  });
}
