import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { delegate } from '../simulation/expedition.ts';

/** Worlds in which a bug must be found. */
const WORLDS = 150;
const MUTANT_MS = 60_000;

/** A known bug, and what must be said of it. */
const mutants: readonly (readonly [string, readonly string[]])[] = [
  ['move-drops-topics', ['I6', 'I9']],
  ['move-drops-publishes', ['answers']],
  ['move-repeats', ['I3', 'I4']],
  ['move-skips', ['I4', 'I6']],
  ['no-shares', ['budget']],
  ['older-ring', ['ring']],
  ['two-writers', ['ring']],
  ['sent-about', ['hops']],
  ['no-rebalance', ['home']],
];

describe('clients and gateways that move wrongly are found', () => {
  for (const [name, breaks] of mutants) {
    it(name, { timeout: MUTANT_MS }, async (t) => {
      const mutant = join(import.meta.dirname, `${name}.ts`);
      const range = { first: 1, step: 1, last: WORLDS };
      const { failure, worlds } = await delegate({ ...range, ring: true }, [mutant]);
      assert.ok(failure, `not noticed in ${worlds} worlds`);
      t.diagnostic(`in world ${failure.seed}`);
      const found = failure.broken.some((invariant) => breaks.includes(invariant));
      assert.ok(found, failure.text);
    });
  }
});
