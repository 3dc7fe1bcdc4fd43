import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { connect } from 'node:tls';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { Applier } from '../kube/applier.ts';
import { refused } from '../kube/kube-error.ts';
import type { KubeObject } from '../kube/objects.ts';
import { RecordingLog } from '../kube/testing/recording-log.ts';
import { StandInApi } from '../kube/testing/stand-in-api.ts';
import { type ApiService, withdraw } from './api-service.ts';
import { MetricsApi } from './metrics-api.ts';
import { issue } from './x509.ts';

const NAMESPACE = 'system';
const SERVICE = { namespace: NAMESPACE, name: 'metrics' };
const PATH = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io';
const SECRET = `/api/v1/namespaces/${NAMESPACE}/secrets/wscluster-operator-metrics`;
const FRONT_PROXY = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
const DAY = 86_400_000;

let api: StandInApi;
let clock: ManualClock;
let running: { stop: () => Promise<void> }[];
let changes: number;

function start(): MetricsApi {
  const metrics = new MetricsApi({
    ...{ host: '127.0.0.1', port: 0, service: SERVICE, api, clock, random: () => 0.5 },
    ...{ log: new RecordingLog(), clusterOf: () => undefined },
    client: { status: () => Promise.reject(new Error('nobody is there')) },
    onChange: () => {
      changes += 1;
    },
  });
  metrics.start();
  running.push(metrics);
  return metrics;
}

function lead(metrics: MetricsApi): AbortController {
  const leading = new AbortController();
  const applier = new Applier({ api, fieldManager: 'me', annotation: 'wscluster.io/applied' });
  const ended = metrics.lead(applier, leading.signal);
  running.unshift({
    stop: async () => {
      leading.abort(new Error('over'));
      await ended;
    },
  });
  return leading;
}

