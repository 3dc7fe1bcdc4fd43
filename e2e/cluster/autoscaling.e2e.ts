import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { WsCluster } from '../../operator/api/wscluster.ts';
import type { ConditionType } from '../../operator/reconcile/condition.ts';
import { closeCodes } from '../../protocol/codes.ts';
import { Late } from '../../scripts/testing/late.ts';
import { pause, until } from '../deadline.ts';
import type { Lab } from '../lab/lab.ts';
import { reaches } from './cluster-state.ts';
import { Crowd, type Served } from './crowd/crowd.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { DEFINITION, established, refuseDefinition } from './definition.ts';
import { eventsAbout } from './events.ts';
import { figure } from './figures.ts';
import { CHART, type Helm, helms } from './helm.ts';
import {
  becomesReady,
  chat,
  GATEWAYS,
  gatewaysIn,
  home,
  leader,
  livesOf,
  OPERATORS,
  startInstallable,
} from './installation.ts';
import {
  API_SERVICE,
  askPast,
  foreignApiService,
  isBelieved,
  metricPath,
  Questions,
  rotating,
  secretOf,
  serialOf,
  tokenOfReader,
} from './metrics-world.ts';
import { labOf, labOnly, type Target } from './target.ts';
import { namespace } from './workload.ts';

const SYSTEM = 'wscluster-system';
const HOME = `autoscaling-${process.pid}`;
const KEY_PREFIX = 'crowd';
const HEARTBEAT_MS = 5_000;
const TARGET = 400;
const BOUNDS = { least: 1, most: 4 };
/** All are judged by the history checker. One gateway is enough for these, who are always there. */
const FEW = 380;
/** One of those who publish is connected, too. */
const CONNECTED = FEW + 1;
/** With those who come and go. */
const MANY = 1_000;
/** 1001 / 400. */
const FOR_ALL = 3;
/** For more than one gateway; and for no more than one, by the HPA's tolerance. */
const [MORE, NO_MORE] = [FEW + 100, FEW + 50] as const;
const BUDGET = 30;
/** Who was asked to go home and did not is asked again after a minute, whatever happens then. */
const STRAGGLERS = 20;
const ROUNDS = 3;
/** Of the lab's HPA controller. */
const SYNC_MS = 2_000;
const STABILIZATION_S = 10;
/**
 * For ten. What lasts ten minutes by default is how long an HPA waits for a lower number: here
 * `STABILIZATION_S`, a sixth of this. Gateways count no time of the operator's, operators carry a
 * load for half of it.
 */
const OUTAGE_MS = 60_000;
/** From the start of all; what is before takes a minute. */
const ROTATES_MS = 150_000;
const SERVED_AS = `wscluster-operator-metrics.${SYSTEM}.svc`;
const CONNECTIONS = metricPath(HOME, 'wscluster_connections');
const LOAD = `/v1/namespaces/${HOME}/wsclusters/chat/load`;

interface MetricList {
  readonly items: readonly { readonly value: string; readonly metricName: string }[];
}

