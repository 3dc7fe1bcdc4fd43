import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { within } from '../e2e/deadline.ts';
import { Child } from '../e2e/processes/child.ts';

const HERE = import.meta.dirname;
const EARLY_SIGNAL = join(HERE, '..', 'process', 'early-signal.ts');
/** Of a cluster that nobody is asked for. */
const CONFIGURATION = {
  clusters: [{ name: 'none', cluster: { server: 'https://127.0.0.1:1' } }],
  contexts: [{ name: 'none', context: { cluster: 'none', user: 'me' } }],
  users: [{ name: 'me', user: { token: 't' } }],
  'current-context': 'none',
};

describe('the operator’s process', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'operator-'));
    await writeFile(join(folder, 'config'), JSON.stringify(CONFIGURATION));
  });
  after(() => rm(folder, { recursive: true }));

  it('ends with 0 when it is told to while its program still loads, as in its image', async (t) => {
    const dockerfile = await readFile(join(HERE, '..', 'Dockerfile'), 'utf8');
    assert.match(
      dockerfile,
      /^ENTRYPOINT .*"--import", "\.\/process\/early-signal\.js", "operator\//m,
    );
    // A signal is heard when the loop turns.
    const told =
      'data:text/javascript,process.kill(process.pid,"SIGTERM");' +
      'await new Promise((resolve) => setTimeout(resolve, 50))';
    const child = new Child({
      command: process.execPath,
      args: ['--import', EARLY_SIGNAL, '--import', told, join(HERE, 'main.ts')],
      env: { KUBECONFIG: join(folder, 'config') },
    });
    t.after(() => child.end('SIGKILL'));
    const wait = { for: () => `an end of ${child.output}`, deadlineMs: 30_000 };
    const exit = await within(child.exited, wait);
    assert.deepEqual(exit, { code: 0, signal: null }, child.output);
  });
});
