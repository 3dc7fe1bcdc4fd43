// `node e2e/simulation/replay.ts --seed N [--ring]`: tells one world again, line by
// line, and its verdict.

import { parseArgs } from 'node:util';
import { describe, tell } from './telling.ts';
import { World } from './world.ts';

const { values } = parseArgs({ options: { seed: { type: 'string' }, ring: { type: 'boolean' } } });
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) {
  console.error('usage: node e2e/simulation/replay.ts --seed N [--ring]');
  process.exitCode = 2;
} else {
  const outcome = await new World(seed, { ring: values.ring === true }).run();
  for (const line of tell(outcome)) console.log(line);
  const { violations } = outcome;
  console.log(violations.length === 0 ? 'Nothing went wrong.' : 'What went wrong:');
  for (const violation of violations) console.log(describe(violation));
  process.exitCode = violations.length === 0 ? 0 : 1;
}
