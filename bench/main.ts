import { fanOut } from './fan-out.ts';
import type { Figure, Measurement } from './figure.ts';
import { memory } from './memory.ts';
import { moves } from './moves.ts';
import { peers } from './peers.ts';
import { proxy } from './proxy.ts';
import { redisCost } from './redis-cost.ts';
import { resume } from './resume.ts';
import { ring } from './ring.ts';

/**
 * `npm run bench [-- name …]`: measurements as ratios within one run on one machine, each beside
 * the bound that it is to keep. Exit code 1 when one does not.
 */

const measurements: readonly Measurement[] = [
  memory,
  fanOut,
  redisCost,
  resume,
  ring,
  moves,
  proxy,
  peers,
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !measurements.some((one) => one.name === name));
if (unknown.length > 0) {
  const names = measurements.map((one) => one.name).join(', ');
  console.error(`bench: ${unknown.join(', ')}: no such measurement; there are ${names}`);
  process.exit(2);
}

const figures: Figure[] = [];
for (const measurement of measurements) {
  if (wanted.length > 0 && !wanted.includes(measurement.name)) continue;
  console.log(`${measurement.name}: ${measurement.text} (about ${measurement.seconds} s)`);
  figures.push(...(await measurement.run((line) => console.log(`  ${line}`))));
}

console.log();
for (const { what, value, unit, atMost, detail } of figures) {
  const bound = atMost === undefined ? '' : value <= atMost ? `≤ ${atMost} ✔` : `> ${atMost} ✘`;
  console.log(`${value.toFixed(2).padStart(10)} ${unit.padEnd(6)} ${bound.padEnd(12)} ${what}`);
  console.log(`${' '.repeat(31)}${detail}`);
}
const missed = figures.filter(({ value, atMost }) => atMost !== undefined && value > atMost);
process.exitCode = missed.length > 0 ? 1 : 0;
