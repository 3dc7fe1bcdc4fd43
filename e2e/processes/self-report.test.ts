import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { until } from '../deadline.ts';
import { Child } from './child.ts';

const PROGRAM = `
  const kept = [];
  for (let index = 0; index < 20; index += 1) setTimeout(() => {}, 60_000).unref();
  for (let index = 0; index < 20; index += 1) kept.push(setTimeout(() => {}, 60_000));
  for (const timer of kept) clearTimeout(timer);
  for (let index = 0; index < 20; index += 1) kept.push(setTimeout(() => {}, 1));
  setInterval(() => kept.length, 1_000);
  setTimeout(() => console.log('up'), 100);
`;

it('a process says how many timers run, not how many there were', async () => {
  const child = new Child({
    command: process.execPath,
    args: ['--expose-gc', '--import', join(import.meta.dirname, 'self-report.ts'), '-e', PROGRAM],
  });
  try {
    const wait = { for: () => `the process to speak: ${child.output}`, deadlineMs: 20_000 };
    await until(() => child.output.includes('up\n'), wait);
    const reports = () => [...child.output.matchAll(/^holds (\{.*\})$/gm)];
    for (const signal of ['SIGUSR2', 'SIGURG'] as const) {
      const ask = async () => {
        const before = reports().length;
        child.signal(signal);
        const [, text = ''] = await until(() => reports()[before], wait);
        const held = JSON.parse(text);
        // The timer that spoke is over for the process a little later than it spoke.
        return held.timers === 21 && held;
      };
      const { heldBytes, rssBytes } = await until(ask, { for: '21 timers', deadlineMs: 5_000 });
      assert.ok(heldBytes > 0 && rssBytes > heldBytes, `${heldBytes} ${rssBytes}`);
    }
  } finally {
    await child.end('SIGKILL');
  }
});
