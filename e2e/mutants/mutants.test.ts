import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { rows } from '../faults/rows.ts';
import { runRow } from '../faults/run.ts';
import { smallShape } from '../faults/shapes.ts';
import type { Invariant } from '../history/verdict.ts';

const DELIVERIES = 2_400;
const MUTANT_MS = 60_000;
/** A mutant may never recover; the history tells what it did. */
const PATIENCE_MS = 5_000;

/** A known bug, the row in which it shows, and what the checker must say of it. */
const mutants: readonly (readonly [string, string, readonly Invariant[]])[] = [
  ['skip-one', '1', ['I6']],
  ['dup-on-resume', '1', ['I3', 'I4']],
  ['no-lineage', '25', ['I4', 'I6', 'I7']],
  ['ack-before-write', '35', ['I7']],
  ['resend-xadd', '34', ['I2', 'I3']],
  ['dollar-id', '37', ['I6']],
  ['drop-tail-on-drain', '2', ['I6']],
  ['no-auth-on-resume', '60', ['I10']],
  ['keep-sessions', '51', ['I11']],
];

describe('gateways with a known bug do not pass', () => {
  for (const [name, number, breaks] of mutants) {
    it(`${name}, in row ${number}`, { timeout: MUTANT_MS }, async () => {
      const row = rows.find((candidate) => candidate.row === number);
      assert.ok(row);
      const { verdict, complaints } = await runRow(row, {
        seed: 1,
        deliveries: DELIVERIES,
        shape: smallShape,
        gateways: 2,
        patienceMs: PATIENCE_MS,
        imports: [join(import.meta.dirname, `${name}.ts`)],
      });
      const found = breaks.some((invariant) => verdict.violated.has(invariant));
      assert.ok(found, `not noticed: ${complaints.join('\n') || 'nothing at all'}`);
    });
  }
});
