import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertEnough, exploreTogether, summary } from './expedition.ts';
import { worldFaults } from './faults.ts';
import { moveSteps } from './move-trace.ts';
import { ringFaults } from './ring-faults.ts';
import { tell } from './telling.ts';
import { World } from './world.ts';

const SEEDS = Number(process.env['RING_WORLD_SEEDS'] ?? 250);
const FIRST_SEED = Number(process.env['RING_WORLD_SEED'] ?? 1);
/** Fewer seeds than this need not have met everything. */
const ENOUGH = 250;

/**
 * What at least must have happened in a thousand worlds, or they prove little: about a third of
 * what does happen.
 */
const leastPerThousand: Readonly<Record<string, number>> = {
  'delivered at app': 120_000,
  'delivered at wire': 60_000,
  'publish ok': 50_000,
  'publish too late': 1_000,
  'fault gateway away for long': 40,
  'client moved: rebalance': 2_000,
  'client moved: redirect': 150,
  'client moved: drain': 150,
  'client error move_failed': 50,
  'move moved again': 180,
  'moved hurried': 150,
  'ring newer': 4_000,
  'ring older': 13,
  'ring offered: fenced': 20,
};

/** Of every single fault, and of moves that are cut at a step. */
const LEAST_FAULTS = 6;
const LEAST_CUTS = 3;
const faults = [...worldFaults, ...ringFaults]
  .filter(({ ringless }) => ringless !== true)
  .map(({ name }) => [`fault ${name}`, LEAST_FAULTS]);
const cuts = moveSteps.map((step) => [`fault move cut when ${step}`, LEAST_CUTS]);
const least = { ...leastPerThousand, ...Object.fromEntries([...faults, ...cuts]) };

test(`clients follow the ring, and lose nothing by it, in ${SEEDS} worlds`, async (t) => {
  const last = FIRST_SEED + SEEDS - 1;
  const found = await exploreTogether({ first: FIRST_SEED, last, ring: true });
  for (const line of summary(found)) t.diagnostic(line);
  assertEnough(found, SEEDS < ENOUGH ? {} : least);
});

test('a seed tells the same world of a ring again', async () => {
  const tellSeven = async () => tell(await new World(7, { ring: true }).run());
  assert.deepEqual(await tellSeven(), await tellSeven());
});
