// Runs in a pod, bundled: `node main.mjs <url> <clients>`. Clients of the package listen to the
// topic `room`, to which the first of them publishes, until something arrives in the topic `end`.
// The last line says what each has seen.

import { Client } from '../../../client/index.ts';

const [url = '', count = '1'] = process.argv.slice(2);
const PAUSE_MS = 10;
/** Whoever lacks the last message by then says so by what it has. */
const LEVEL_MS = 15_000;
/** Whoever would have ended it may be gone. */
const LONGEST_MS = 300_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function visitor() {
  const client = new Client({ url });
  const seen: number[] = [];
  const gaps: unknown[] = [];
  const moves: string[] = [];
  const subscription = client.subscribe<number>('room');
  subscription.on('message', ({ data }) => seen.push(data));
  subscription.on('gap', (gap) => gaps.push(gap));
  client.on('moved', ({ reason }) => moves.push(reason));
  return { client, subscription, seen, gaps, moves };
}

const first = visitor();
const visitors = [first, ...Array.from({ length: Number(count) - 1 }, visitor)];
await Promise.all(visitors.map(({ client }) => client.connect()));
// Whoever is not there yet need not hear of what is published.
await Promise.all(visitors.map(({ subscription }) => subscription.ready));
let over = false;
first.client.subscribe('end').on('message', () => {
  over = true;
});
process.stdout.write('ready\n');

const end = performance.now() + LONGEST_MS;
let published = 0;
while (!over && performance.now() < end) {
  await first.client.publish('room', published);
  published += 1;
  await pause(PAUSE_MS);
}
const level = performance.now() + LEVEL_MS;
while (visitors.some(({ seen }) => seen.length < published) && performance.now() < level) {
  await pause(50);
}
const told = visitors.map(({ seen, gaps, moves }) => ({ seen, gaps, moves }));
// A pipe takes no more than 64 KiB at once: whoever exits before the rest is read loses it.
process.stdout.write(`${JSON.stringify({ published, told })}\n`, () => process.exit());
