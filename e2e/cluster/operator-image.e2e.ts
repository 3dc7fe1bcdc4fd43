import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../deadline.ts';
import { redisImage } from '../lab/images.ts';
import { productImage } from '../lab/product-images.ts';
import { DEFINITION, installDefinition, refuseDefinition } from './definition.ts';
import { assertBare, assertSmall, assertTold, inPod } from './image-claims.ts';
import { OPERATOR_LABELS, operators } from './operators.ts';
import { startTarget, type Target } from './target.ts';
import { namespace, redis } from './workload.ts';

const NAMESPACE = `operator-image-${process.pid}`;
const SYSTEM = `operator-image-system-${process.pid}`;
/** Whoever finds the Lease not released takes it after 15 s; one that is, when it looks again. */
const AT_ONCE_MS = 10_000;

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
      readonly lastState: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}

const isReady = ({ status }: Pod): boolean => status.containerStatuses?.[0]?.ready === true;

describe('the image of the operator, in pods that are restricted', () => {
  let target: Target;
  let image: string;

  const inSystem = (...args: readonly string[]) => target.kubectl('-n', SYSTEM, ...args);
  const pods = async (): Promise<readonly Pod[]> => {
    const labels = Object.entries(OPERATOR_LABELS).map(([name, value]) => `${name}=${value}`);
    const list = await target.kubectl.get('pods', '-n', SYSTEM, '-l', labels.join());
    return (list as { items: Pod[] }).items;
  };
  const podNamed = async (name: string) =>
    (await pods()).find(({ metadata }) => metadata.name === name);
  const somePod = async () => ({
    namespace: SYSTEM,
    name: (await pods())[0]?.metadata.name ?? '',
  });
  /** Who holds the Lease: the name of a pod, and an identity of its process. */
  const holder = async (): Promise<string> => {
    const path = '-o=jsonpath={.spec.holderIdentity}';
    const { stdout } = await target.kubectl.attempt(
      ...['-n', SYSTEM, 'get', 'lease', 'wscluster-operator', path],
    );
    return stdout;
  };
  const leader = async (): Promise<string> => (await holder()).split('_')[0] ?? '';
  const chat = (replicas: number): object => ({
    ...{ apiVersion: 'wscluster.io/v1alpha1', kind: 'WsCluster' },
    metadata: { name: 'chat', namespace: NAMESPACE },
    spec: {
      replicas,
      redis: { urlSecretRef: { name: 'chat-redis', key: 'url' } },
      auth: { anonymous: true },
    },
  });
  const isReadyWith = async (replicas: number): Promise<boolean> => {
    const path = '{.status.replicas} {.status.conditions[?(@.type=="Ready")].status}';
    const args = ['-n', NAMESPACE, 'get', 'wsc/chat', `-o=jsonpath=${path}`];
    return (await target.kubectl(...args)) === `${replicas} True`;
  };

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await refuseDefinition(target.kubectl);
    const [operator, gateway] = [await productImage('operator'), await productImage('gateway')];
    for (const { archive } of [operator, gateway]) {
      await target.lab?.loadImage(await archive((line) => console.log(line)));
    }
    image = operator.name;
    await target.kubectl.apply(namespace(NAMESPACE), namespace(SYSTEM));
    await installDefinition(target.kubectl);
    const account = ['-n', NAMESPACE, 'get', 'sa', 'default'] as const;
    await until(async () => (await target.kubectl.attempt(...account)).code === 0, {
      for: 'the default service account',
      deadlineMs: 30_000,
    });
    await target.kubectl.apply(
      redis({ namespace: NAMESPACE, image: (await redisImage()).name }),
      ...operators({ namespace: SYSTEM, image, watch: NAMESPACE, gatewayImage: gateway.name }),
    );
    await inSystem('rollout', 'status', 'deployment/operator', '--timeout=120s');
  });

  after(async () => {
    await target.kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
    for (const name of [NAMESPACE, SYSTEM]) {
      await target.kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait=false');
    }
    await target.stop();
  });

  test('is small', () => assertSmall(target.kubectl, image));

  test('has no shell, no root, and nothing that it can write to', async () => {
    await assertBare(target.kubectl, await somePod());
  });

  test('says what it is made of', async () => {
    await assertTold(target.kubectl, await somePod(), 'undici');
  });

  test('one of two leads, with the account of its pod, and a WsCluster becomes ready', async () => {
    const inNamespace = (...args: readonly string[]) => target.kubectl('-n', NAMESPACE, ...args);
    await inNamespace('wait', 'pod/redis', '--for=condition=Ready', '--timeout=60s');
    const address = await inNamespace('get', 'pod/redis', '-o', 'jsonpath={.status.podIP}');
    const url = `redis://${address}:6379`;
    const metadata = { name: 'chat-redis', namespace: NAMESPACE };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { url } };
    await target.kubectl.apply(secret, chat(1));
    await until(() => isReadyWith(1), {
      for: 'a WsCluster of one to be ready',
      ...{ deadlineMs: 120_000, everyMs: 250 },
    });
  });

  test('told to end it does so with 0, lets go of its Lease, and leaves no zombie', async () => {
    const [was, name] = [await holder(), await leader()];
    const pod = { namespace: SYSTEM, name };
    const states = `
      const { readdirSync, readFileSync } = require('node:fs');
      const stat = (pid) => readFileSync('/proc/' + pid + '/stat', 'utf8');
      const others = (pid) => +pid > 0 && +pid !== process.pid;
      const pids = readdirSync('/proc').filter(others);
      console.log(pids.map((pid) => pid + ' ' + stat(pid).split(') ')[1][0]).join());`;
    // Nobody but the operator itself, although others ran here and ended.
    for (let n = 0; n < 2; n += 1)
      assert.match(await inPod(target.kubectl, pod, states), /^1 [SR]$/);
    // As the kubelet would; the pod stays, and its kubelet says how its process ended.
    const sentAt = performance.now();
    await inPod(target.kubectl, pod, 'process.kill(1, "SIGTERM")');
    const next = await until(
      async () => {
        const now = await holder();
        return now !== was && now !== '' && now;
      },
      { for: () => `another leader than ${was}`, deadlineMs: 60_000, everyMs: 100 },
    );
    const took = performance.now() - sentAt;
    console.log(`another one leads after ${Math.round(took)} ms`);
    assert.ok(took < AT_ONCE_MS, `${next} leads after ${took} ms`);
    const ended = await until(
      async () => {
        const [container] = (await podNamed(name))?.status.containerStatuses ?? [];
        return container?.restartCount === 1 && container.lastState.terminated;
      },
      { for: `${name} to end`, deadlineMs: 30_000, everyMs: 250 },
    );
    assert.equal(ended.exitCode, 0);
    await target.kubectl.apply(chat(2));
    await until(() => isReadyWith(2), {
      for: 'its successor to make a second gateway',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
    await until(async () => (await pods()).every(isReady), {
      for: 'the one that ended to be back',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
  });
});
