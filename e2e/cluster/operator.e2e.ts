import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { kind, type WsCluster } from '../../operator/api/wscluster.ts';
import type { KubeObject } from '../../operator/kube/objects.ts';
import { until } from '../deadline.ts';
import { productImage } from '../lab/product-images.ts';
import { callsOf } from './audit-log.ts';
import { DEFINITION, installDefinition, refuseDefinition } from './definition.ts';
import { OperatorProcess } from './operator-process.ts';
import { startRedisPod } from './redis-pod.ts';
import { labOf, labOnly, startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

const NAMESPACE = `operator-${process.pid}`;
const SYSTEM = `operator-system-${process.pid}`;
const LABEL = `${kind.group}/cluster=chat`;
/** So long nothing is to be written: more than two looks at gateways, and a status may be due. */
const QUIET_MS = 40_000;

const chat = (spec: object = {}): object => ({
  apiVersion: 'wscluster.io/v1alpha1',
  kind: 'WsCluster',
  metadata: { name: 'chat', namespace: NAMESPACE },
  spec: {
    redis: { urlSecretRef: { name: 'chat-redis', key: 'url' } },
    auth: { anonymous: true },
    ...spec,
  },
});

interface Deployed extends KubeObject {
  readonly spec: { readonly paused?: boolean };
  readonly status?: { readonly readyReplicas?: number };
}

describe('the operator on a cluster', labOnly, () => {
  let target: Target;
  let operator: OperatorProcess;
  let image: string;
  let redisUrl: string;

  const inNamespace = (...args: readonly string[]) => target.kubectl('-n', NAMESPACE, ...args);
  const read = async (...args: readonly string[]): Promise<unknown> =>
    target.kubectl.get('-n', NAMESPACE, ...args);
  const cluster = async () => (await read('wsc', 'chat')) as WsCluster;
  const condition = async (type: string) => {
    const all = (await cluster()).status?.conditions ?? [];
    const { status, reason, message } = all.find((one) => one.type === type) ?? {};
    return { is: `${status} ${reason}`, message: message ?? '' };
  };
  const items = async (...args: readonly string[]) =>
    ((await read(...args, '-l', LABEL)) as { readonly items: readonly KubeObject[] }).items;
  const waitFor = (type: string, is: string) => {
    let last = '';
    return until(
      async () => {
        last = JSON.stringify(await condition(type));
        return last.includes(`"${is}`);
      },
      {
        for: () => `${type} to be ${is}, not ${last}:\n${operator.lastWords()}`,
        ...{ deadlineMs: 120_000, everyMs: 250 },
      },
    );
  };
  const secret = (name: string): object => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NAMESPACE } },
    stringData: { url: redisUrl },
  });
  const start = (gatewayImage: string) =>
    OperatorProcess.start(target, { namespace: SYSTEM, watch: NAMESPACE, gatewayImage });

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await refuseDefinition(target.kubectl);
    const made = await productImage('gateway');
    image = made.name;
    await target.load(made);
    await target.kubectl.apply(namespace(NAMESPACE), namespace(SYSTEM));
    await installDefinition(target.kubectl);
    redisUrl = await startRedisPod(target.kubectl, NAMESPACE);
    operator = await start(image);
  });

  after(async () => {
    await operator?.stop();
    await target.kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
    for (const name of [NAMESPACE, SYSTEM]) {
      await target.kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait=false');
    }
    await target.stop();
  });

  test('a cluster becomes ready, and its conditions say how it is', async () => {
    await target.kubectl.apply(secret('chat-redis'), chat());
    await inNamespace('wait', 'wsc/chat', '--for=condition=Ready', '--timeout=180s');
    await waitFor('RingSynced', 'True');
    await waitFor('RedisSuitable', 'True');
    assert.equal((await condition('Degraded')).is, 'False AsExpected');
    const [deployment] = (await items('deployments')) as Deployed[];
    assert.equal(deployment?.spec.paused, true);
    const restarts = ['-o', 'jsonpath={.items[*].status.containerStatuses[0].restartCount}'];
    assert.equal(await inNamespace('get', 'pods', '-l', LABEL, ...restarts), '0 0 0');
  });

  test('nothing is written or read while nothing changes', async (t) => {
    const lab = labOf(target, t, 'show its audit log');
    if (lab === undefined) return;
    // What was on its way may still arrive.
    await pause(5_000);
    const since = Date.now();
    await pause(QUIET_MS);
    const calls = (await callsOf(lab, 'wscluster-operator/', since)).filter(
      ({ verb, objectRef }) => verb !== 'watch' && objectRef?.resource !== 'leases',
    );
    assert.deepEqual(
      calls.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
      [],
    );
  });

  // Every other object, deleted and edited, is operator-drift.e2e.ts: that needs no gateways.
  test('a ring whose ConfigMap is deleted comes back in the next generation', async () => {
    await inNamespace('delete', 'configmap/chat-ring');
    await until(async () => (await cluster()).status?.ring?.version.startsWith('2.'), {
      for: 'a ring of the next generation',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
    await waitFor('RingSynced', 'True');
  });

  test('a Deployment that is deleted comes back with its gateways', async () => {
    const [was] = await items('deployments');
    await inNamespace('delete', `deployment/${was?.metadata.name}`, '--wait=false');
    await until(
      async () => {
        const [is] = (await items('deployments')) as Deployed[];
        return is?.metadata.uid !== was?.metadata.uid && is?.status?.readyReplicas === 3;
      },
      {
        for: () => `three gateways of another Deployment:\n${operator.lastWords()}`,
        ...{ deadlineMs: 120_000, everyMs: 500 },
      },
    );
    await waitFor('Ready', 'True');
    await waitFor('RingSynced', 'True');
  });

  test('kubectl scale changes how many there are', async () => {
    await inNamespace('scale', 'wsc/chat', '--replicas=2');
    await until(async () => (await cluster()).status?.replicas === 2, {
      for: 'two gateways',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
    await waitFor('Ready', 'True');
    await until(async () => (await cluster()).status?.ring?.members === 2, {
      for: 'a ring of two',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
  });

  test('another operator, with another image, goes on and restarts nobody', async () => {
    const uids = async () => (await items('pods')).map(({ metadata }) => metadata.uid).sort();
    await until(async () => (await uids()).length === 2, { for: 'two pods', deadlineMs: 60_000 });
    const before = await uids();
    assert.equal(await operator.stop(), 0, operator.lastWords());
    operator = await start('docker.io/wscluster/gateway:other');
    await inNamespace('annotate', 'wsc/chat', 'theirs=x');
    await pause(5_000);
    assert.deepEqual(await uids(), before);
    assert.equal((await condition('Ready')).is, 'True AllReady');
  });

  test('a Secret that is not there is named, and taken when it comes', async () => {
    const redisRef = { urlSecretRef: { name: 'late', key: 'url' } };
    await inNamespace('delete', 'wsc/chat', '--timeout=60s');
    await target.kubectl.apply(chat({ redis: redisRef, replicas: 1, image }));
    await waitFor('Ready', 'False SecretUnusable');
    const { message } = await condition('Degraded');
    assert.match(message, /Secret late is missing, lacks the key url/);
    const events = async () => inNamespace('get', 'events', '-o', 'jsonpath={.items[*].reason}');
    await until(async () => (await events()).includes('SecretUnusable'), {
      for: 'an Event',
      ...{ deadlineMs: 10_000, everyMs: 250 },
    });
    await target.kubectl.apply(secret('late'));
    await inNamespace('wait', 'wsc/chat', '--for=condition=Ready', '--timeout=180s');
    const restarts = ['-o', 'jsonpath={.items[*].status.containerStatuses[0].restartCount}'];
    const running = '--field-selector=status.phase=Running';
    const pods = await inNamespace('get', 'pods', '-l', LABEL, running, ...restarts);
    assert.match(pods, /^0( 0)*$/);
  });

  test('everything goes with the object', async () => {
    await inNamespace('delete', 'wsc/chat', '--timeout=60s');
    const kinds = 'deployments,pods,services,configmaps,serviceaccounts,pdb,networkpolicies';
    await until(async () => (await items(kinds)).length === 0, {
      for: 'everything of the cluster to be gone',
      ...{ deadlineMs: 120_000, everyMs: 1_000 },
    });
  });
});