describe('autoscaling', labOnly, () => {
  let target: Target;
  let helm: Helm;
  let crowd: Crowd;
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
  const cluster = async () => (await target.kubectl.get('-n', HOME, 'wsc/chat')) as WsCluster;
  const wanted = async () => (await cluster()).spec.replicas;
  const wants = async (replicas: number, deadlineMs = 90_000): Promise<number> => {
    const began = performance.now();
    await until(async () => (await wanted()) === replicas, {
      for: `${replicas} replicas to be wanted`,
      ...{ deadlineMs, everyMs: 200 },
    });
    return Math.round(performance.now() - began);
  };
  const says = (type: ConditionType, is: string) =>
    reaches(cluster, { type, is, deadlineMs: 90_000, everyMs: 250 });
  const pid = () => target.lab?.component('kube-apiserver').pid;
  const gateways = () => gatewaysIn(target.kubectl, HOME);
  const messages = async (reason: string) => {
    const at = { namespace: HOME, name: 'chat' };
    return (await eventsAbout(target.kubectl, at, reason)).map(({ message }) => message);
  };
  /** Gateways that Events of this reason begin with. */
  const told = async (reason: string): Promise<ReadonlySet<string>> =>
    new Set((await messages(reason)).map((message) => message.split(' ')[0] ?? ''));
  const spread = async (count: number, least: number) => {
    await becomesReady(target.kubectl, HOME);
    await servesFrom(crowd, count, least);
  };
  const grow = async (to: number, replicas: number) => {
    await crowd.resize(to);
    return wants(replicas);
  };
  const staysWanted = (replicas: number, ms: number) => stays(wanted, replicas, ms);
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
    await target.kubectl.apply(secretOf(SYSTEM, rotating(names, ROTATES_MS)));
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
        placement: { podEndpoint: 'address' },
        disruption: { movesPerSecond: BUDGET, drainGraceSeconds: 8, drainDeadlineSeconds: 60 },
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
    crowd = await Crowd.start(pid(), {
      ...{ ws: `ws://${at}/ws`, http: `http://${at}`, keyPrefix: KEY_PREFIX },
      redis: { host: new URL(url).hostname, port: 6379 },
      ...{ clients: FEW, heartbeatMs: HEARTBEAT_MS },
    });
    token = await tokenOfReader(target.kubectl, HOME);
  });

  after(async () => {
    await questions?.stop();
    await crowd?.stop();
    await target?.stop();
  });

  test('another adapter is left alone, named, and not followed when it goes', async () => {
    const said = await says('MetricsAvailable', 'False OwnedByOthers');
    assert.match(said, /default\/keda-operator-metrics-apiserver serves External metrics/);
    assert.match(said, /docs\/autoscaling\.md/);
    await says('ScalingActive', 'False FailedGetExternalMetric');
    const path = '-o=jsonpath={.metadata.labels.app} {.spec.service.name}';
    const found = await target.kubectl('get', API_SERVICE, path);
    assert.equal(found, 'keda keda-operator-metrics-apiserver');
    await target.kubectl('delete', API_SERVICE);
    await says('MetricsAvailable', 'False NotTaken');
    await pause(5_000);
    assert.notEqual((await target.kubectl.attempt('get', API_SERVICE)).code, 0);
  });

  test('it is served once operators are restarted, by the API server', async () => {
    await inSystem('rollout', 'restart', 'deployment/wscluster-operator');
    await inSystem('rollout', 'status', 'deployment/wscluster-operator', '--timeout=120s');
    await says('MetricsAvailable', 'True Served');
    await says('ScalingActive', 'True ValidMetricFound');
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

  let served = '';
  let questions: Questions | undefined;
  const servedWith = async (lab: Lab) =>
    (await askPast(lab, { address, servername: SERVED_AS, path: '/readyz' })).serial;

  test('before certificates rotate, both authorities are trusted', async (t) => {
    const lab = labOf(target, t, 'be asked past its API server');
    if (lab === undefined) return;
    const bundle = await target.kubectl('get', API_SERVICE, '-o=jsonpath={.spec.caBundle}');
    const both = Buffer.from(bundle, 'base64').toString();
    assert.equal(both.split('-----BEGIN').length - 1, 2, 'both authorities are trusted');
    served = await servedWith(lab);
    questions = new Questions(() => raw(CONNECTIONS));
    questions.start();
  });

  test('kubectl scale is undone, and an Event says by whom', async () => {
    await inHome('scale', 'wsc/chat', '--replicas=2');
    await wants(BOUNDS.least);
    const note = await until(async () => (await messages('ReplicasOwnedByAutoscaler'))[0], {
      for: 'an Event',
      ...{ deadlineMs: 30_000, everyMs: 250 },
    });
    assert.match(note, /^kubectl set spec\.replicas to 2/);
  });

  test(`gateways follow ${MANY} clients up and down, ${ROUNDS} times`, async (t) => {
    await wants(BOUNDS.least);
    crowd.begin('up and down');
    const reactions: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      reactions.push(await grow(MANY, FOR_ALL));
      await spread(FOR_ALL, MANY / FOR_ALL / 2);
      const [were, before] = [await gateways(), await told('Emptying')];
      t.diagnostic(`${await grow(FEW, BOUNDS.least)} ms after they left one is wanted again`);
      await until(async () => (await gateways()).size === BOUNDS.least, {
        for: 'the others to be removed',
        ...{ deadlineMs: 120_000, everyMs: 500 },
      });
      const [are, emptied] = [await gateways(), await told('Emptying')];
      for (const name of were.keys()) {
        if (!are.has(name)) assert.ok(emptied.has(name), `${name} is gone, and was not emptied`);
        else assert.ok(before.has(name) || !emptied.has(name), `${name} was emptied, and is there`);
      }
    }
    const seen = await crowd.end('up and down', { rounds: ROUNDS });
    t.diagnostic(JSON.stringify(seen));
    // Who comes just when its gateway begins to leave is told to come to another.
    const { [closeCodes.drain.code]: late = 0, ...cut } = seen.closes;
    assert.deepEqual(cut, {}, JSON.stringify(seen));
    assert.ok(late <= MANY / 100, JSON.stringify(seen));
    figure({
      what: `replicas wanted by the HPA are right, after the last of ${MANY} clients came`,
      seen: `${reactions.map((ms) => (ms / SYNC_MS).toFixed(1)).join(', ')} of its sync periods`,
      aim: '≤ 2',
    });
    // Operators ask gateways once for all who ask within two seconds; the rest is a busy machine's.
    for (const ms of reactions) assert.ok(ms <= 4 * SYNC_MS, `${ms} ms`);
  });

  test('certificates rotated meanwhile, and every question was answered', async (t) => {
    const lab = labOf(target, t, 'be asked past its API server');
    if (lab === undefined) return;
    await until(async () => (await servedWith(lab)) !== served, {
      for: 'another certificate',
      ...{ deadlineMs: 300_000, everyMs: 500 },
    });
    const secret = ['get', 'secret/wscluster-operator-metrics'] as const;
    const now = await inSystem(...secret, '-o=jsonpath={.data.tls\\.crt}');
    const serial = serialOf(Buffer.from(now, 'base64').toString());
    // The other replica follows within its minute; a Service asks either.
    let same = 0;
    await until(
      async () => {
        same = (await servedWith(lab)) === serial ? same + 1 : 0;
        return same === 8;
      },
      { for: 'both to serve it', deadlineMs: 90_000, everyMs: 500 },
    );
    await questions?.stop();
    t.diagnostic(`${questions?.answers} answers meanwhile`);
    const refusals = (questions?.refusals ?? '').trim();
    // A gateway without a processor for half a minute says nothing: no certificate's fault.
    const starved = /did not say their load/;
    if (refusals !== '' && refusals.split('\n').every((line) => starved.test(line))) {
      throw new Late(refusals);
    }
    assert.equal(refusals, '');
  });

  test('demand that is back in the middle calls back what is being emptied', async (t) => {
    crowd.begin('demand back');
    await grow(MANY, FOR_ALL);
    await spread(FOR_ALL, (MANY / FOR_ALL) * 0.8);
    const were = await gateways();
    await crowd.resize(FEW);
    await until(async () => (await cluster()).status?.draining?.length === FOR_ALL - 1, {
      for: 'the others to be emptied',
      ...{ deadlineMs: 90_000, everyMs: 200 },
    });
    t.diagnostic(`${await grow(MORE, 2)} ms after demand was back, two are wanted`);
    const called = await until(
      async () => {
        const names = [...(await told('CalledBack'))].filter((name) => were.has(name));
        return names.length > 0 && names;
      },
      { for: 'one to be called back', deadlineMs: 60_000, everyMs: 500 },
    );
    await grow(MANY, FOR_ALL);
    await spread(FOR_ALL, MANY / FOR_ALL / 2);
    const seen = await crowd.end('demand back', { called: called.length });
    t.diagnostic(JSON.stringify(seen));
    const are = await gateways();
    for (const name of called) assert.equal(are.get(name)?.uid, were.get(name)?.uid, name);
    assert.deepEqual(seen.closes, {});
  });

  test(`helm upgrade of the operator rolls no gateway, and none of ${MANY} notices`, async () => {
    const was = await livesOf(target.kubectl, HOME, GATEWAYS);
    const operating = await livesOf(target.kubectl, SYSTEM, OPERATORS);
    const { ring } = (await cluster()).status ?? assert.fail();
    crowd.begin('helm upgrade');
    // With the gateway of another version, which is nowhere: whoever took it would not come up.
    const values = ['podAnnotations.another=x', 'logLevel=debug', 'gatewayImage.tag=another'];
    const set = values.flatMap((value) => ['--set', value]);
    const how = ['--reuse-values', ...set, '--wait', '--timeout', '180s'];
    await helm('upgrade', 'wscluster', CHART, '-n', SYSTEM, ...how);
    await until(
      async () => {
        const now = await livesOf(target.kubectl, SYSTEM, OPERATORS);
        return !now.some((one) => operating.includes(one));
      },
      { for: 'other operators', deadlineMs: 60_000, everyMs: 500 },
    );
    await leader(target.kubectl, SYSTEM);
    await inHome('delete', 'pdb/chat');
    const budget = ['-n', HOME, 'get', 'pdb/chat'] as const;
    await until(async () => (await target.kubectl.attempt(...budget)).code === 0, {
      for: 'one of them to work',
      ...{ deadlineMs: 60_000, everyMs: 500 },
    });
    const seen = await crowd.end('helm upgrade', { operators: operating.length });
    assert.deepEqual(seen.closes, {});
    assert.ok(seen.moves <= STRAGGLERS, JSON.stringify(seen));
    assert.deepEqual((await cluster()).status?.ring, ring, 'no ring was made for it');
    assert.deepEqual(await livesOf(target.kubectl, HOME, GATEWAYS), was);
  });

  test('without operators nobody is removed, clients notice nothing, new pods serve', async (t) => {
    await operators(0);
    crowd.begin('no operators');
    await crowd.resize(FEW);
    await staysWanted(FOR_ALL, OUTAGE_MS / 2);
    const quiet = await crowd.end('no operators', { gateways: FOR_ALL });
    assert.deepEqual(quiet.closes, {});
    assert.ok(quiet.moves <= STRAGGLERS, JSON.stringify(quiet));

    crowd.begin('one deleted');
    const were = await gateways();
    const [deleted] = were.keys();
    await inHome('delete', 'pod', deleted ?? assert.fail(), '--wait=false');
    const made = await until(
      async () => [...(await gateways())].find(([name, { ready }]) => ready && !were.has(name)),
      { for: 'another one to be ready', deadlineMs: 60_000, everyMs: 500 },
    );
    const began = performance.now();
    await until(
      async () => {
        const served = await crowd.resize(NO_MORE);
        // Others come instead of these, where it was not known to the Service yet.
        await crowd.resize(FEW);
        return served.has(made[0]);
      },
      { for: `${made[0]} to serve clients`, deadlineMs: 60_000, everyMs: 250 },
    );
    await staysWanted(FOR_ALL, OUTAGE_MS / 2 - (performance.now() - began));
    const seen = await crowd.end('one deleted', { deleted: 1 });
    t.diagnostic(JSON.stringify(seen));
    assert.deepEqual(seen.closes, {});
    assert.match((await raw(CONNECTIONS)).stderr, /unable to handle|ServiceUnavailable/);

    await operators(2);
    await leader(target.kubectl, SYSTEM);
    t.diagnostic(`${await wants(BOUNDS.least)} ms after operators are back one is wanted again`);
    await becomesReady(target.kubectl, HOME);
  });

  test('nothing was lost, nothing came twice', async () => {
    await lostNothing(crowd);
  });

  test('Helm takes the API server’s reference away before it takes the operator', async () => {
    await helm('uninstall', 'wscluster', '-n', SYSTEM, '--wait', '--timeout', '120s');
    assert.notEqual((await target.kubectl.attempt('get', API_SERVICE)).code, 0);
    await pause(3_000);
    assert.notEqual((await target.kubectl.attempt('get', API_SERVICE)).code, 0);
    await target.kubectl('api-resources');
  });
});

async function stays(value: () => Promise<number>, is: number, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    assert.equal(await value(), is);
    await pause(500);
  }
}

/** Resolves when so many gateways have `least` clients each, or more. */
async function servesFrom(crowd: Crowd, count: number, least: number): Promise<void> {
  let served: Served = new Map();
  await until(
    async () => {
      served = await crowd.served();
      return served.size === count && [...served.values()].every((one) => one >= least);
    },
    {
      for: () => `${least} clients on each of ${count}: ${JSON.stringify([...served])}`,
      ...{ deadlineMs: 120_000, everyMs: 500 },
    },
  );
}
