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
    for (const [index, signal] of (['SIGUSR2', 'SIGURG'] as const).entries()) {
      child.signal(signal);
      const [, text = ''] = await until(
        () => [...child.output.matchAll(/^holds (\{.*\})$/gm)][index],
        wait,
      );
      const { timers, heldBytes, rssBytes } = JSON.parse(text);
      assert.equal(timers, 21);
      assert.ok(heldBytes > 0 && rssBytes > heldBytes, text);
    }
  } finally {
    await child.end('SIGKILL');
  }
});
