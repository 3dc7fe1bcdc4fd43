import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { minimal } from '../../operator/api/testing/samples.ts';
import { until } from '../deadline.ts';
import { redisImage } from '../lab/images.ts';
import { productImage } from '../lab/product-images.ts';
import { isSettled, podsOf } from './cluster-state.ts';
import { hasDefaultAccount } from './default-account.ts';
import { OperatorProcess } from './operator-process.ts';
import { OperatorWorld } from './operator-world.ts';
import { labOnly } from './target.ts';
import { redis } from './workload.ts';

const NAMESPACE = `unwell-${process.pid}`;
const SYSTEM = `unwell-system-${process.pid}`;
const AT = { namespace: NAMESPACE, name: 'chat' };
const SMALL = { namespace: NAMESPACE, name: 'small' };
const URL = 'redis://redis:6379';

describe('what is wrong around gateways that run', labOnly, () => {
  let world: OperatorWorld;
  let operator: OperatorProcess;
  let image = '';

  const inNamespace = (...args: readonly string[]) =>
    world.target.kubectl('-n', NAMESPACE, ...args);
  const secret = (data: Readonly<Record<string, string>>) =>
    world.putSecret({ namespace: NAMESPACE, name: minimal.redis.urlSecretRef?.name ?? '' }, data);
  const startRedis = async (...args: readonly string[]) => {
    const pod = redis({ namespace: NAMESPACE, image: (await redisImage()).name }) as {
      metadata: object;
      spec: { containers: { args: string[] }[] };
    };
    for (const container of pod.spec.containers) container.args.push(...args);
    const labels = { app: 'redis' };
    await world.target.kubectl.apply({ ...pod, metadata: { ...pod.metadata, labels } });
    await inNamespace('wait', 'pod/redis', '--for=condition=Ready', '--timeout=60s');
  };
  const stopRedis = () => inNamespace('delete', 'pod/redis', '--grace-period=1');
  const told = (what: RegExp) => world.told(AT, what);
  const settled = () =>
    until(async () => isSettled(await world.read(AT)), {
      for: () => `it to settle:\n${operator.lastWords()}`,
      ...{ deadlineMs: 180_000, everyMs: 250 },
    });
  const restarts = () =>
    inNamespace(
      ...['get', 'pods', '-l', 'wscluster.io/cluster=chat'],
      ...['-o', 'jsonpath={.items[*].status.containerStatuses[0].restartCount}'],
    );

  before(async () => {
    world = await OperatorWorld.start({ nodes: 1, namespaces: [NAMESPACE, SYSTEM] });
    const { target } = world;
    const made = await productImage('gateway');
    image = made.name;
    await target.load(made);
    await hasDefaultAccount(target.kubectl, NAMESPACE);
    await target.kubectl.apply({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'redis', namespace: NAMESPACE } },
      spec: { selector: { app: 'redis' }, ports: [{ port: 6379 }] },
    });
    await startRedis();
    operator = await OperatorProcess.start(target, {
      ...{ namespace: SYSTEM, watch: NAMESPACE, gatewayImage: image },
    });
  });
  after(async () => {
    await operator?.stop();
    await world?.stop();
  });

  test('a Secret without its key: both are named, and it is taken when it is there', async () => {
    await secret({ other: 'x' });
    await world.create(AT, { replicas: 2 });
    const message = await world.reaches(AT, 'Degraded', 'True SecretUnusable');
    assert.match(message, /^Secret chat-redis is missing, lacks the key url, or holds nothing of/);
    assert.match(message, /get secret chat-redis shows it; gateways take it without a restart/);
    await told(/^SecretUnusable: Secret chat-redis/);
    await secret({ url: URL });
    await settled();
    assert.equal(await restarts(), '0 0');
  });

  test('too little memory for the clients that a gateway takes: it is said at once', async () => {
    await world.reaches(AT, 'CapacitySuitable', 'True Suitable');
    await world.reaches(AT, 'VersionSkew', 'False Supported');
    await world.reaches(AT, 'RingBalanced', 'True Balanced');
    const resources = { requests: { memory: '192Mi' }, limits: { memory: '256Mi' } };
    await world.create(SMALL, { replicas: 1, resources });
    const message = await world.reaches(SMALL, 'CapacitySuitable', 'False MemoryTooSmall');
    await world.told(SMALL, /^MemoryTooSmall: a gateway takes up to 30000 clients/);
    const [, fits = ''] = /lower limits\.connectionsPerPod to at most (\d+);/.exec(message) ?? [];
    await world.change(SMALL, { limits: { connectionsPerPod: Number(fits) } });
    await world.reaches(SMALL, 'CapacitySuitable', 'True Suitable');
    await world.remove(SMALL);
  });

  test('an image that cannot be pulled: gateways that run stay, until it is right', async () => {
    const had = await podsOf(world.hand.api, AT);
    await world.change(AT, { image: 'registry.invalid/nothing:1' });
    const message = await world.reaches(AT, 'Degraded', 'True ImagePullFailed');
    assert.match(message, /registry\.invalid\/nothing:1/);
    assert.match(message, /check spec\.image and spec\.imagePullSecrets/);
    await told(/^ImagePullFailed: /);
    assert.equal((await world.condition(AT, 'Available')).is, 'True EnoughReady');
    const has = new Set(await podsOf(world.hand.api, AT));
    assert.deepEqual(
      had.filter((uid) => !has.has(uid)),
      [],
    );
    await world.change(AT, { image });
    await settled();
    await told(/^Recovered: no more: .*(ImagePull|nothing:1)/);
  });

  test('a Redis that is gone: gateways stay, and say so until it is back', async () => {
    const had = await podsOf(world.hand.api, AT);
    await stopRedis();
    const message = await world.reaches(AT, 'RedisSuitable', 'False RedisUnreachable');
    assert.match(message, /^no gateway reaches Redis; check that it runs, its URL in spec\.redis/);
    await world.reaches(AT, 'Degraded', 'True RedisUnreachable');
    await told(/^RedisUnreachable: /);
    await startRedis('--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru');
    const weak = await world.reaches(AT, 'RedisSuitable', 'False RedisUnsuitable');
    assert.match(weak, /evict/);
    await told(/^RedisUnsuitable: /);
    // It weakens what is promised, and stops nothing.
    await world.reaches(AT, 'Ready', 'True AllReady');
    await stopRedis();
    await startRedis();
    await world.reaches(AT, 'RedisSuitable', 'True Suitable');
    await settled();
    assert.deepEqual(await podsOf(world.hand.api, AT), had);
    assert.equal(await restarts(), '0 0');
  });
});
