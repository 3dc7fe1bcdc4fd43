import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { decodeRing } from '../protocol/ring-document.ts';
import { seeded } from '../protocol/testing/chance.ts';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import { refused } from './kube/kube-error.ts';
import { KubeMetrics } from './kube/metrics.ts';
import type { KubeObject } from './kube/objects.ts';
import { RecordingLog } from './kube/testing/recording-log.ts';
import { NAMES, Operator } from './operator.ts';
import { ABORT_ANNOTATION } from './reconcile/plan.ts';
import { foreignRing, NAMESPACE, StandInWorld } from './testing/stand-in-world.ts';

const CORE = `/api/v1/namespaces/${NAMESPACE}`;
const CONFIG_MAPS = `${CORE}/configmaps`;
const MONITORING = '/apis/monitoring.coreos.com/v1';
const IMAGE = 'example.com/gateway:1';

interface Deployed extends KubeObject {
  readonly spec: { readonly paused: boolean; readonly replicas: number };
}

let world: StandInWorld;
let clock: ManualClock;
let operator: Operator;

function start(gatewayImage = IMAGE): Operator {
  const metrics = new KubeMetrics({
    ...{ host: 'api', controllers: [NAMES.controller], leases: [NAMES.lease] },
  });
  const log = new RecordingLog();
  return new Operator(
    {
      ...{ host: '127.0.0.1', port: 0, workers: 2, namespace: 'system', watchNamespaces: [] },
      ...{
        gatewayImage,
        identity: `me-${gatewayImage}`,
        metricsService: undefined,
        metricsPort: 0,
        version: '0.1.0',
      },
    },
    { api: world.api, metrics, clock, random: () => 0.5, log, gateways: () => world.client },
  );
}

/** Keys are made behind the back, in a time that no clock of a test knows. */
async function leading(gatewayImage?: string): Promise<Operator> {
  const one = start(gatewayImage);
  await one.start();
  const late = AbortSignal.timeout(30_000);
  while (!one.leads) {
    late.throwIfAborted();
    await setImmediate();
  }
  return one;
}

const deployed = () => world.deployments() as Deployed[];
const ringConfigMap = () =>
  world.object(CONFIG_MAPS, 'chat-ring') as
    | (KubeObject & { data: Record<string, string> })
    | undefined;
const ring = () => decodeRing(ringConfigMap()?.data['ring.json'] ?? '');
const until = (condition: string, is: string) =>
  clock.until(`${condition} to be ${is}, not ${world.condition(condition)}`, () =>
    world.condition(condition).startsWith(is),
  );
/** Writes but those of the election. */
const writes = () =>
  world.api.calls
    .splice(0)
    .filter(({ method, path }) => method !== 'GET' && !path.includes('/leases'));

async function running(count = 3) {
  await clock.until('a Deployment', () => deployed().length > 0);
  const [deployment] = deployed();
  assert.ok(deployment !== undefined);
  const replicaSet = world.replicaSet(deployment);
  const pods = Array.from({ length: count }, (_, n) => world.pod(replicaSet, `chat-${n}`));
  return { deployment, replicaSet, pods };
}

const said = () =>
  world.api
    .all(`/apis/events.k8s.io/v1/namespaces/${NAMESPACE}/events`)
    .map((event) => ('reason' in event ? event.reason : ''));

