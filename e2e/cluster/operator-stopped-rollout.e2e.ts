import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { minimal } from '../../operator/api/testing/samples.ts';
import { until } from '../deadline.ts';
import { productImage } from '../lab/product-images.ts';
import { type ClusterName, isSettled, podsOf } from './cluster-state.ts';
import { OperatorProcess } from './operator-process.ts';
import { OperatorWorld } from './operator-world.ts';
import { startRedisPod } from './redis-pod.ts';
import { labOnly } from './target.ts';
import { Throng } from './throng.ts';

const NAMESPACE = `stopped-${process.pid}`;
const SYSTEM = `stopped-system-${process.pid}`;
/** Of those of one gateway, half come to the new one: more than it is judged by. */
const CLIENTS = 120;
const TOPICS = ['room.1', 'room.2', 'room.3'];
const SETTLE_MS = 180_000;
const OF_REDIS = minimal.redis.urlSecretRef?.name ?? '';
/** For HS256; nobody signs with it. */
const KEY = Buffer.from('a secret of thirty-two bytes, ok').toString('base64url');
const KEYS = JSON.stringify({ keys: [{ kty: 'oct', kid: 'a', k: KEY }] });

describe('a rollout stops by itself', labOnly, () => {
  let world: OperatorWorld;
  let operator: OperatorProcess;
  let redisUrl = '';

  const secret = (name: string, data: Readonly<Record<string, string>>) =>
    world.putSecret({ namespace: NAMESPACE, name }, data);
  const settled = (at: ClusterName) =>
    until(async () => isSettled(await world.read(at)), {
      for: () => `it to settle:\n${operator.lastWords()}`,
      ...{ deadlineMs: SETTLE_MS, everyMs: 250 },
    });

  /** Clients that go on in three topics wherever they come to, by the Service. */
  const throngOf = async ({ namespace, name }: ClusterName) => {
    const path = 'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}';
    const { kubectl, lab } = world.target;
    const address = await kubectl('-n', namespace, 'get', `service/${name}`, '-o', path);
    const pid = lab?.component('kube-apiserver').pid;
    return Throng.resuming(pid, `ws://${address}/ws`, { count: CLIENTS, topics: TOPICS });
  };

  /** Resolves with why it stopped, when the change is undone. */
  const stops = async (name: string, reason: string, change: { bad: object; good: object }) => {
    const at = { namespace: NAMESPACE, name };
    await world.create(at, {
      replicas: 2,
      // Not so fast that all is over before the operator has asked the new one how it does.
      disruption: { movesPerSecond: 5 },
    });
    await settled(at);
    const clients = await throngOf(at);
    try {
      const had = await podsOf(world.hand.api, at);
      const left = async () =>
        (await podsOf(world.hand.api, at)).filter((uid) => had.includes(uid)).length;
      await world.change(at, change.bad);
      const message = await world.reaches(at, 'Progressing', `False ${reason}`);
      await world.told(at, new RegExp(`^${reason}: `));
      await until(async () => ((await world.read(at)).status?.draining ?? []).length === 0, {
        for: 'nobody to be emptied any more',
        ...{ deadlineMs: SETTLE_MS, everyMs: 250 },
      });
      assert.ok((await left()) > 0, 'another one stays');
      await world.change(at, change.good);
      await settled(at);
      assert.ok((await left()) > 0, 'it is still there');
      return message;
    } finally {
      await clients.leave();
    }
  };

  before(async () => {
    world = await OperatorWorld.start({ nodes: 1, namespaces: [NAMESPACE, SYSTEM] });
    const { target } = world;
    const made = await productImage('gateway');
    await target.load(made);
    redisUrl = await startRedisPod(target.kubectl, NAMESPACE);
    await secret(OF_REDIS, { url: redisUrl });
    operator = await OperatorProcess.start(target, {
      ...{ namespace: SYSTEM, watch: NAMESPACE, gatewayImage: made.name },
    });
  });
  after(async () => {
    await operator?.stop();
    await world?.stop();
  });

  test('when who comes back missed messages, as new gateways have another Redis', async (t) => {
    await secret('moved-redis', { url: `${redisUrl}/1` });
    const message = await stops('moved', 'ResumeFailures', {
      bad: { redis: { urlSecretRef: { name: 'moved-redis' } } },
      good: { redis: { urlSecretRef: { name: OF_REDIS } } },
    });
    t.diagnostic(message);
    assert.match(message, /^\d+ of \d+ subscriptions that came back .* had missed messages;/);
  });

  test('when new gateways believe nobody', async (t) => {
    await secret('tokens', { 'jwks.json': KEYS });
    const message = await stops('unbelieving', 'RequestFailures', {
      bad: { auth: { anonymous: false, keysSecretRef: { name: 'tokens' } } },
      good: { auth: { anonymous: true, keysSecretRef: null } },
    });
    t.diagnostic(message);
    assert.match(message, /^\d+ of \d+ requests .* or their tokens were not believed, where/);
  });
});
