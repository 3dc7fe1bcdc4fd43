import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../deadline.ts';
import { redisImage } from '../lab/images.ts';
import { productImage } from '../lab/product-images.ts';
import { ADMIN_PORT, CLIENT_PORT, gateways, SECRET } from './gateways.ts';
import { assertBare, assertSmall, assertTold } from './image-claims.ts';
import { startTarget, type Target } from './target.ts';
import { type Visited, visitor } from './visitor/pod.ts';
import { namespace, redis } from './workload.ts';

const NAMESPACE = `image-${process.pid}`;
/** A Service sends each anywhere: of so many, none at one of three in a run of 60,000. */
const CLIENTS = 30;

describe('the image of the gateway, in pods that are restricted', () => {
  let target: Target;
  let image: string;

  const inNamespace = (...args: readonly string[]) => target.kubectl('-n', NAMESPACE, ...args);
  const pods = async (): Promise<readonly Pod[]> => {
    const list = await target.kubectl.get('pods', '-n', NAMESPACE, '-l', 'app=gateway');
    return (list as { items: Pod[] }).items;
  };
  const somePod = async () => ({
    namespace: NAMESPACE,
    name: (await pods())[0]?.metadata.name ?? '',
  });
  const statusOf = async ({ metadata: { name } }: Pod): Promise<Status> => {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}:${ADMIN_PORT}/proxy/admin/status`;
    return JSON.parse(await target.kubectl('get', '--raw', path));
  };

  before(async () => {
    target = await startTarget({ nodes: 1 });
    const { lab } = target;
    const made = await productImage('gateway');
    image = made.name;
    await lab?.loadImage(await made.archive((line) => console.log(line)));
    await target.kubectl.apply(namespace(NAMESPACE));
    const account = ['-n', NAMESPACE, 'get', 'sa', 'default'] as const;
    await until(async () => (await target.kubectl.attempt(...account)).code === 0, {
      for: 'the default service account',
      deadlineMs: 30_000,
    });
    const redisName = (await redisImage()).name;
    await target.kubectl.apply(redis({ namespace: NAMESPACE, image: redisName }));
    await target.kubectl.apply(...gateways({ namespace: NAMESPACE, image }, 3));
  });

  after(async () => {
    await target.kubectl('delete', 'namespace', NAMESPACE, '--wait=true', '--timeout=120s');
    await target.stop();
  });

  test('is small', () => assertSmall(target.kubectl, image));

  test('starts without the Secret that it needs, and says so', async () => {
    const three = await until(
      async () => {
        const all = await pods();
        return all.length === 3 && all.every(isRunning) && all;
      },
      { for: 'three gateways to run', deadlineMs: 60_000, everyMs: 500 },
    );
    for (const pod of three) {
      const lacking = async () =>
        (await statusOf(pod).catch(() => undefined))?.lacking?.map(({ what }) => what).join();
      await until(async () => (await lacking()) === 'redis.urlFile', {
        for: `${pod.metadata.name} to say what it lacks`,
        deadlineMs: 60_000,
        everyMs: 500,
      });
    }
    const ready = (await pods()).map(({ status }) => status.containerStatuses?.[0]?.ready);
    assert.deepEqual(ready, [false, false, false]);
  });

  test('serves as soon as the Secret is there, without a restart', async () => {
    const address = await inNamespace('get', 'pod/redis', '-o', 'jsonpath={.status.podIP}');
    const metadata = { name: SECRET, namespace: NAMESPACE };
    const stringData = { url: `redis://${address}:6379` };
    await target.kubectl.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData });
    await inNamespace('rollout', 'status', 'deployment/gateway', '--timeout=180s');
    const all = await pods();
    const restarts = all.map(({ status }) => status.containerStatuses?.[0]?.restartCount);
    assert.deepEqual(restarts, [0, 0, 0]);
  });

  test('has no shell, no root, and nothing that it can write to', async () => {
    await assertBare(target.kubectl, await somePod());
  });

  test('says what it is made of', async () => {
    await assertTold(target.kubectl, await somePod(), 'ws');
  });

  test('carries clients of the package through the deletion of a pod', async () => {
    const url = `ws://gateway:${CLIENT_PORT}/ws`;
    const options = { namespace: NAMESPACE, image: target.node, url, clients: CLIENTS };
    await target.kubectl.apply(...(await visitor(options)));
    const said = () => target.kubectl.attempt('-n', NAMESPACE, 'logs', 'visitor');
    await until(async () => (await said()).stdout.includes('ready'), {
      for: 'the clients',
      deadlineMs: 60_000,
      everyMs: 500,
    });
    const before = await Promise.all((await pods()).map(statusOf));
    // Who publishes at one pod is heard at all of them only if all of them have somebody.
    assert.ok(before.every(({ edge }) => (edge?.connections ?? 0) > 0));
    const [pod] = await pods();
    await inNamespace('delete', 'pod', pod?.metadata.name ?? '', '--timeout=90s');
    await inNamespace('rollout', 'status', 'deployment/gateway', '--timeout=120s');
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: 'end', data: 1 }),
    };
    const publish = `fetch('http://gateway:${CLIENT_PORT}/v1/publish', ${JSON.stringify(request)})
      .then(async (answer) => console.log(answer.status, await answer.text()));`;
    const [someone] = await pods();
    const name = someone?.metadata.name ?? '';
    assert.match(await inNamespace('exec', name, '--', 'node', '-e', publish), /^200 /);
    const phase = ['--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s'];
    await inNamespace('wait', 'pod/visitor', ...phase);
    const last = (await inNamespace('logs', 'visitor')).trim().split('\n').at(-1) ?? '';
    const { published, told } = JSON.parse(last) as Visited;
    console.log(`${published} messages to ${told.length} clients`);
    assert.ok(published > 100, `${published} messages`);
    const all = Array.from({ length: published }, (_, n) => n);
    for (const { seen, gaps } of told) {
      assert.deepEqual(seen, all);
      assert.deepEqual(gaps, []);
    }
    const moved = told.filter(({ moves }) => moves.includes('drain')).length;
    assert.ok(moved > 0, 'nobody was at the pod that was deleted');
  });
});

const isRunning = ({ status }: Pod): boolean =>
  status.containerStatuses?.[0]?.state.running !== undefined;

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
      readonly state: { readonly running?: object };
    }[];
  };
}

interface Status {
  readonly started: boolean;
  readonly lacking?: readonly { readonly what: string }[];
  readonly edge?: { readonly connections: number };
}
