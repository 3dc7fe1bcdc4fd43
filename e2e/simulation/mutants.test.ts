import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mutants } from './mutants.ts';
import type { Outcome } from './outcome.ts';
import { replayCommand, tellFailure } from './telling.ts';
import { type Spoilers, World } from './world.ts';

/** Worlds in which a bug must be found. */
const WORLDS = 150;

async function foundIn(spoilers: Spoilers | undefined): Promise<Outcome> {
  for (let seed = 1; seed <= WORLDS; seed += 1) {
    const told = await new World(seed, spoilers && { spoilers }).run();
    if (told.violations.length > 0) return told;
  }
  assert.fail(`not found in ${WORLDS} worlds`);
}

describe('a planted bug is found', () => {
  for (const { name, found, spoilers } of mutants) {
    test(name, async () => {
      const outcome = await foundIn(spoilers);
      const invariants = new Set(outcome.violations.map(({ invariant }) => invariant));
      const expected = found.some((invariant) => invariants.has(invariant));
      assert(expected, `found by ${[...invariants].join(', ')}, not by ${found.join(' or ')}`);
    });
  }

  test('and the report says where, what happened before it, and how to replay it', async () => {
    const mutant = mutants.find(({ name }) => name.startsWith('a publish that was written'));
    const outcome = await foundIn(mutant?.spoilers);
    const text = tellFailure(outcome);
    assert.match(text, /^Seed \d+: I2 at \S+ in [abc]: \S+ was answered as failed/);
    assert(text.includes(replayCommand(outcome)));
    const [violation] = outcome.violations;
    const id = violation?.detail.split(' ')[0] ?? '';
    assert.match(text, new RegExp(`got [abc] \\S+ ${id}\\n*`));
    assert(text.split('\n').length < 60);
  });
});
