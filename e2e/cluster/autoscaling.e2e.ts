import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { WsClusterStatus } from '../../operator/api/wscluster.ts';
import { pause, until } from '../deadline.ts';
import { Crowd } from './crowd/crowd.ts';
import { DEFINITION, established, refuseDefinition } from './definition.ts';
import { figure } from './figures.ts';
import { CHART, type Helm, helms } from './helm.ts';
import { becomesReady, chat, home, leader, startInstallable } from './installation.ts';
import {
  API_SERVICE,
  askPast,
  foreignApiService,
  isBelieved,
  metricPath,
  rotating,
  secretOf,
  serialOf,
} from './metrics-world.ts';
import { labOf, labOnly, type Target } from './target.ts';
import { Throng } from './throng.ts';
import { namespace } from './workload.ts';

const SYSTEM = 'wscluster-system';
const HOME = `autoscaling-${process.pid}`;
const KEY_PREFIX = 'crowd';
const HEARTBEAT_MS = 5_000;
const TARGET = 40;
const BOUNDS = { least: 1, most: 4 };
/** Judged by the history checker, all the time; one gateway is enough for them. */
const JUDGED = 30;
/** One of those who publish is connected, too. */
const CONNECTED = JUDGED + 1;
/** They come and go. */
const OTHERS = 70;
/** With those: 100 / 40. */
const FOR_ALL = 3;
const ROUNDS = 3;
/** Of the lab's HPA controller. */
const SYNC_MS = 2_000;
const STABILIZATION_S = 10;
const OUTAGE_MS = 60_000;
const SERVED_AS = `wscluster-operator-metrics.${SYSTEM}.svc`;
const CONNECTIONS = metricPath(HOME, 'wscluster_connections');
const LOAD = `/v1/namespaces/${HOME}/wsclusters/chat/load`;
const COMMON_GROUP = 'rbac.authorization.k8s.io';

interface MetricList {
  readonly items: readonly { readonly value: string; readonly metricName: string }[];
}

