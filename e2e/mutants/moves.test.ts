import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { delegate } from '../simulation/expedition.ts';

/** Worlds in which a bug must be found. */
const WORLDS = 150;
const MUTANT_MS = 60_000;

/** A known bug, what must be said of it, and where it was found last: that world comes first. */
const mutants: readonly (readonly [string, readonly string[], number])[] = [
  ['move-drops-topics', ['I6', 'I9'], 1],
  ['move-drops-publishes', ['answers'], 2],
  ['move-repeats', ['I3', 'I4'], 2],
  ['move-skips', ['I4', 'I6'], 5],
  ['no-shares', ['budget'], 5],
  ['older-ring', ['ring'], 26],
  ['two-writers', ['ring'], 106],
  ['sent-about', ['hops'], 28],
  ['no-rebalance', ['home'], 9],
];

describe('clients and gateways that move wrongly are found', () => {
  for (const [name, breaks, likely] of mutants) {
    it(name, { timeout: MUTANT_MS }, async (t) => {
      const mutant = join(import.meta.dirname, `${name}.ts`);
      const failureIn = async (first: number, last: number) =>
        (await delegate({ first, last, step: 1, ring: true }, [mutant])).failure;
      const failure = (await failureIn(likely, likely)) ?? (await failureIn(1, WORLDS));
      assert.ok(failure, `not noticed in ${WORLDS} worlds`);
      t.diagnostic(`in world ${failure.seed}`);
      const found = failure.broken.some((invariant) => breaks.includes(invariant));
      assert.ok(found, failure.text);
    });
  }
});
