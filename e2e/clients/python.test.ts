import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../deadline.ts';
import { Pair } from './pair.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const WEBSOCKETS = 'websockets==15.0.1';
/** The version is part of the name, so that another one makes another environment. */
const VENV = join(ROOT, '.cache', `python-${WEBSOCKETS.replaceAll('=', '')}`);
const COUNT = 20;

/** Why the test cannot run here; undefined: it can. */
async function missing(): Promise<string | undefined> {
  if (existsSync(VENV)) return undefined;
  const fresh = `${VENV}.${process.pid}`;
  try {
    await run('python3', ['-m', 'venv', fresh], { timeout: 60_000 });
    await run(join(fresh, 'bin/pip'), ['install', '--quiet', WEBSOCKETS], { timeout: 120_000 });
    await rename(fresh, VENV);
    return undefined;
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (existsSync(VENV)) return undefined;
    return `no Python with ${WEBSOCKETS}: ${error instanceof Error ? error.message : error}`;
  }
}

type Said = Record<string, unknown>;

const skip = (await missing()) ?? false;

describe('a Python client written from docs/protocol.md', { skip, timeout: 90_000 }, () => {
  let pair: Pair;
  before(async () => {
    pair = await Pair.start();
  });
  after(() => pair?.stop());

  it('loses nothing and gets nothing twice when its gateway is killed', async () => {
    const said: Said[] = [];
    const client = spawn(join(VENV, 'bin/python'), [
      join(import.meta.dirname, 'python_client.py'),
      `${pair.first.url},${pair.second.url}`,
      'py',
      String(COUNT),
    ]);
    let errors = '';
    let rest = '';
    client.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    client.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) said.push(JSON.parse(line));
    });
    const exited = new Promise<number | null>((resolve) => client.once('exit', resolve));
    const all = (name: string) => said.filter((one) => name in one);
    const wait = (done: () => boolean) =>
      until(done, { for: () => `${JSON.stringify(said.slice(-5))} ${errors}`, deadlineMs: 20_000 });

    await wait(() => all('message').length >= COUNT);
    await pair.first.kill();
    await pair.publish(pair.second, 'py', [{ other: 1 }, { other: 2 }]);
    await wait(() => all('ready').length >= 2 && all('message').length >= COUNT + 2);
    await pair.publish(pair.second, 'py', [{ end: true }]);
    assert.equal(await exited, 0, errors);

    const messages = all('message');
    const numbers = messages.map((one) => one['seq'] as number);
    assert.deepEqual(
      numbers,
      Array.from({ length: COUNT + 3 }, (_, index) => index + 1),
    );
    assert.equal(all('gap').length, 0);
    assert.ok(all('reconnect').length >= 1, 'the kill was felt');
    assert.equal(new Set(all('acked').map((one) => one['acked'])).size, COUNT);
  });
});
