import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { minimal } from '../../operator/api/testing/samples.ts';
import { until } from '../deadline.ts';
import { attempt, type Outcome, run } from '../lab/command.ts';
import { tokenFor, tokenKeys } from '../load/token-subscriber.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { labOnly } from './target.ts';
import { TrafficWorld } from './traffic-world.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CLIENTS = 90;
const API_KEY = 'an-api-key-of-a-test-which-nobody-else-has';
/** It connects with its token, and stays. */
const VISITOR = `
  import { Client } from '@wscluster/client';
  const [url, token] = process.argv.slice(1);
  const client = new Client({ url, token });
  client.subscribe('room.1').ready.then(() => console.log('there'));`;

describe('kubectl wscluster, as it is installed', labOnly, () => {
  let traffic: TrafficWorld;
  let folder: string;
  let visitor: ChildProcess | undefined;

  /** By the real kubectl, which finds the plugin on the path. */
  const plugin = (...words: readonly string[]): Promise<Outcome> => {
    const { lab } = traffic.world.target;
    const programs = [join(folder, 'node_modules', '.bin'), dirname(process.execPath)];
    const env = {
      KUBECONFIG: lab?.kubeconfig ?? '',
      PATH: [...programs, process.env['PATH']].join(delimiter),
    };
    const kubectl = join(lab?.programs ?? '', 'kubectl');
    return attempt(kubectl, ['wscluster', ...words], { env, deadlineMs: 150_000 });
  };
  const done = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await plugin(...words, '-n', traffic.at.namespace);
    assert.equal(code, 0, `${words.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const refused = async (...words: readonly string[]): Promise<string> => {
    const { code, stderr } = await plugin(...words, '-n', traffic.at.namespace);
    assert.equal(code, 1, stderr);
    return stderr;
  };
  const names = async () => (await traffic.pods()).map(({ metadata }) => metadata.name);
  /** The gateway with the most clients. */
  const fullest = async () => {
    const all = (await names()).map(async (name) => {
      const { namespace } = traffic.at;
      const path = `/api/v1/namespaces/${namespace}/pods/${name}:9001/proxy/admin/status`;
      const status = JSON.parse(await traffic.world.target.kubectl('get', '--raw', path)) as {
        readonly edge: { readonly connections: number };
      };
      return { name, count: status.edge.connections };
    });
    const [most] = (await Promise.all(all)).sort((a, b) => b.count - a.count);
    return most?.name ?? assert.fail();
  };
  const shows = (words: readonly string[], what: RegExp) => {
    let last = '';
    return until(
      async () => {
        last = await done(...words);
        return what.test(last) && last;
      },
      { for: () => `${what} in\n${last}`, deadlineMs: 60_000, everyMs: 500 },
    );
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubectl-plugin-'));
    const made = join(folder, 'made');
    const building = [join(ROOT, 'scripts', 'build-cli.ts'), made];
    const tarball = (await run(process.execPath, building, { deadlineMs: 120_000 })).trim();
    const install = ['install', '--prefix', folder, '--offline', '--no-audit', '--no-fund'];
    await run('npm', [...install, tarball], { deadlineMs: 120_000 });
    traffic = await TrafficWorld.start({
      ...{ name: 'plugin', nodes: 1, clients: CLIENTS },
      spec: {
        replicas: 3,
        // Slow enough for somebody to look at it, and to change their mind.
        disruption: { movesPerSecond: 2, drainGraceSeconds: 5, drainDeadlineSeconds: 90 },
        rollout: { maxSurge: '100%', minReadySeconds: 0 },
      },
    });
  });
  after(async () => {
    visitor?.kill('SIGKILL');
    await traffic?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('status shows all of them, and one with its gateways and its ring', async () => {
    assert.match(await done('status'), /^chat +True +3 +3 +\d+ +1\.\d+ +0 +Complete +-$/m);
    const text = await done('status', 'chat');
    assert.match(text, /^chat in \S+: Ready True, 3 of 3 gateways ready, \d+ clients$/m);
    assert.doesNotMatch(text, /Needs attention/);
    for (const name of await names()) {
      assert.match(text, new RegExp(`^  ${name} +\\S+ +yes +\\d+ +546[12] +1\\.\\d+ +-$`, 'm'));
      assert.match(text, new RegExp(`^  ${name} +33\\.3 %  #{40}$`, 'm'));
    }
  });

  test('what is not there, or not understood, is named with what would be right', async () => {
    const [name = ''] = await names();
    const near = `${name.slice(0, -1)}_`.replace('_', name.endsWith('x') ? 'z' : 'x');
    assert.match(await refused('drain', near), new RegExp(`did you mean ${name.slice(0, -2)}`));
    assert.match(await refused('pause', 'chatt'), /did you mean chat\?/);
    assert.match(await refused('abort', 'chat'), /no rollout to abort: all gateways have revision/);
    assert.match(await refused('cancel-drain', name), /not being emptied: there is nothing to/);
    const { code, stderr } = await plugin('drian', name);
    assert.deepEqual([code, stderr.includes('did you mean drain?')], [2, true]);
    const elsewhere = await plugin('status', '--context', 'nowhere');
    assert.equal(elsewhere.code, 1);
    assert.match(elsewhere.stderr, /^error: the kubeconfig has no cluster for the context nowhere/);
  });

  test('drain empties a gateway that has clients, and another one takes its place', async (t) => {
    const was = await names();
    const [name = ''] = was;
    const figures = await traffic.during('drain', async () => {
      const said = await done('drain', `pod/${name}`, '--wait');
      t.diagnostic(said);
      assert.match(
        said,
        /^\S+ is to be emptied, replaced and removed: its clients go to the other/,
      );
      assert.match(said, /is replaced after .*: 3 of 3 gateways ready$/m);
      return { gone: (await names()).includes(name) ? 0 : 1 };
    });
    assert.equal(figures.interrupted, 0);
    assert.ok(!(await names()).includes(name));
    await traffic.settled();
    assert.equal((await names()).filter((one) => was.includes(one)).length, 2);
    assert.match(await refused('cancel-drain', name), /there is no pod/);
  });

  test('cancel-drain calls a gateway back, with what it has left', async () => {
    const was = await names();
    const name = await fullest();
    await done('drain', name);
    await shows(
      ['status', 'chat'],
      new RegExp(`${name} .* emptying, as somebody asked for it, over`),
    );
    assert.match(
      await refused('drain', name),
      /is being emptied already, as somebody asked for it/,
    );
    assert.match(await done('cancel-drain', name), /^\S+ stays, with the clients/);
    await traffic.settled();
    assert.deepEqual(await names(), was);
  });

  test('pause, restart and abort: nothing is replaced', async () => {
    const was = await names();
    assert.match(
      await done('pause', 'chat'),
      /^chat is paused: no rollout begins or goes on until/,
    );
    assert.match(await done('restart', 'chat'), /are replaced, as in a rollout, when kubectl/);
    await traffic.world.reaches(traffic.at, 'Progressing', 'True Paused');
    assert.match(await done('status', 'chat'), /^ {2}paused: no rollout goes on$/m);
    assert.match(await done('abort', 'chat'), /is aborted: gateways go back to/);
    assert.match(await done('resume', 'chat'), /^chat is not paused any more/);
    await traffic.world.reaches(traffic.at, 'Progressing', 'True Aborted');
    await traffic.settled();
    assert.deepEqual(await names(), was);
    assert.match(await done('status', 'chat'), /^ {2}aborted: revision \S+, until the spec is/m);
  });

  test('restart replaces as far as the partition, and promote all', async () => {
    const was = await names();
    await traffic.world.change(traffic.at, { rollout: { partition: 2 } });
    await done('restart', 'chat');
    await traffic.world.reaches(traffic.at, 'Progressing', 'True PartitionReached');
    await traffic.settled();
    const text = await done('status', 'chat');
    assert.match(text, /^ {2}to be {2}\S+ {2}1 gateway, 1 ready\n {2}still {2}\S+ {2}2 gateways/m);
    assert.match(await done('promote', 'chat'), /^chat is promoted: all its gateways get/);
    await traffic.world.reaches(traffic.at, 'Progressing', 'True Complete');
    await traffic.settled();
    assert.equal((await names()).filter((one) => was.includes(one)).length, 0);
  });

  test('where says at which gateway a user is, for who has an API key', async () => {
    const { lab } = traffic.world.target;
    const at = { namespace: traffic.at.namespace, name: 'private' };
    await traffic.world.putSecret(at, { jwks: tokenKeys, apiKeys: API_KEY });
    const keysSecretRef = { name: 'private', key: 'jwks' };
    const apiKeysSecretRef = { name: 'private', key: 'apiKeys' };
    await traffic.world.create(at, {
      ...{ replicas: 1, redis: { ...minimal.redis, keyPrefix: 'private' } },
      auth: { keysSecretRef, apiKeysSecretRef },
    });
    await traffic.world.reaches(at, 'Ready', 'True AllReady');
    const path = '-o=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}';
    const address = await traffic.kubectl('get', 'service/private', path);
    const pid = lab?.component('kube-apiserver').pid;
    const within = ['--pdeathsig', 'KILL', 'nsenter', `--net=/proc/${pid}/ns/net`, '--'];
    const program = [process.execPath, '--input-type=module', '-e', VISITOR];
    const to = [`ws://${address}/ws`, tokenFor('alice', ['room.*'])];
    visitor = spawn('setpriv', [...within, ...program, ...to], { cwd: ROOT });
    assert.match(
      await refused('where', 'alice'),
      /^error: which of chat, private\? --cluster NAME/,
    );
    const asked = ['where', 'alice', '--cluster', 'private'] as const;
    assert.match(await refused(...asked), /^error: an API key is needed: give one with --api-key/);
    const file = join(folder, 'api-key');
    await writeFile(file, `${API_KEY}\n`);
    await shows([...asked, '--api-key-file', file], /^alice has 1 connection\n.*\n {2}private-/);
  });

  test('nothing was lost, nothing came twice', async () => {
    await lostNothing(traffic.crowd);
  });
});
