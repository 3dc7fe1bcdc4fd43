import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../deadline.ts';
import { redisImage } from '../lab/images.ts';
import { hasDefaultAccount } from './default-account.ts';
import { labOf, startTarget, type Target } from './target.ts';
import { namespace, noDisruption, redis, shell, web } from './workload.ts';

/** What the suites of the operator take for granted, on whichever cluster they run. */
describe('a cluster', () => {
  const NAMESPACE = `lab-${process.pid}`;
  let target: Target;

  const inNamespace = (...args: readonly string[]) => target.kubectl('-n', NAMESPACE, ...args);
  const deploy = (version: string) => {
    const options = { namespace: NAMESPACE, image: target.node, replicas: 2, version };
    return target.kubectl.apply(...web(options));
  };
  const rolledOut = () => inNamespace('rollout', 'status', 'deployment/web', '--timeout=120s');
  const pods = async (selector: string): Promise<PodView[]> => {
    const list = await target.kubectl.get('pods', '-n', NAMESPACE, '-l', selector);
    return (list as { items: PodView[] }).items;
  };
  /** What a pod hears from a URL. */
  const hear = (url: string) => {
    const script = `fetch('${url}').then((r) => r.text()).then(console.log)`;
    return target.kubectl.attempt('-n', NAMESPACE, 'exec', 'shell', '--', 'node', '-e', script);
  };

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await target.kubectl.apply(namespace(NAMESPACE));
    await hasDefaultAccount(target.kubectl, NAMESPACE);
  });

  after(async () => {
    await target.kubectl('delete', 'namespace', NAMESPACE, '--wait=true', '--timeout=120s');
    await target.stop();
  });

  test('has a node that is Ready', async () => {
    await target.kubectl('wait', 'node', '--all', '--for=condition=Ready', '--timeout=60s');
    const nodes = await target.kubectl('get', 'nodes', '-o', 'name');
    assert.match(nodes, /^node\/\S+/);
  });

  test('makes a Deployment available whose pods pass their probes', async () => {
    await deploy('1');
    await rolledOut();
    const running = await pods('app=web');
    assert.equal(running.length, 2);
    for (const pod of running) {
      assert.equal(pod.status.phase, 'Running');
      assert.equal(pod.status.containerStatuses[0]?.ready, true);
    }
  });

  test('leads from pod to pod by the name of a Service', async () => {
    await target.kubectl.apply(shell({ namespace: NAMESPACE, image: target.node }));
    await inNamespace('wait', 'pod/shell', '--for=condition=Ready', '--timeout=60s');
    const names = [`http://web.${NAMESPACE}.svc.cluster.local/`, 'http://web/'];
    for (const url of names) {
      // kube-proxy lags behind a rollout.
      const heard = await until(
        async () => {
          const { code, stdout } = await hear(url);
          return code === 0 && stdout;
        },
        { for: `an answer of ${url}`, deadlineMs: 30_000, everyMs: 500 },
      );
      assert.match(heard, /^web-\S+ 1$/m);
    }
  });

  test('rolls a new version out, and the old pods go', async () => {
    const old = (await pods('app=web')).map(({ metadata }) => metadata.uid);
    await deploy('2');
    await rolledOut();
    await until(async () => (await pods('app=web')).length === 2, {
      for: 'two pods',
      deadlineMs: 60_000,
      everyMs: 500,
    });
    const now = (await pods('app=web')).map(({ metadata }) => metadata.uid);
    assert.deepEqual(
      now.filter((uid) => old.includes(uid)),
      [],
    );
    await until(async () => / 2$/m.test((await hear('http://web/')).stdout), {
      for: 'an answer of version 2',
      deadlineMs: 30_000,
      everyMs: 500,
    });
  });

  test('gives logs, runs commands in a pod, and replaces one that was deleted', async () => {
    const [pod] = await pods('app=web');
    assert.ok(pod !== undefined);
    const { name, uid } = pod.metadata;
    assert.match(await inNamespace('logs', name), /listening/);
    assert.equal(await inNamespace('exec', name, '--', 'sh', '-c', 'id -u'), '1000\n');
    const failing = ['-n', NAMESPACE, 'exec', name, '--', 'sh', '-c', 'exit 7'] as const;
    assert.equal((await target.kubectl.attempt(...failing)).code, 7);
    await inNamespace('delete', 'pod', name, '--timeout=60s');
    await rolledOut();
    const left = await pods('app=web');
    assert.ok(left.every(({ metadata }) => metadata.uid !== uid));
  });

  test('refuses a pod that is not restricted', async () => {
    const forbidden = shell({ namespace: NAMESPACE, image: target.node }, { privileged: true });
    await assert.rejects(target.kubectl.apply(forbidden), /violates PodSecurity "restricted/);
  });

  test('refuses an eviction that a PodDisruptionBudget forbids', async () => {
    await target.kubectl.apply(noDisruption(NAMESPACE));
    await until(
      async () => {
        const seen = await inNamespace(
          'get',
          'pdb',
          'web',
          '-o',
          'jsonpath={.status.expectedPods}',
        );
        return seen === '2';
      },
      { for: 'the budget to count its pods', deadlineMs: 30_000 },
    );
    const [pod] = await pods('app=web');
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${pod?.metadata.name}/eviction`;
    const metadata = { name: pod?.metadata.name, namespace: NAMESPACE };
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata };
    await assert.rejects(
      target.kubectl.create(path, eviction),
      /would violate the pod's disruption budget/,
    );
    const after = await pods('app=web');
    assert.ok(after.some(({ metadata: { uid } }) => uid === pod?.metadata.uid));
  });

  test('keeps its pods while its API server is dead, and goes on when it is back', async (t) => {
    const lab = labOf(target, t, 'lose its API server');
    if (lab === undefined) return;
    const before = await pods('app=web');
    const apiServer = lab.component('kube-apiserver');
    const pid = apiServer.pid;
    await apiServer.kill();
    assert.equal(apiServer.pid, undefined);
    assert.notEqual((await lab.kubectl.attempt('get', 'nodes', '--request-timeout=2s')).code, 0);
    await apiServer.start();
    assert.notEqual(apiServer.pid, pid);
    const after = await pods('app=web');
    assert.deepEqual(livesOf(after), livesOf(before));
    // Controllers work again, not only the API server.
    await inNamespace('scale', 'deployment/web', '--replicas=3');
    await rolledOut();
  });

  for (const name of ['etcd', 'kube-controller-manager', 'containerd-node-1', 'kubelet-node-1']) {
    test(`keeps its pods while ${name} is dead, and after it was started again`, async (t) => {
      const lab = labOf(target, t, `lose its ${name}`);
      if (lab === undefined) return;
      const before = livesOf(await pods('app=web'));
      const component = lab.component(name);
      await component.kill();
      await component.start();
      await until(async () => (await lab.kubectl.attempt('get', 'nodes')).code === 0, {
        for: `an answer after ${name} came back`,
        deadlineMs: 60_000,
      });
      assert.deepEqual(livesOf(await pods('app=web')), before);
      const replaced = (await pods('app=web'))[0]?.metadata.name ?? '';
      await inNamespace('delete', 'pod', replaced, '--timeout=60s');
      await rolledOut();
    });
  }

  test('waits for a frozen API server, and for nothing else', async (t) => {
    const lab = labOf(target, t, 'have its API server frozen');
    if (lab === undefined) return;
    const apiServer = lab.component('kube-apiserver');
    apiServer.freeze();
    try {
      assert.notEqual((await lab.kubectl.attempt('get', 'nodes', '--request-timeout=2s')).code, 0);
    } finally {
      apiServer.thaw();
    }
    await until(async () => (await lab.kubectl.attempt('get', 'nodes')).code === 0, {
      for: 'an answer after the thaw',
      deadlineMs: 30_000,
    });
  });

  test('runs the images of the lab: Redis answers', async (t) => {
    const lab = labOf(target, t, 'run images that no registry has');
    if (lab === undefined) return;
    const image = (await redisImage()).name;
    await target.kubectl.apply(redis({ namespace: NAMESPACE, image }));
    await inNamespace('wait', 'pod/redis', '--for=condition=Ready', '--timeout=60s');
    const address = await inNamespace('get', 'pod/redis', '-o', 'jsonpath={.status.podIP}');
    const connect = `require('node:net').connect(6379, '${address}')`;
    const script = `${connect}.end('PING\\r\\n').pipe(process.stdout)`;
    assert.equal(await inNamespace('exec', 'shell', '--', 'node', '-e', script), '+PONG\r\n');
  });
});

/** Containers by pod: another one, or one that was started again, is another life. */
const livesOf = (list: readonly PodView[]): unknown[] =>
  list.map(({ metadata: { uid }, status: { containerStatuses } }) => [
    uid,
    ...containerStatuses.map(({ containerID, restartCount }) => `${containerID} ${restartCount}`),
  ]);

interface PodView {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses: readonly {
      readonly ready: boolean;
      readonly containerID: string;
      readonly restartCount: number;
    }[];
  };
}