describe('the operator', () => {
  beforeEach(async () => {
    world = new StandInWorld();
    clock = new ManualClock();
    operator = await leading();
  });
  afterEach(() => operator.stop());

  it('makes a cluster, with its keys before its pods, and says that it is ready', async () => {
    world.cluster();
    await clock.until('a Deployment', () => deployed().length === 1);
    const made = writes().map(({ path }) => path.split('/').slice(-2).join('/'));
    const place = (name: string) => made.findIndex((path) => path.startsWith(name));
    assert.ok(place('configmaps/chat-ring') < place('deployments/'));
    assert.ok(place('serviceaccounts/') < place('deployments/'));
    assert.match(ringConfigMap()?.data['operator-keys.json'] ?? '', /Ed25519/);
    assert.equal(deployed()[0]?.spec.paused, false, 'or it would never have a ReplicaSet');
    await until('Ready', 'False GatewaysNotReady');
    const { pods } = await running();
    await until('Ready', 'True AllReady');
    assert.deepEqual([deployed()[0]?.spec.paused, deployed()[0]?.spec.replicas], [true, 3]);
    assert.deepEqual(
      ring().members.map(({ id }) => id),
      ['chat-0', 'chat-1', 'chat-2'],
    );
    await until('RingSynced', 'True');
    for (const pod of pods) {
      assert.equal(world.gateway(pod).ring, ringConfigMap()?.data['ring.json']);
    }
    const { replicas, readyReplicas, selector, ring: said } = world.status() ?? {};
    assert.deepEqual([replicas, readyReplicas, selector], [3, 3, 'wscluster.io/cluster=chat']);
    assert.match(said?.version ?? '', /^1\.\d+$/);
    assert.equal(said?.members, 3);
  });

  it('writes nothing and reads nothing while nothing changes', async () => {
    world.cluster();
    await running();
    await until('RingSynced', 'True');
    await clock.advance(60_000);
    world.api.calls.length = 0;
    await clock.advance(300_000);
    const calls = world.api.calls.filter(({ path }) => !path.includes('/leases'));
    assert.deepEqual(
      calls.map(({ method, path }) => `${method} ${path}`),
      // Once in five minutes: a kind that is not there.
      [`GET ${MONITORING}`],
    );
  });

  it('writes numbers that change all the time once in 30 s', async () => {
    world.cluster();
    const { pods } = await running();
    await until('RingSynced', 'True');
    await clock.advance(60_000);
    writes();
    const [pod] = pods;
    assert.ok(pod !== undefined);
    for (let connections = 1; connections <= 150; connections += 1) {
      world.gateway(pod).status['edge'] = { connections, sessions: 0, drain: 'serving' };
      await clock.advance(1_000);
    }
    const statuses = writes().filter(({ path }) => path.endsWith('/status')).length;
    assert.ok(statuses >= 3 && statuses <= 6, `${statuses} writes in 150 s`);
    assert.ok((world.status()?.connections ?? 0) > 100);
  });

  it('brings back what was deleted or edited', async () => {
    world.cluster();
    await running();
    await until('Ready', 'True');
    for (const [collection, name] of [
      [`${CORE}/services`, 'chat'],
      [`${CORE}/services`, 'chat-pods'],
      [`${CORE}/serviceaccounts`, 'chat'],
      [CONFIG_MAPS, 'chat-ring'],
      [`/apis/policy/v1/namespaces/${NAMESPACE}/poddisruptionbudgets`, 'chat'],
      [`/apis/networking.k8s.io/v1/namespaces/${NAMESPACE}/networkpolicies`, 'chat'],
    ] as const) {
      world.api.remove(`${collection}/${name}`);
      const since = clock.now();
      await clock.until(`${name} to be back`, () => world.object(collection, name) !== undefined);
      assert.ok(clock.now() - since <= 100, 'at once, not when it is looked at again');
      const object = world.object(collection, name);
      world.api.put(`${collection}/${name}`, {
        ...object,
        metadata: { ...object?.metadata, labels: {} },
      });
      const label = () => world.object(collection, name)?.metadata.labels?.['wscluster.io/cluster'];
      await clock.until(`${name} to have its labels`, () => label() === 'chat');
    }
  });

  it('leaves alone what is not its own, and says so', async () => {
    world.api.put(`${CORE}/services/chat`, { kind: 'Service', spec: { theirs: true } });
    world.cluster();
    await until('Degraded', 'True ForeignObject');
    const service = world.object(`${CORE}/services`, 'chat') as KubeObject & { spec: object };
    assert.deepEqual(service.spec, { theirs: true });
    assert.match(
      world.status()?.conditions?.find(({ type }) => type === 'Degraded')?.message ?? '',
      /Service chat exists/,
    );
    await clock.until('an Event', () => said().includes('ForeignObject'));
    assert.equal(deployed().length, 1, 'pods need no Service');
    world.api.remove(`${CORE}/services/chat`);
    await until('Degraded', 'False');
    await clock.until('an Event', () => said().includes('Recovered'));
  });

  it('makes no pods of settings that somebody else wrote', async () => {
    world.api.put(`${CONFIG_MAPS}/chat-ring`, {
      kind: 'ConfigMap',
      data: { 'operator-keys.json': 'theirs' },
    });
    world.cluster();
    await until('Degraded', 'True ForeignObject');
    assert.deepEqual(deployed(), []);
  });

  it('replaces gateways by those of another revision, when these are ready', async () => {
    world.cluster();
    const { deployment, pods } = await running();
    await until('Ready', 'True');
    world.cluster({ heartbeat: { intervalSeconds: 20 } });
    await clock.until('another Deployment', () => deployed().length === 2);
    await clock.advance(30_000);
    assert.equal(deployed().length, 2, 'nobody goes before somebody else is ready');
    assert.equal(world.api.all(CONFIG_MAPS).length, 3, 'pods that start again read their settings');
    const next = deployed().find(({ metadata }) => metadata.uid !== deployment.metadata.uid);
    assert.ok(next !== undefined);
    const replicaSet = world.replicaSet(next);
    for (const n of [0, 1]) world.pod(replicaSet, `next-${n}`);
    await clock.advance(30_000);
    assert.equal(deployed().length, 2);
    world.pod(replicaSet, 'next-2');
    await clock.until('the old one to go', () => deployed().length === 1);
    assert.equal(deployed()[0]?.metadata.uid, next.metadata.uid);
    for (const pod of pods) world.api.remove(`${CORE}/pods/${pod.metadata.name}`);
    await until('Ready', 'True');
    const revisions = world.api.all(CONFIG_MAPS).map(({ metadata }) => metadata.name);
    assert.deepEqual(revisions.sort(), ['chat-ring', next.metadata.name].sort());
    assert.deepEqual(
      ring().members.map(({ id }) => id),
      ['next-0', 'next-1', 'next-2'],
    );
    assert.ok(said().includes('RollingOut'));
  });

  it('empties whoever is too many before their pods go, and removes those', async () => {
    world.cluster();
    const { pods } = await running();
    await until('Ready', 'True');
    for (const [n, pod] of pods.entries()) {
      const edge = { connections: 100 * (n + 1), sessions: 0, drain: 'serving' };
      world.gateway(pod).status['edge'] = edge;
    }
    await clock.advance(3_000);
    world.cluster({ replicas: 2 });
    const [victim] = pods;
    assert.ok(victim !== undefined);
    const phase = () => world.gateway(victim).status.edge?.drain;
    await clock.until('the first to be told', () => phase() === 'leaving');
    assert.deepEqual(ring().members.length, 2, 'it owns nothing any more when it is told');
    const marks = world.object(`${CORE}/pods`, 'chat-0')?.metadata;
    assert.equal(marks?.labels?.['wscluster.io/draining'], 'true');
    assert.equal(marks?.annotations?.['controller.kubernetes.io/pod-deletion-cost'], '-2147483647');
    await clock.advance(20_000);
    assert.equal(deployed()[0]?.spec.replicas, 3, 'its pod stays while it has clients');
    const [draining] = world.status()?.draining ?? [];
    assert.deepEqual(
      [draining?.pod, draining?.state, draining?.reason],
      [...['chat-0', 'Emptying', 'ScaleDown']],
    );
    assert.deepEqual([world.status()?.replicas, world.status()?.drainingReplicas], [2, 1]);
    world.gateway(victim).status['edge'] = { connections: 0, sessions: 0, drain: 'empty' };
    await clock.until('one replica less', () => deployed()[0]?.spec.replicas === 2);
    world.api.remove(`${CORE}/pods/chat-0`);
    await until('Ready', 'True');
    await until('Draining', 'False');
    assert.ok(said().includes('Emptying') && said().includes('Emptied'));
  });

  it('has evictions wait for what is still being emptied, and not for what is lost', async () => {
    world.cluster();
    const { pods } = await running();
    await until('Ready', 'True');
    const left = () => {
      const budgets = `/apis/policy/v1/namespaces/${NAMESPACE}/poddisruptionbudgets`;
      const budget = world.object(budgets, 'chat') as KubeObject & {
        spec: { minAvailable: number };
      };
      return budget.spec.minAvailable;
    };
    assert.equal(left(), 2);
    const [pod] = pods;
    assert.ok(pod !== undefined);
    world.gateway(pod).status['edge'] = { connections: 9, sessions: 0, drain: 'leaving' };
    const by = new Date(clock.wall() + 60_000).toISOString();
    const metadata = { ...pod.metadata, deletionTimestamp: by };
    world.api.put(`${CORE}/pods/${pod.metadata.name}`, { ...pod, metadata });
    await clock.until('another one to be kept', () => left() === 3);
    await clock.advance(80_000);
    assert.equal(left(), 2, 'nobody empties it any more');
  });

  it('calls a gateway back that is wanted again; another operator does as well', async () => {
    world.cluster();
    const { pods } = await running();
    await until('Ready', 'True');
    for (const pod of pods) {
      const edge = { connections: 100, sessions: 0, drain: 'serving' };
      world.gateway(pod).status['edge'] = edge;
    }
    await clock.advance(3_000);
    world.cluster({ replicas: 2 });
    const told = () => pods.filter((pod) => world.gateway(pod).status.edge?.drain === 'leaving');
    await clock.until('one to be told', () => told().length === 1);
    await operator.stop();
    operator = await leading();
    await clock.advance(10_000);
    assert.equal(told().length, 1, 'it goes on with the same one');
    world.cluster({ replicas: 3 });
    await clock.until('it to be called back', () => told().length === 0);
    await clock.until('a ring of three', () => ring().members.length === 3);
    const labels = world.api.all(`${CORE}/pods`).map(({ metadata }) => metadata.labels ?? {});
    assert.ok(labels.every((own) => own['wscluster.io/draining'] === undefined));
    assert.equal(deployed()[0]?.spec.replicas, 3);
    assert.ok(said().includes('CalledBack'));
  });

  it('stops a rollout whose gateways could not give clients what they had missed', async () => {
    world.cluster();
    await running();
    await until('Ready', 'True');
    world.cluster({ heartbeat: { intervalSeconds: 20 } });
    await clock.until('another Deployment', () => deployed().length === 2);
    const next = deployed()[1];
    assert.ok(next !== undefined);
    assert.equal(next.spec.replicas, 1, 'a wave');
    const young = world.pod(world.replicaSet(next), 'next-0');
    world.gateway(young).status['hub'] = { resumes: { complete: 18, broken: 2 } };
    await until('Progressing', 'False ResumeFailures');
    world.gateway(young).status['hub'] = { resumes: { complete: 0, broken: 0 } };
    await clock.advance(60_000);
    assert.equal(world.condition('Progressing'), 'False ResumeFailures', 'it forgot, we do not');
    assert.deepEqual(
      deployed().map(({ spec }) => spec.replicas),
      [3, 1],
    );
    assert.ok(said().includes('ResumeFailures'));
    world.cluster({});
    await until('Progressing', 'True');
  });

  it('stops a rollout whose gateways fail requests that the others answer', async () => {
    world.cluster();
    const { pods } = await running();
    await until('Ready', 'True');
    for (const pod of pods) world.gateway(pod).status['requests'] = { all: 1_000, failed: 30 };
    await clock.advance(20_000);
    world.cluster({ heartbeat: { intervalSeconds: 20 } });
    await clock.until('another Deployment', () => deployed().length === 2);
    const next = deployed()[1];
    assert.ok(next !== undefined);
    const young = world.pod(world.replicaSet(next), 'next-0');
    world.gateway(young).status['requests'] = { all: 200, failed: 16 };
    await clock.advance(10_000);
    assert.equal(world.condition('Progressing'), 'True Working', 'the others fail 3 % too');
    world.gateway(young).status['requests'] = { all: 200, failed: 17 };
    await until('Progressing', 'False RequestFailures');
    assert.ok(said().includes('RequestFailures'));
    world.cluster({});
    await until('Progressing', 'True');
  });

  it('warns of what does not hurt yet, once, and then writes nothing', async () => {
    world.cluster({ resources: { limits: { memory: '128Mi' } } });
    const { pods } = await running();
    await until('Ready', 'True');
    for (const pod of pods) world.gateway(pod).status['version'] = '0.3.0';
    await until('VersionSkew', 'True OperatorOlder');
    assert.equal(world.condition('CapacitySuitable'), 'False MemoryTooSmall');
    assert.equal(world.condition('RingBalanced'), 'True Balanced');
    await clock.advance(60_000);
    const before = said();
    assert.ok(before.includes('MemoryTooSmall') && before.includes('OperatorOlder'));
    const status = world.status();
    await clock.advance(300_000);
    assert.equal(world.status(), status, 'not even the same again');
    assert.deepEqual(said(), before);
  });

  it('goes back to the revision before when the rollout of one is aborted', async () => {
    world.cluster();
    const { deployment, pods } = await running();
    await until('Ready', 'True');
    const before = world.status()?.stableRevision;
    world.cluster({ image: 'example.com/next:1' });
    await clock.until('another Deployment', () => deployed().length === 2);
    const asked = world.status()?.revision?.name ?? '';
    const next = deployed()[1];
    assert.ok(next !== undefined && asked !== before);
    const young = world.pod(world.replicaSet(next), 'next-0');
    world.gateway(young).status['edge'] = { connections: 5, sessions: 0, drain: 'serving' };
    await clock.advance(3_000);
    world.annotate({ [ABORT_ANNOTATION]: asked });
    await clock.until('the young one to be told', () => {
      return world.gateway(young).status.edge?.drain === 'leaving';
    });
    world.gateway(young).status['edge'] = { connections: 0, sessions: 0, drain: 'empty' };
    await clock.until('its Deployment to go', () => deployed().length === 1);
    world.api.remove(`${CORE}/pods/next-0`);
    await until('Progressing', 'True Aborted');
    assert.equal(world.condition('Ready'), 'True AllReady');
    assert.equal(deployed()[0]?.metadata.uid, deployment.metadata.uid);
    assert.ok(!JSON.stringify(deployed()).includes('next:1'), 'its pods are as they were');
    for (const pod of pods) assert.equal(world.gateway(pod).status.edge?.drain, 'serving');
    world.cluster({ image: 'example.com/third:1' });
    await clock.until('a third revision', () => JSON.stringify(deployed()).includes('third:1'));
  });

  it('takes away a revision that never ran as soon as another one is wanted', async () => {
    world.cluster();
    const { deployment } = await running();
    await until('Ready', 'True');
    world.cluster({ image: 'example.com/typo:1' });
    await clock.until('another Deployment', () => deployed().length === 2);
    world.cluster({ image: 'example.com/right:1' });
    await clock.until(
      'a third',
      () =>
        deployed().length === 2 && deployed().every((one) => !JSON.stringify(one).includes('typo')),
    );
    assert.ok(deployed().some(({ metadata }) => metadata.uid === deployment.metadata.uid));
  });

  it('restarts nobody because it is a new operator with another image', async () => {
    world.cluster();
    const { deployment } = await running();
    await until('Ready', 'True');
    await operator.stop();
    operator = await leading('example.com/gateway:2');
    await clock.advance(60_000);
    assert.deepEqual(
      deployed().map(({ metadata }) => metadata.uid),
      [deployment.metadata.uid],
    );
    world.cluster({ heartbeat: { intervalSeconds: 20 } });
    await clock.until('another Deployment', () => deployed().length === 2);
    assert.match(JSON.stringify(deployed()), /gateway:2/);
  });

  it('holds replicas between the bounds of autoscaling, and makes who sets them', async () => {
    world.cluster({ replicas: 9, autoscaling: { minReplicas: 2, maxReplicas: 4 } });
    await clock.until('a Deployment', () => deployed().length === 1);
    assert.equal(deployed()[0]?.spec.replicas, 4);
    await until('ScalingActive', 'Unknown NotYet');
    await until('MetricsAvailable', 'False NotServed');
    const autoscalers = () =>
      world.api.all(`/apis/autoscaling/v2/namespaces/${NAMESPACE}/horizontalpodautoscalers`);
    await clock.until('an autoscaler', () => autoscalers().length === 1);
    world.cluster({ replicas: 1, autoscaling: { minReplicas: 2, maxReplicas: 4 } });
    await clock.until('two', () => deployed()[0]?.spec.replicas === 2);
    world.cluster({ autoscaling: { mode: 'None', maxReplicas: 4 } });
    await clock.until('no autoscaler', () => autoscalers().length === 0);
    await until('MetricsAvailable', 'Unknown NotNeeded');
  });

  it('says which Secret gateways wait for', async () => {
    world.cluster();
    const { pods, replicaSet } = await running(1);
    const [pod] = pods;
    assert.ok(pod !== undefined);
    const lacking = [{ what: 'redis.urlFile', reason: 'cannot be read (ENOENT)' }];
    world.gateway(pod).status = { pod: 'chat-0', started: false, lacking, checks: [] };
    world.pod(replicaSet, 'chat-0', { conditions: [{ type: 'Ready', status: 'False' }] });
    await until('Ready', 'False SecretUnusable');
    const { message = '' } =
      world.status()?.conditions?.find(({ type }) => type === 'Degraded') ?? {};
    assert.match(message, /Secret chat-redis is missing, lacks the key url/);
    assert.ok(said().includes('SecretUnusable'));
  });

  it('never writes a ring over a newer one', async () => {
    world.cluster();
    const { pods } = await running();
    await until('RingSynced', 'True');
    const [pod] = pods;
    assert.ok(pod !== undefined);
    const { uid = '' } =
      world.api.get(`/apis/wscluster.io/v1alpha1/namespaces/${NAMESPACE}/wsclusters/chat`)
        ?.metadata ?? {};
    world.gateway(pod).ring = foreignRing(uid, 7);
    await clock.until('a generation above', () => ring().version.generation === 8);
    await until('RingSynced', 'True');
  });

  it('says which gateways it cannot reach', async () => {
    world.cluster();
    const { pods } = await running();
    const [pod] = pods;
    assert.ok(pod !== undefined);
    world.gateway(pod).deaf = true;
    await until('RingSynced', 'False NotReached');
    assert.equal(world.condition('Ready'), 'True AllReady');
    world.gateway(pod).deaf = false;
    await until('RingSynced', 'True');
    const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    world.api.put(`${CORE}/pods/${pod.metadata.name}`, { ...pod, metadata });
    world.gateway(pod).deaf = true;
    await clock.until('a ring of two', () => ring().members.length === 2);
    await until('Draining', 'True');
    assert.equal(world.condition('RingSynced'), 'True Synced', 'one that ends need not answer');
  });

  it('says what quota and registries refuse', async () => {
    world.cluster();
    const { deployment } = await running(0);
    const message = 'pods "chat-x" is forbidden: exceeded quota: q, requested: pods=1';
    const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message };
    world.replicaSet(deployment, [failure]);
    await until('Degraded', 'True QuotaBlocked');
    const replicaSet = world.replicaSet(deployment);
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image' };
    world.pod(replicaSet, 'chat-0', {
      ...{ phase: 'Pending', conditions: [{ type: 'Ready', status: 'False' }] },
      containerStatuses: [{ ready: false, state: { waiting } }],
    });
    await until('Degraded', 'True ImagePullFailed');
  });

  it('comes to the same end through a burst of refusals and cut watches', async () => {
    const random = seeded(11);
    const faulty = () =>
      random() < 0.3
        ? refused({ code: random() < 0.5 ? 429 : 500, what: 'x', status: undefined, wallMs: 0 })
        : undefined;
    world.api.fault = faulty;
    world.cluster();
    for (let step = 0; step < 60; step += 1) {
      await clock.advance(1_000);
      if (step % 10 === 0) world.api.cut(faulty());
    }
    world.api.fault = () => undefined;
    await running();
    await clock.until('Ready', () => world.condition('Ready') === 'True AllReady', 120_000);
    assert.equal(deployed().length, 1);
    assert.deepEqual(
      ring().members.map(({ id }) => id),
      ['chat-0', 'chat-1', 'chat-2'],
    );
  });

  it('makes PodMonitors for those that want one when their kind comes later', async () => {
    world.cluster({ metrics: { podMonitor: { enabled: true } } });
    await running();
    await until('Ready', 'True');
    const monitors = () => world.api.all(`${MONITORING}/namespaces/${NAMESPACE}/podmonitors`);
    assert.deepEqual(monitors(), []);
    world.api.put(MONITORING, { kind: 'APIResourceList', resources: [{ name: 'podmonitors' }] });
    await clock.until('a PodMonitor', () => monitors().length === 1, 6 * 60_000);
    const [monitor] = monitors();
    world.api.remove(`${MONITORING}/namespaces/${NAMESPACE}/podmonitors/${monitor?.metadata.name}`);
    await clock.until('another one', () => monitors().length === 1);
  });

  it('leaves what it made to the garbage collector when a cluster is deleted', async () => {
    world.cluster();
    await running();
    await until('Ready', 'True');
    world.remove();
    writes();
    await clock.advance(60_000);
    assert.deepEqual(writes(), []);
  });
});
