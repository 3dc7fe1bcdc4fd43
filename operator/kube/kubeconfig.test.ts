import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { kubeconfig } from './kubeconfig.ts';

const clock = new ManualClock();

/** What it gives where all is well is e2e/cluster/kube-connection.e2e.ts, on a real API server. */
describe('a kubeconfig that cannot be used is named, and why', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  });
  after(() => rm(folder, { recursive: true }));

  const written = async (text: string) => {
    const file = join(folder, 'config');
    await writeFile(file, text);
    return file;
  };
  const config = (cluster: object) =>
    JSON.stringify({
      clusters: [{ name: 'one', cluster: { server: 'https://one:6443', ...cluster } }],
      contexts: [{ name: 'first', context: { cluster: 'one', user: 'me' } }],
      users: [{ name: 'me', user: { token: 't' } }],
      'current-context': 'first',
    });
  const refused = (message: RegExp) => ({ name: 'KubeconfigError', message });

  test('missing', async () => {
    const file = join(folder, 'none');
    const why = refused(/^the kubeconfig \S+none cannot be used: ENOENT/);
    await assert.rejects(kubeconfig({ clock, file }), why);
  });

  test('no YAML', async () => {
    const file = await written('a: [');
    const why = refused(/^the kubeconfig \S+config cannot be used: .+/);
    await assert.rejects(kubeconfig({ clock, file }), why);
  });

  test('without the context', async () => {
    const file = await written(config({}));
    const why = refused(/no cluster for the context second; its contexts: first$/);
    await assert.rejects(kubeconfig({ clock, file, context: 'second' }), why);
    assert.equal((await kubeconfig({ clock, file })).origin, 'https://one:6443');
  });

  test('with a proxy', async () => {
    const file = await written(config({ 'proxy-url': 'http://proxy:3128' }));
    const why = refused(/^proxy-url of the cluster one is not supported$/);
    await assert.rejects(kubeconfig({ clock, file }), why);
  });

  test('not there at all', async (t) => {
    const { HOME, KUBECONFIG } = process.env;
    t.after(() => Object.assign(process.env, { HOME, ...(KUBECONFIG && { KUBECONFIG }) }));
    process.env['HOME'] = folder;
    delete process.env['KUBECONFIG'];
    await assert.rejects(kubeconfig({ clock }), refused(/^there is no kubeconfig, neither/));
  });
});
