import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGREE_HEARTBEATS, RingWorld, ringFaults } from './testing/ring-world.ts';

const SEEDS = Number(process.env['RING_SEEDS'] ?? 2_000);
const FIRST_SEED = Number(process.env['RING_SEED'] ?? 1);
/** Fewer seeds than this need not have met everything. */
const ENOUGH = 1_000;

/** What at least must have happened in a thousand worlds, or they prove little. */
const leastPerThousand: Readonly<Record<string, number>> = {
  'rings taken': 5_000,
  'heartbeats failed': 2_000,
  'offer older': 1,
  'offer fenced': 2,
};

test(`pods agree on one ring after any trouble, in ${SEEDS} worlds`, async (t) => {
  const counts = new Map<string, number>();
  let slowest = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const outcome = await new RingWorld(seed).run();
    const { violations } = outcome;
    assert.deepEqual(violations, [], `replay it with RING_SEED=${seed} RING_SEEDS=1`);
    slowest = Math.max(slowest, outcome.heartbeats);
    for (const [name, times] of outcome.counts) counts.set(name, (counts.get(name) ?? 0) + times);
  }
  t.diagnostic(`agreed at most ${slowest.toFixed(1)} heartbeats after the last fault`);
  t.diagnostic(JSON.stringify(Object.fromEntries(counts)));
  if (SEEDS < ENOUGH) return;
  for (const fault of ringFaults) {
    assert.ok((counts.get(`fault ${fault}`) ?? 0) >= SEEDS / 20, `fault ${fault}: too rare`);
  }
  for (const [name, least] of Object.entries(leastPerThousand)) {
    const times = counts.get(name) ?? 0;
    assert.ok(times >= (least * SEEDS) / 1_000, `${name}: only ${times} in ${SEEDS} worlds`);
  }
  assert.ok(slowest <= AGREE_HEARTBEATS);
});

test('a board that does not fence is found', async () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const { violations } = await new RingWorld(seed, { unfenced: true }).run();
    if (violations.length > 0) return;
  }
  assert.fail('500 worlds, and none shows it');
});