/** Keys are made, and ports opened, in a time that no clock of a test knows. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const late = AbortSignal.timeout(20_000);
  while (!holds()) {
    if (late.aborted) assert.fail(`not in time: ${what}`);
    await setImmediate();
  }
}

const there = () => api.get(PATH) as ApiService | undefined;
const bundle = () => Buffer.from(there()?.spec?.caBundle ?? '', 'base64').toString();
const authorities = () => bundle().split('-----BEGIN').length - 1;

function foreign(): void {
  const service = { namespace: 'keda', name: 'keda-metrics' };
  api.put(PATH, { kind: 'APIService', metadata: {}, spec: { service } });
}

describe('the metrics API', () => {
  beforeEach(() => {
    api = new StandInApi();
    clock = new ManualClock();
    [running, changes] = [[], 0];
    const from = clock.wall() - DAY;
    const ca = issue({ commonName: 'front', names: [], from, until: from + 9 * DAY });
    const data = { 'requestheader-client-ca-file': ca.certificate };
    api.put(FRONT_PROXY, { kind: 'ConfigMap', metadata: {}, data });
  });
  afterEach(async () => {
    for (const one of running) await one.stop();
  });

  it('is told to the API server by who leads, once it serves', async () => {
    api.fault = (asked) =>
      'method' in asked && asked.path.includes('/secrets')
        ? refused({ code: 403, what: 'no', status: { message: 'no Secret' }, wallMs: 0 })
        : undefined;
    const metrics = start();
    lead(metrics);
    await until('a problem', () => /no Secret|403|no/.test(metrics.problem ?? ''));
    await clock.advance(20_000);
    assert.equal(there(), undefined);
    api.fault = () => undefined;
    await clock.advance(5_000);
    await until('it serves', () => metrics.problem === undefined);
    await until('an APIService', () => there() !== undefined);
    const { group, version, service, insecureSkipTLSVerify } = there()?.spec ?? {};
    assert.deepEqual([group, version], ['external.metrics.k8s.io', 'v1beta1']);
    assert.deepEqual(service, { ...SERVICE, port: 443 });
    assert.equal(insecureSkipTLSVerify, undefined);
    assert.equal(metrics.state.kind, 'pending');
    const is = (status: string) => ({ conditions: [{ type: 'Available', status, message: 'm' }] });
    api.put(PATH, { ...there(), status: is('False') });
    await until('it is not', () => metrics.state.kind === 'unavailable');
    api.put(PATH, { ...there(), status: is('True') });
    await until('it is served', () => metrics.state.kind === 'served');
    assert.ok(changes >= 2);
  });

  it('is one for all replicas: they share a Secret, and only who leads says so', async () => {
    const [first, second] = [start(), start()];
    await until('both', () => first.problem === undefined && second.problem === undefined);
    assert.equal(there(), undefined);
    const meet = (port = 0) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ port, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    assert.equal(await meet(first.port), await meet(second.port));
    lead(second);
    await until('an APIService', () => there() !== undefined);
  });

  it('rotates its authority while both are trusted, and comes back when deleted', async () => {
    const metrics = start();
    lead(metrics);
    await until('an APIService', () => there() !== undefined);
    const old = bundle();
    clock.pass(500 * DAY);
    await clock.advance(60_000);
    await until('two authorities', () => authorities() === 2);
    assert.ok(bundle().endsWith(old));
    const seen = new Set<string>();
    for (let minute = 0; minute < 30 && authorities() === 2; minute += 1) {
      seen.add(JSON.stringify(api.get(SECRET)));
      await clock.advance(60_000);
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
    }
    assert.equal(authorities(), 1);
    assert.ok(!bundle().includes(old));
    assert.equal(seen.size, 2, 'what is trusted, then what serves');
    api.remove(PATH);
    await until('it is back', () => there() !== undefined);
  });

  it('leaves one of another adapter alone, also when that is gone for a while', async () => {
    foreign();
    const metrics = start();
    lead(metrics);
    await until('it serves', () => metrics.problem === undefined);
    await clock.advance(60_000);
    assert.deepEqual(metrics.state, { kind: 'foreign', owner: 'keda/keda-metrics' });
    assert.equal(there()?.spec?.service?.namespace, 'keda');
    api.remove(PATH);
    await until('it is seen', () => metrics.state.kind === 'left');
    await clock.advance(120_000);
    assert.equal(there(), undefined);
    const restarted = start();
    lead(restarted);
    await until('the new one takes it', () => there() !== undefined);
  });

  it('is withdrawn for good, unless it is another’s', async () => {
    const metrics = start();
    lead(metrics);
    await until('an APIService', () => there() !== undefined);
    const { signal } = new AbortController();
    assert.equal(await withdraw(api, { namespace: 'elsewhere', forGood: true, signal }), 'foreign');
    assert.equal(await withdraw(api, { namespace: NAMESPACE, forGood: true, signal }), 'withdrawn');
    await until('it is seen', () => metrics.state.kind === 'left');
    await clock.advance(120_000);
    assert.equal(there(), undefined);
    assert.equal(await withdraw(api, { namespace: NAMESPACE, forGood: true, signal }), 'absent');
    foreign();
    assert.equal(await withdraw(api, { namespace: NAMESPACE, forGood: true, signal }), 'foreign');
  });

  it('says why it does not serve, while it does not know whom to believe', async () => {
    api.fault = (asked) =>
      asked.path.includes('kube-system')
        ? refused({ code: 403, what: 'LIST configmaps', status: undefined, wallMs: 0 })
        : undefined;
    const metrics = start();
    await until('a reason', () => /LIST configmaps/.test(metrics.problem ?? ''));
  });

  it('says who keeps it from being made', async () => {
    api.fault = (asked) =>
      'method' in asked && asked.method === 'PATCH'
        ? refused({ code: 403, what: 'PATCH', status: { message: 'no right' }, wallMs: 0 })
        : undefined;
    const metrics = start();
    lead(metrics);
    await until('a reason', () => {
      const { state } = metrics;
      return state.kind === 'pending' && /PATCH/.test(state.message);
    });
  });

  it('has a Secret in which other entries stay', async () => {
    api.put(SECRET, { kind: 'Secret', metadata: {}, data: { other: 'YQ==' } });
    const metrics = start();
    await until('it serves', () => metrics.problem === undefined);
    const { data } = api.get(SECRET) as KubeObject & { data: Record<string, string> };
    assert.deepEqual(Object.keys(data), ['other', 'ca.crt', 'ca.key', 'tls.crt', 'tls.key']);
  });
});
