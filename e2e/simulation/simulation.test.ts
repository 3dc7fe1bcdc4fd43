import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { assertEnough, exploreTogether, summary } from './expedition.ts';
import { worldFaults } from './faults.ts';
import { tell } from './telling.ts';
import { World } from './world.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 2_000);
const FIRST_SEED = Number(process.env['SIMULATION_SEED'] ?? 1);
/** Fewer seeds than this need not have met everything. */
const ENOUGH = 1_000;

/**
 * What at least must have happened in a thousand worlds, or they prove little: about a third of
 * what does happen.
 */
const leastPerThousand: Readonly<Record<string, number>> = {
  'delivered at app': 100_000,
  'delivered at wire': 50_000,
  'publish ok': 50_000,
  'publish unknown': 200,
  'publish failed': 1_000,
  'publish retried': 5_000,
  'publish too late': 900,
  'worlds that lost': 100,
  'resumed from memory': 300,
  'resumed from log': 500,
  'gap lost': 40,
  'gap truncated': 200,
  'gap trimmed': 150,
  'gap expired': 5,
  'repair hole': 200,
  'repair announced': 5_000,
  'repair epoch': 500,
  'repair doubt': 500,
  'repair rotation': 100,
  'doubt reconnect': 500,
  'doubt probe_lost': 100,
  'doubt frozen': 30,
  'bell repeated': 5_000,
  'bell lost': 500,
  'bell twice': 200,
  'bell late': 1_000,
  'request refused': 500,
  'request reply-lost': 150,
  'parked overflow': 50,
  'outlet full': 300,
  'slow ended': 200,
  'cursors saved': 5_000,
  'client silent': 100,
  'client drain': 1,
  'client moved: drain': 45,
  'client moved: rebalance': 40,
  'client error move_failed': 3,
  'client cut_off': 20,
  'connect refused': 50,
  'connect unanswered': 8,
  'bytes lost under way': 20,
  'drain done': 40,
  'clients moved away': 20,
};

/** Of every single fault. */
const LEAST_FAULTS = 20;

const longFaults = ['client away for long', 'gateway away for long'];
const leastFaults = Object.fromEntries(
  [...worldFaults.map(({ name }) => name), ...longFaults].map((name) => [
    `fault ${name}`,
    LEAST_FAULTS,
  ]),
);

test(`nothing is lost in silence, doubled or delayed for ever in ${SEEDS} worlds`, async (t) => {
  const found = await exploreTogether({ first: FIRST_SEED, last: FIRST_SEED + SEEDS - 1 });
  assertEnough(found, SEEDS < ENOUGH ? {} : { ...leastPerThousand, ...leastFaults });
  for (const line of summary(found)) t.diagnostic(line);
});

test('a seed tells the same world again', async () => {
  for (const seed of [3, 4]) {
    const [one, other] = [await new World(seed).run(), await new World(seed).run()];
    assert(one.records.length > 100);
    assert.deepEqual(tell(other), tell(one));
  }
});

test('a world is replayed from the command line, to its verdict', async () => {
  const script = join(import.meta.dirname, 'replay.ts');
  const options = { maxBuffer: 64 * 1024 * 1024 };
  const run = promisify(execFile)(process.execPath, [script, '--seed', '5'], options);
  const { stdout } = await run;
  assert.match(stdout, /!! g0-1 starts/);
  assert.match(stdout, /store wrote a /);
  assert.match(stdout, /Nothing went wrong\.\n$/);
});
