import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Findings } from '../simulation/explore.ts';

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

/** Tells worlds with the bug planted, in a thread of its own, until one of them shows it. */
async function explored(name: string): Promise<Findings> {
  const worker = new Worker(join(import.meta.dirname, '../simulation/explorer.ts'), {
    execArgv: ['--import', join(import.meta.dirname, `${name}.ts`)],
    workerData: { first: 1, step: 1, last: WORLDS, ring: true },
  });
  const [findings] = (await once(worker, 'message')) as [Findings];
  await worker.terminate();
  return findings;
}

describe('clients and gateways that move wrongly are found', () => {
  for (const [name, breaks] of mutants) {
    it(name, { timeout: MUTANT_MS }, async (t) => {
      const { failure, worlds } = await explored(name);
      assert.ok(failure, `not noticed in ${worlds} worlds`);
      t.diagnostic(`in world ${failure.seed}`);
      const found = failure.broken.some((invariant) => breaks.includes(invariant));
      assert.ok(found, failure.text);
    });
  }
});
