import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { minimal } from '../../operator/api/testing/samples.ts';
import { pause, succeeds, until } from '../deadline.ts';
import { productImage } from '../lab/product-images.ts';
import { isSettled, podsOf } from './cluster-state.ts';
import { Crowd } from './crowd/crowd.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { type Death, OperatorTeam } from './operator-team.ts';
import { OperatorWorld } from './operator-world.ts';
import { startRedisPod } from './redis-pod.ts';
import { labOf, labOnly } from './target.ts';

const NAMESPACE = `data-plane-${process.pid}`;
const SYSTEM = `data-plane-system-${process.pid}`;
const AT = { namespace: NAMESPACE, name: 'chat' };
const CLIENTS = 500;
const HEARTBEAT_MS = 5_000;
const KEY_PREFIX = 'crowd';
const OUTAGE_MS = 120_000;
const SETTLE_MS = 180_000;

describe('clients notice nothing of what befalls the control plane', labOnly, () => {
  let world: OperatorWorld;
  let team: OperatorTeam;
  let crowd: Crowd;

  const inNamespace = (...args: readonly string[]) =>
    world.target.kubectl('-n', NAMESPACE, ...args);
  const text = (what: string, path: string) => inNamespace('get', what, '-o', `jsonpath=${path}`);
  const restarts = () =>
    text('pods', '{.items[*].status.containerStatuses[0].restartCount}').then((counts) =>
      counts.split(' ').reduce((sum, count) => sum + Number(count), 0),
    );
  const settled = () =>
    until(async () => isSettled(await world.read(AT)), {
      for: 'it to settle',
      ...{ deadlineMs: SETTLE_MS, everyMs: 250 },
    });

  before(async () => {
    world = await OperatorWorld.start({ nodes: 1, namespaces: [NAMESPACE, SYSTEM] });
    const { target } = world;
    const made = await productImage('gateway');
    await target.load(made);
    const url = await startRedisPod(target.kubectl, NAMESPACE);
    const name = minimal.redis.urlSecretRef?.name ?? '';
    await world.putSecret({ namespace: NAMESPACE, name }, { url });
    const server = new URL(target.lab?.server ?? 'https://127.0.0.1').hostname;
    team = new OperatorTeam(target, world.hand, {
      ...{ namespace: SYSTEM, watch: NAMESPACE, gatewayImage: made.name },
      // What runs in the lab's network sees this host there.
      host: server.replace(/\.\d+$/, '.1'),
    });
    await team.standby();
    await world.create(AT, {
      replicas: 2,
      redis: { ...minimal.redis, keyPrefix: KEY_PREFIX },
      auth: { anonymous: true, anonymousPublish: true },
      heartbeat: { intervalSeconds: HEARTBEAT_MS / 1_000, timeoutSeconds: 2 },
      disruption: { movesPerSecond: 200 },
    });
    await settled();
    const address = await text('service/chat', '{.spec.clusterIP}:{.spec.ports[0].port}');
    const host = new URL(url).hostname;
    crowd = await Crowd.start(target.lab?.component('kube-apiserver').pid, {
      ...{ ws: `ws://${address}/ws`, http: `http://${address}`, redis: { host, port: 6379 } },
      ...{ keyPrefix: KEY_PREFIX, clients: CLIENTS, heartbeatMs: HEARTBEAT_MS },
    });
  });
  after(async () => {
    await crowd?.stop();
    await team?.stop();
    await world?.stop();
  });

  const dies = (name: string, death: Death, change: () => Promise<unknown>) =>
    test(`the operator dies ${death.when} call ${death.call} of ${name}`, async (t) => {
      const killing = await team.killLeaderAt(death);
      crowd.begin(name);
      await change();
      await until(() => killing.bit !== undefined, { for: 'its death', deadlineMs: SETTLE_MS });
      await killing.died;
      t.diagnostic(`killed at ${killing.bit}`);
      await team.succeed();
      await settled();
      await crowd.end(name, { killed: 1 });
      assert.equal(await restarts(), 0);
    });

  dies('a third gateway', { call: 2, when: 'before' }, () => world.change(AT, { replicas: 3 }));
  dies('other pods', { call: 4, when: 'before' }, () =>
    world.change(AT, { limits: { topicsPerConnection: 50 } }),
  );
  dies('the loss of the ring', { call: 1, when: 'after' }, () =>
    inNamespace('delete', 'configmap/chat-ring'),
  );
  dies('one gateway less', { call: 1, when: 'after' }, () => world.change(AT, { replicas: 2 }));
  dies('yet other pods', { call: 7, when: 'after' }, () =>
    world.change(AT, { limits: { topicsPerConnection: 60 } }),
  );

  test('the API server is away for two minutes', async (t) => {
    const lab = labOf(world.target, t, 'have its API server stopped');
    if (lab === undefined) return;
    // Those of the last revision empty themselves still.
    await world.reaches(AT, 'Draining', 'False NoneDraining');
    const before = await podsOf(world.hand.api, AT);
    const { operator } = await team.leader();
    const apiServer = lab.component('kube-apiserver');
    crowd.begin('outage');
    const began = performance.now();
    await apiServer.kill();
    await until(() => operator.says('leading no more'), {
      for: 'the leader to end its work',
      deadlineMs: 30_000,
    });
    await pause(OUTAGE_MS - (performance.now() - began));
    await apiServer.start();
    const outageMs = Math.round(performance.now() - began);
    await until(() => succeeds(world.read(AT)), { for: 'an answer', deadlineMs: 60_000 });
    await inNamespace('delete', 'service/chat-pods');
    // One of them leads again, and looks after what is gone.
    await until(
      async () =>
        (await world.target.kubectl.attempt('-n', NAMESPACE, 'get', 'service/chat-pods')).code ===
        0,
      { for: 'the Service to come back', deadlineMs: 120_000, everyMs: 500 },
    );
    await settled();
    await crowd.end('outage', { outageMs });
    assert.ok(outageMs >= OUTAGE_MS);
    assert.deepEqual(await podsOf(world.hand.api, AT), before, 'no pod is another one');
    assert.equal(await restarts(), 0);
  });

  test('nothing was lost, nothing came twice', async () => {
    await lostNothing(crowd);
  });
});