describe('autoscaling', labOnly, () => {
  let target: Target;
  let helm: Helm;
  let crowd: Crowd;
  let throng: Throng | undefined;
  let ws: string;
  let token: string;
  let address: string;

  const inHome = (...args: readonly string[]) => target.kubectl('-n', HOME, ...args);
  const inSystem = (...args: readonly string[]) => target.kubectl('-n', SYSTEM, ...args);
  const raw = (path: string, ...more: readonly string[]) =>
    target.kubectl.attempt('get', '--raw', path, ...more);
  const connections = async (): Promise<number | undefined> => {
    const { code, stdout } = await raw(CONNECTIONS);
    return code === 0 ? Number((JSON.parse(stdout) as MetricList).items[0]?.value) : undefined;
  };
  const cluster = async () =>
    (await target.kubectl.get('-n', HOME, 'wsc/chat')) as {
      readonly spec: { readonly replicas: number };
      readonly status?: WsClusterStatus;
    };
  const wanted = async () => (await cluster()).spec.replicas;
  const wants = async (replicas: number, deadlineMs = 90_000): Promise<number> => {
    const began = performance.now();
    await until(async () => (await wanted()) === replicas, {
      for: `${replicas} replicas to be wanted`,
      ...{ deadlineMs, everyMs: 200 },
    });
    return Math.round(performance.now() - began);
  };
  const reaches = (type: string, is: string, deadlineMs = 90_000) => {
    let last = '';
    return until(
      async () => {
        const found = (await cluster()).status?.conditions?.find((one) => one.type === type);
        last = `${found?.status} ${found?.reason}: ${found?.message}`;
        return last.startsWith(`${is}:`) && last;
      },
      { for: () => `${type} to be ${is}, not ${last}`, deadlineMs, everyMs: 250 },
    );
  };
  const pid = () => target.lab?.component('kube-apiserver').pid;
  const arrive = async () => {
    throng = await Throng.start(pid(), ws, OTHERS);
  };
  const operators = async (replicas: number) => {
    await inSystem('scale', 'deployment/wscluster-operator', `--replicas=${replicas}`);
    await inSystem('rollout', 'status', 'deployment/wscluster-operator', '--timeout=120s');
  };

  before(async () => {
    target = await startInstallable();
    await refuseDefinition(target.kubectl);
    [, helm] = await helms(target.lab?.kubeconfig);
    await target.kubectl.apply(namespace(SYSTEM), foreignApiService);
    await home(target.kubectl, HOME);
    const names = [SERVED_AS, `${SERVED_AS}.cluster.local`];
    // Long enough for all that comes before it is looked at.
    await target.kubectl.apply(secretOf(SYSTEM, rotating(names, 120_000)));
    const values = ['metricsApi.enabled=true', 'policy.enabled=false'];
    const set = values.flatMap((value) => ['--set', value]);
    await helm('install', 'wscluster', CHART, '-n', SYSTEM, ...set, '--wait');
    await established(target.kubectl, DEFINITION);
    address = await inSystem(
      'get',
      'service/wscluster-operator-metrics',
      '-o=jsonpath={.spec.clusterIP}',
    );
    const url = Buffer.from(
      await inHome('get', 'secret/chat-redis', '-o=jsonpath={.data.url}'),
      'base64',
    ).toString();
    await target.kubectl.apply(
      chat(HOME, {
        replicas: 1,
        redis: { urlSecretRef: { name: 'chat-redis', key: 'url' }, keyPrefix: KEY_PREFIX },
        heartbeat: { intervalSeconds: HEARTBEAT_MS / 1_000, timeoutSeconds: 2 },
        disruption: { movesPerSecond: 200, drainGraceSeconds: 0, drainDeadlineSeconds: 20 },
        autoscaling: {
          ...{ minReplicas: BOUNDS.least, maxReplicas: BOUNDS.most },
          ...{ targetConnectionsPerPod: TARGET, scaleDownPercentPerMinute: 100 },
          scaleDownStabilizationSeconds: STABILIZATION_S,
        },
      }),
    );
    await becomesReady(target.kubectl, HOME);
    const at = await inHome(
      ...['get', 'service/chat', '-o=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}'],
    );
    ws = `ws://${at}/ws`;
    crowd = await Crowd.start(pid(), {
      ...{ ws, http: `http://${at}`, keyPrefix: KEY_PREFIX },
      redis: { host: new URL(url).hostname, port: 6379 },
      ...{ clients: JUDGED, heartbeatMs: HEARTBEAT_MS },
    });
    token = await reader(target);
  });

  after(async () => {
    await throng?.leave();
    await crowd?.stop();
    await target?.stop();
  });

  test('another adapter is left alone, named, and not followed when it goes', async () => {
    const said = await reaches('MetricsAvailable', 'False OwnedByOthers');
    assert.match(said, /default\/keda-operator-metrics-apiserver serves External metrics/);
    assert.match(said, /docs\/autoscaling\.md/);
    await reaches('ScalingActive', 'False FailedGetExternalMetric');
    const path = '-o=jsonpath={.metadata.labels.app} {.spec.service.name}';
    const found = await target.kubectl('get', API_SERVICE, path);
    assert.equal(found, 'keda keda-operator-metrics-apiserver');
    await target.kubectl('delete', API_SERVICE);
    await reaches('MetricsAvailable', 'False NotTaken');
    await pause(5_000);
    assert.notEqual((await target.kubectl.attempt('get', API_SERVICE)).code, 0);
  });

  test('it is served once operators are restarted, by the API server', async () => {
    await inSystem('rollout', 'restart', 'deployment/wscluster-operator');
    await inSystem('rollout', 'status', 'deployment/wscluster-operator', '--timeout=120s');
    await reaches('MetricsAvailable', 'True Served');
    await reaches('ScalingActive', 'True ValidMetricFound');
    await until(async () => (await connections()) === CONNECTED, {
      for: 'the crowd to be counted',
      ...{ deadlineMs: 20_000, everyMs: 250 },
    });
    const resources = await target.kubectl('get', '--raw', '/apis/external.metrics.k8s.io/v1beta1');
    assert.match(resources, /"name":"wscluster_event_loop_utilization_percent"/);
    const known = await target.kubectl('api-resources', '--api-group=external.metrics.k8s.io');
    assert.match(known, /wscluster_connections/);
    for (const [metric, value] of [
      ['wscluster_connections_per_pod', new RegExp(`"value":"${CONNECTED}"`)],
      ['wscluster_event_loop_utilization_percent', /"value":"\d+m?"/],
      ['wscluster_publish_rate', /"value":"[1-9]\d*m?"/],
    ] as const) {
      assert.match((await raw(metricPath(HOME, metric))).stdout, value);
    }
    const nobody = await raw(CONNECTIONS, '--as', 'nobody');
    assert.match(nobody.stderr, /Forbidden|forbidden/);
    const elsewhere = await raw(CONNECTIONS.replace(HOME, 'default'));
    assert.match(elsewhere.stderr, /no WsCluster|not found|NotFound/);
  });

  test('nobody speaks for the API server without its certificate', async (t) => {
    const lab = labOf(target, t, 'be asked past its API server');
    if (lab === undefined) return;
    const asked = { address, servername: SERVED_AS, path: CONNECTIONS };
    const claims = { 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' };
    assert.equal((await askPast(lab, asked)).code, 401);
    assert.equal((await askPast(lab, { ...asked, headers: claims })).code, 401);
    const wrong = { authorization: 'Bearer x.y.z' };
    assert.equal((await askPast(lab, { ...asked, headers: wrong })).code, 401);
    assert.equal((await askPast(lab, { ...asked, path: '/readyz' })).code, 200);
    // The one of an account is nobody's word for others, and opens what the account may.
    const headers = { ...claims, authorization: `Bearer ${token}` };
    assert.equal((await askPast(lab, { ...asked, headers })).code, 403);
    const load = await askPast(lab, { ...asked, path: LOAD, headers });
    assert.equal(load.code, 200, load.text);
    assert.equal((JSON.parse(load.text) as { connections: number }).connections, CONNECTED);
    const of = await inSystem(
      ...['get', 'secret/wscluster-operator-metrics', '-o=jsonpath={.data.ca\\.crt}'],
    );
    const ca = Buffer.from(of, 'base64').toString();
    assert.ok(await isBelieved(lab, { ...asked, ca }));
    assert.ok(!(await isBelieved(lab, { ...asked, ca, servername: 'other.svc' })));
  });

  test('certificates rotate, and every question is answered meanwhile', async (t) => {
    const lab = labOf(target, t, 'be asked past its API server');
    if (lab === undefined) return;
    const asked = { address, servername: SERVED_AS, path: '/readyz' };
    const bundle = await target.kubectl('get', API_SERVICE, '-o=jsonpath={.spec.caBundle}');
    const both = Buffer.from(bundle, 'base64').toString();
    assert.equal(both.split('-----BEGIN').length - 1, 2, 'both authorities are trusted');
    const before = (await askPast(lab, asked)).serial;
    let [answers, refusals] = [0, ''];
    await until(
      async () => {
        const { code, stderr } = await raw(CONNECTIONS);
        if (code === 0) answers += 1;
        else refusals += stderr;
        return (await askPast(lab, asked)).serial !== before;
      },
      { for: 'another certificate', deadlineMs: 400_000, everyMs: 500 },
    );
    // The other replica follows within its minute.
    for (let n = 0; n < 120; n += 1) {
      const { code, stderr } = await raw(CONNECTIONS);
      if (code === 0) answers += 1;
      else refusals += stderr;
      await pause(500);
    }
    const now = await inSystem(
      ...['get', 'secret/wscluster-operator-metrics', '-o=jsonpath={.data.tls\\.crt}'],
    );
    const serial = serialOf(Buffer.from(now, 'base64').toString());
    assert.equal((await askPast(lab, asked)).serial, serial);
    t.diagnostic(`${answers} answers meanwhile`);
    assert.equal(refusals, '');
  });

  test('kubectl scale is undone, and an Event says by whom', async () => {
    await inHome('scale', 'wsc/chat', '--replicas=2');
    await wants(BOUNDS.least);
    const fields = 'reason=ReplicasOwnedByAutoscaler';
    const note = await until(
      async () =>
        (await inHome(
          'get',
          'events',
          '--field-selector',
          fields,
          '-o=jsonpath={.items[*].message}',
        )) || false,
      { for: 'an Event', deadlineMs: 30_000, everyMs: 250 },
    );
    assert.match(note, /^kubectl set spec\.replicas to 2/);
  });

  test(`gateways follow a crowd up and down, ${ROUNDS} times`, async (t) => {
    await wants(BOUNDS.least);
    crowd.begin('up and down');
    const reactions: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const began = performance.now();
      await arrive();
      const afterMs = await wants(FOR_ALL);
      await becomesReady(target.kubectl, HOME);
      reactions.push(afterMs);
      const readyMs = Math.round(performance.now() - began);
      t.diagnostic(`${FOR_ALL} wanted ${afterMs} ms after all were connected, ready at ${readyMs}`);
      assert.ok(afterMs <= 2 * SYNC_MS, `${afterMs} ms`);
      await throng?.leave();
      t.diagnostic(`${await wants(BOUNDS.least)} ms after they left one is wanted again`);
      await becomesReady(target.kubectl, HOME);
    }
    const seen = await crowd.end('up and down', { rounds: ROUNDS });
    t.diagnostic(JSON.stringify(seen));
    figure({
      what: `replicas wanted by the HPA are right, after the last of ${OTHERS} clients came`,
      seen: `${reactions.map((ms) => (ms / SYNC_MS).toFixed(1)).join(', ')} of its sync periods`,
      aim: '≤ 2',
    });
  });

  test('nobody is removed while nobody can say how many there are', async (t) => {
    await arrive();
    await wants(FOR_ALL);
    await becomesReady(target.kubectl, HOME);
    await operators(0);
    await throng?.leave();
    const end = performance.now() + OUTAGE_MS;
    while (performance.now() < end) {
      assert.equal(await wanted(), FOR_ALL);
      await pause(500);
    }
    assert.match((await raw(CONNECTIONS)).stderr, /unable to handle|ServiceUnavailable/);
    await operators(2);
    await leader(target.kubectl, SYSTEM);
    t.diagnostic(`${await wants(BOUNDS.least)} ms after operators are back one is wanted again`);
    await becomesReady(target.kubectl, HOME);
  });

  test('nothing was lost, nothing came twice', async (t) => {
    const { passed, complaints, ...figures } = await crowd.finish();
    t.diagnostic(JSON.stringify({ clients: JUDGED, ...figures }));
    assert.deepEqual(complaints, []);
    assert.ok(passed);
    assert.deepEqual(figures.gaps, {});
  });

  test('Helm takes the API server’s reference away before it takes the operator', async () => {
    await helm('uninstall', 'wscluster', '-n', SYSTEM, '--wait', '--timeout', '120s');
    assert.notEqual((await target.kubectl.attempt('get', API_SERVICE)).code, 0);
    await pause(3_000);
    assert.notEqual((await target.kubectl.attempt('get', API_SERVICE)).code, 0);
    await target.kubectl('api-resources');
  });
});

/** Of an account that may read WsClusters, as one that KEDA comes with. */
async function reader({ kubectl }: Target): Promise<string> {
  const metadata = { name: 'keda-reader', namespace: HOME };
  await kubectl.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      ...{ apiVersion: `${COMMON_GROUP}/v1`, kind: 'Role', metadata },
      rules: [{ apiGroups: ['wscluster.io'], resources: ['wsclusters'], verbs: ['get'] }],
    },
    {
      ...{ apiVersion: `${COMMON_GROUP}/v1`, kind: 'RoleBinding', metadata },
      roleRef: { apiGroup: COMMON_GROUP, kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  );
  return (await kubectl('-n', HOME, 'create', 'token', metadata.name)).trim();
}
