import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inCluster } from '../../operator/kube/in-cluster.ts';
import { isNotFound, KubeError } from '../../operator/kube/kube-error.ts';
import { kubeconfig } from '../../operator/kube/kubeconfig.ts';
import { isRecord } from '../../operator/kube/objects.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import { foregroundClock as clock } from '../../protocol/clock.ts';
import { until, within } from '../deadline.ts';
import { hasDefaultAccount } from './default-account.ts';
import { configMap, configMaps, connect, kubeconfigOf } from './kube-target.ts';
import { labOf, startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

/** What undici says of each connection that it opens. */
const opened: string[] = [];
const onOpened = (message: unknown) => {
  const socket: unknown = isRecord(message) ? message['socket'] : undefined;
  const protocol: unknown =
    typeof socket === 'object' && socket !== null && 'alpnProtocol' in socket
      ? socket.alpnProtocol
      : undefined;
  opened.push(String(protocol));
};

describe('the connection to an API server', () => {
  const NAMESPACE = `kube-connection-${process.pid}`;
  const NAMESPACES = '/api/v1/namespaces';
  let target: Target;
  let folder: string;

  before(async () => {
    channel('undici:client:connected').subscribe(onOpened);
    target = await startTarget({ nodes: 1 });
    folder = await mkdtemp(join(tmpdir(), 'kube-'));
    await target.kubectl.apply(namespace(NAMESPACE));
  });
  after(async () => {
    channel('undici:client:connected').unsubscribe(onOpened);
    await target.kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    await rm(folder, { recursive: true });
    await target.stop();
  });

  test('is one, of HTTP/2, for many calls and watches: client-node #2893', async () => {
    const { api, transport } = await connect(target);
    opened.length = 0;
    const signal = new AbortController();
    try {
      await api.call({ method: 'GET', path: '/version' });
      const watches = Array.from({ length: 5 }, async () => {
        const query = { resourceVersion: '0' };
        const watching = { path: NAMESPACES, query, idleMs: 60_000, signal: signal.signal };
        for await (const _ of api.watch(watching)) return;
      });
      await Promise.all(watches);
      for (let round = 0; round < 20; round += 1) {
        const calls = Array.from(
          { length: 4 },
          () => ({ method: 'GET', path: NAMESPACES }) as const,
        );
        await Promise.all(calls.map((call) => api.call(call)));
      }
      assert.deepEqual(opened, ['h2']);
    } finally {
      await transport.close();
    }
  });

  test('says what the API server says', async () => {
    const { api, transport } = await connect(target);
    const failure = async (work: Promise<unknown>) => {
      const error: unknown = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof KubeError, String(error));
      return error;
    };
    const place = { namespace: NAMESPACE, name: 'nobody' };
    const gone = await failure(api.call({ method: 'GET', path: pathOf(configMaps, place) }));
    assert.ok(isNotFound(gone));
    assert.match(gone.message, /configmaps "nobody" not found/);
    const path = pathOf(configMaps, { namespace: NAMESPACE });
    const body = configMap(NAMESPACE, 'twice');
    await api.call({ method: 'POST', path, body });
    const twice = await failure(api.call({ method: 'POST', path, body }));
    assert.deepEqual([twice.verdict, twice.reason], ['expected', 'AlreadyExists']);
    const invalid = configMap(NAMESPACE, 'Not A Name');
    const refused = await failure(api.call({ method: 'POST', path, body: invalid }));
    assert.deepEqual([refused.verdict, refused.reason], ['terminal', 'Invalid']);
    await transport.close();
  });

  test('with the token of a pod, which is read again after it was replaced', async () => {
    const config: unknown = JSON.parse(
      await target.kubectl('config', 'view', '--raw', '-o', 'json'),
    );
    const { cluster } = (config as { clusters: [{ cluster: Record<string, string> }] }).clusters[0];
    const server = new URL(cluster['server'] ?? '');
    const ca = Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64').toString();
    const token = () => target.kubectl('create', 'token', 'default', '-n', NAMESPACE);
    await hasDefaultAccount(target.kubectl, NAMESPACE);
    const write = (name: string, text: string) => writeFile(join(folder, name), text);
    await Promise.all([
      write('ca.crt', ca),
      write('namespace', NAMESPACE),
      write('token', 'wrong'),
    ]);
    const env = {
      KUBERNETES_SERVICE_HOST: server.hostname,
      KUBERNETES_SERVICE_PORT: server.port || '443',
    };
    const credentials = await inCluster({ clock, env, folder });
    const { api, transport } = await connect(target, { credentials });
    const whoAmI = async () => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      return JSON.stringify(await api.call({ method: 'POST', path, body }));
    };
    await assert.rejects(whoAmI(), { status: 401, verdict: 'retry' });
    await write('token', await token());
    // No wait: the 401 made it read the file again.
    assert.match(await whoAmI(), new RegExp(`system:serviceaccount:${NAMESPACE}:default`));
    await transport.close();
  });

  test('with what an exec plugin of a kubeconfig says', async () => {
    const config = JSON.parse(await readFile(kubeconfigOf(target), 'utf8')) as {
      clusters: unknown[];
    };
    const plugin = join(folder, 'plugin');
    const bearer = (await target.kubectl('create', 'token', 'default', '-n', NAMESPACE)).trim();
    const apiVersion = 'client.authentication.k8s.io/v1';
    const answer = { apiVersion, kind: 'ExecCredential', status: { token: bearer } };
    await writeFile(
      plugin,
      `#!/bin/sh\necho run >> ${folder}/runs\necho '${JSON.stringify(answer)}'\n`,
    );
    await chmod(plugin, 0o755);
    const exec = { apiVersion, command: plugin, interactiveMode: 'Never' };
    const file = join(folder, 'kubeconfig');
    const content = { ...config, users: [{ name: 'admin', user: { exec } }] };
    const text = JSON.stringify(content).replaceAll(/"user":"[^"]*"/g, '"user":"admin"');
    await writeFile(file, text);
    const { api, transport } = await connect(target, {
      credentials: await kubeconfig({ clock, file }),
    });
    for (let count = 0; count < 3; count += 1) {
      await assert.rejects(
        api.call({ method: 'GET', path: NAMESPACES }),
        /forbidden: User "system:serviceaccount/,
      );
    }
    assert.equal(await readFile(join(folder, 'runs'), 'utf8'), 'run\n');
    await transport.close();
  });

  test('ends calls of a frozen API server in time, and goes on with the thawed', async (t) => {
    const lab = labOf(target, t, 'have its API server frozen');
    if (lab === undefined) return;
    const { api, transport } = await connect(target, { deadlineMs: 1000 });
    const call = { method: 'GET', path: NAMESPACES } as const;
    await api.call(call);
    const apiServer = lab.component('kube-apiserver');
    apiServer.freeze();
    try {
      await assert.rejects(api.call(call), { reason: 'DeadlineExceeded', verdict: 'retry' });
      await assert.rejects(api.call(call), { reason: 'DeadlineExceeded' });
      assert.ok(transport.pools <= 1, 'connections that nobody answers are given up');
    } finally {
      apiServer.thaw();
    }
    await until(() => api.call(call).catch(() => false), {
      for: 'an answer after the thaw',
      deadlineMs: 30_000,
    });
    await transport.close();
  });

  test('is ended when nobody answers its PINGs, whatever goes over it', async (t) => {
    const lab = labOf(target, t, 'have its API server frozen');
    if (lab === undefined) return;
    const { api, transport } = await connect(target);
    await api.call({ method: 'GET', path: NAMESPACES });
    const { signal } = new AbortController();
    const query = { resourceVersion: '1' };
    // A watch that would wait for ten minutes.
    const watching = { path: NAMESPACES, query, idleMs: 600_000, signal };
    const watch = (async () => {
      for await (const _ of api.watch(watching));
    })();
    const ended = assert.rejects(watch, /no PING was answered for 45000 ms/);
    const apiServer = lab.component('kube-apiserver');
    apiServer.freeze();
    try {
      await within(ended, { for: 'the end of the watch', deadlineMs: 75_000 });
    } finally {
      apiServer.thaw();
    }
    await transport.close();
  });

  test('notices an API server that died, and reaches the one after it', async (t) => {
    const lab = labOf(target, t, 'lose its API server');
    if (lab === undefined) return;
    const { api, transport } = await connect(target);
    const call = { method: 'GET', path: NAMESPACES } as const;
    await api.call(call);
    const signal = new AbortController().signal;
    const query = { resourceVersion: '1' };
    const watch = (async () => {
      for await (const _ of api.watch({ path: NAMESPACES, query, idleMs: 60_000, signal }));
    })();
    const cut = assert.rejects(watch, { reason: 'Unreachable', verdict: 'retry' });
    await new Promise((resolve) => setImmediate(resolve));
    await api.call(call);
    await lab.component('kube-apiserver').kill();
    await cut;
    await assert.rejects(api.call(call), { reason: 'Unreachable' });
    await lab.component('kube-apiserver').start();
    // It says 403 for a moment while it starts.
    await until(() => api.call(call).catch(() => false), {
      for: 'an answer of the new one',
      deadlineMs: 60_000,
    });
    await transport.close();
  });
});
