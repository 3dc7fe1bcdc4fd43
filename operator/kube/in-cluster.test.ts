import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { inCluster, isInCluster } from './in-cluster.ts';

const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'account-'));
});
after(() => rm(folder, { recursive: true }));

const write = (name: string, text: string) => writeFile(join(folder, name), text);

test('the account of a pod: address, namespace, and a token that rotates', async () => {
  await Promise.all([write('namespace', 'home\n'), write('token', 'one\n'), write('ca.crt', 'CA')]);
  const clock = new ManualClock();
  const account = await inCluster({ clock, env, folder });
  assert.equal(account.origin, 'https://[fd00::1]:443');
  assert.equal(account.namespace, 'home');
  const first = await account.current();
  assert.deepEqual(first, { headers: { authorization: 'Bearer one' }, tls: { ca: 'CA' } });

  await write('token', 'two');
  assert.equal(await account.current(), first, 'files are not read at every call');
  clock.pass(10_000);
  const second = await account.current();
  assert.equal(second.headers['authorization'], 'Bearer two');
  assert.equal(second.tls, first.tls, 'connections stay when only the token changed');

  await write('token', 'three');
  account.forget();
  assert.equal((await account.current()).headers['authorization'], 'Bearer three');

  await write('ca.crt', 'CA2');
  clock.pass(10_000);
  assert.deepEqual((await account.current()).tls, { ca: 'CA2' });
});

test('a token that is missing is an error each time, and no crash', async () => {
  const clock = new ManualClock();
  await write('token', ' ');
  const account = await inCluster({ clock, env, folder });
  await assert.rejects(account.current(), /token of the account is empty/);
  await write('token', 'there');
  assert.equal((await account.current()).headers['authorization'], 'Bearer there');
});

test('elsewhere it says so', async () => {
  assert.equal(isInCluster(env), true);
  assert.equal(isInCluster({}), false);
  await assert.rejects(
    inCluster({ clock: new ManualClock(), env: {}, folder }),
    /not in a cluster/,
  );
});
