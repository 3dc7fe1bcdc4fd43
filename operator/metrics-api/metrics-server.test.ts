import assert from 'node:assert/strict';
import { request } from 'node:https';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import type { Call } from '../kube/connection.ts';
import { refused } from '../kube/kube-error.ts';
import { RecordingLog } from '../kube/testing/recording-log.ts';
import { Access } from './access.ts';
import { type Certificates, renewed } from './certificates.ts';
import { type ClusterLoad, LoadUnknown } from './cluster-loads.ts';
import { type FrontProxy, frontProxyIn } from './front-proxy.ts';
import { MetricsServer } from './metrics-server.ts';
import { type Issued, issue } from './x509.ts';

const BASE = '/apis/external.metrics.k8s.io/v1beta1';
const ASKED = `${BASE}/namespaces/rooms/wscluster_connections`;
const OF_CHAT = '?labelSelector=wscluster.io%2Fcluster%3Dchat';
const HPA = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';
const TOKEN = 'a.b.c';
const HOUR = 3_600_000;

const authority = (): Issued =>
  issue({ commonName: 'ca', names: [], from: Date.now() - HOUR, until: Date.now() + HOUR });

/** As an API server has one; ours are for servers, so that this one is, too. */
function clientOf(ca: Issued, commonName: string): Issued {
  const times = { from: Date.now() - HOUR, until: Date.now() + HOUR };
  return issue({ commonName, names: ['client'], ...times, usage: 'client' }, ca);
}

const configMap = (ca: string, names: readonly string[] = ['front-proxy-client']) => ({
  data: {
    'requestheader-client-ca-file': ca,
    'requestheader-allowed-names': JSON.stringify(names),
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  },
});

interface Answer {
  readonly code: number;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

interface Asking {
  readonly as?: Issued | undefined;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly method?: string;
}

describe('the server of metrics', () => {
  const clock = new ManualClock();
  const held: Certificates = renewed(undefined, { names: ['metrics.svc'], wallMs: Date.now() });
  let ca: Issued;
  let proxy: Issued;
  let frontProxy: FrontProxy;
  let server: MetricsServer;
  let port: number;
  let calls: Call[];
  let allowed: (user: unknown) => boolean;
  let load: () => ClusterLoad | undefined;

  const ask = (path: string, { as, headers = {}, method = 'GET' }: Asking = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const sent = request({
        ...{ host: '127.0.0.1', port, path, method, headers, agent: false },
        ...{ ca: [...held.authorities], servername: 'metrics.svc' },
        ...(as === undefined ? {} : { cert: as.certificate, key: as.key }),
      });
      sent.on('error', reject).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => {
          const json = text.startsWith('{') ? JSON.parse(text) : {};
          resolve({ code: response.statusCode ?? 0, text, json });
        });
      });
      sent.end();
    });
  const hpa = (path: string, headers: Asking['headers'] = {}) =>
    ask(path, { as: proxy, headers: { 'x-remote-user': HPA, ...headers } });

  beforeEach(async () => {
    ca = authority();
    proxy = clientOf(ca, 'front-proxy-client');
    frontProxy = frontProxyIn(configMap(ca.certificate));
    calls = [];
    allowed = (user) => user === HPA;
    load = () => ({
      ...{ connections: 1_501, serving: 2, utilisation: 0.5, publishRate: 2.25 },
      wallMs: Date.UTC(2026, 0, 1),
    });
    const api = {
      call: async (call: Call) => {
        calls.push(call);
        const { kind, spec } = call.body as { kind: string; spec: Record<string, unknown> };
        if (kind === 'SubjectAccessReview') return { status: { allowed: allowed(spec['user']) } };
        const user = { username: 'keda', groups: ['system:authenticated'] };
        return { status: spec['token'] === TOKEN ? { authenticated: true, user } : {} };
      },
    };
    server = new MetricsServer({
      ...{ host: '127.0.0.1', port: 0, clock, log: new RecordingLog() },
      access: new Access({ api, clock }),
      loads: { of: async (key) => (key === 'rooms/chat' ? load() : undefined) },
    });
    port = await server.start({ certificates: held, frontProxy });
  });
  afterEach(() => server.stop());

  it('answers a metric of one WsCluster to whom the API server speaks for', async () => {
    const { code, json } = await hpa(ASKED + OF_CHAT, { 'x-remote-group': ['a', 'b'] });
    assert.equal(code, 200);
    assert.deepEqual(json, {
      kind: 'ExternalMetricValueList',
      apiVersion: 'external.metrics.k8s.io/v1beta1',
      metadata: {},
      items: [
        {
          metricName: 'wscluster_connections',
          metricLabels: { 'wscluster.io/cluster': 'chat' },
          timestamp: '2026-01-01T00:00:00Z',
          value: '1501',
        },
      ],
    });
    assert.deepEqual(calls[0]?.body, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        ...{ user: HPA, uid: undefined, groups: ['a', 'b'], extra: {} },
        resourceAttributes: {
          ...{ group: 'external.metrics.k8s.io', resource: 'wscluster_connections' },
          ...{ namespace: 'rooms', name: undefined, verb: 'list' },
        },
      },
    });
  });

  it('takes names of users from nobody but a front proxy of the right name', async () => {
    const headers = { 'x-remote-user': HPA, 'x-remote-group': 'system:masters' };
    const stranger = authority();
    for (const as of [
      undefined,
      clientOf(stranger, 'front-proxy-client'),
      clientOf(ca, 'somebody-else'),
      { certificate: held.certificate, key: held.key },
    ]) {
      const { code, json } = await ask(ASKED + OF_CHAT, { as, headers });
      assert.deepEqual([code, json['kind'], json['reason']], [401, 'Status', 'Unauthorized']);
    }
    assert.equal((await ask(ASKED + OF_CHAT, { as: proxy })).code, 401, 'it names nobody');
    assert.deepEqual(calls, []);
  });

  it('refuses who may not, says so, and asks again only after a while', async () => {
    const nosy = { 'x-remote-user': 'nosy', 'x-remote-extra-a%2fb': '1' };
    for (let n = 0; n < 3; n += 1) {
      const { code, json } = await hpa(ASKED + OF_CHAT, nosy);
      assert.equal(code, 403);
      assert.match(String(json['message']), /^"nosy" cannot list wscluster_connections in API/);
    }
    assert.equal(calls.length, 1);
    assert.match(JSON.stringify(calls[0]?.body), /"extra":\{"a\/b":\["1"\]\}/);
    allowed = () => true;
    clock.pass(10_000);
    assert.equal((await hpa(ASKED + OF_CHAT, nosy)).code, 200);
    const masters = { 'x-remote-user': 'x', 'x-remote-group': 'system:masters' };
    assert.equal((await hpa(ASKED + OF_CHAT, masters)).code, 200);
    assert.equal(calls.length, 2);
  });

  it('answers all loads as plain JSON to accounts that may read the WsCluster', async () => {
    const path = '/v1/namespaces/rooms/wsclusters/chat/load';
    const headers = { authorization: `Bearer ${TOKEN}` };
    assert.equal((await ask(path)).code, 401);
    const wrong = await ask(path, { headers: { authorization: 'Bearer x' } });
    assert.match(String(wrong.json['message']), /nobody’s, or has expired/);
    assert.equal((await ask(path, { headers })).code, 403);
    allowed = (user) => user === 'keda';
    clock.pass(10_000);
    assert.deepEqual((await ask(path, { headers })).json, {
      ...{ connections: 1_501, connectionsPerPod: 750.5, eventLoopUtilizationPercent: 50 },
      ...{ publishRate: 2.25, gateways: 2, timestamp: '2026-01-01T00:00:00Z' },
    });
    assert.match(JSON.stringify(calls.at(-1)?.body), /"verb":"get"/);
    const partly = load();
    load = () => partly && { ...partly, publishRate: undefined };
    assert.ok(!('publishRate' in (await ask(path, { headers })).json));
  });

  it('says what it serves as every server behind the API server does', async () => {
    const { json } = await hpa(BASE, { accept: 'application/json' });
    assert.equal(json['groupVersion'], 'external.metrics.k8s.io/v1beta1');
    assert.match(JSON.stringify(json['resources']), /"name":"wscluster_publish_rate"/);
    for (const path of ['/apis', '/apis/external.metrics.k8s.io', '/openapi/v2', '/openapi/v3']) {
      assert.equal((await hpa(path)).code, 200, path);
      assert.equal((await ask(path)).code, 401, path);
    }
    const newer = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    assert.equal((await hpa('/apis', { accept: newer })).code, 406);
    assert.equal((await hpa('/apis', { accept: `${newer}, application/json` })).code, 200);
    assert.deepEqual(calls, []);
    assert.equal((await ask('/livez')).text, 'ok');
    assert.equal((await ask('/readyz')).text, 'ok');
  });

  it('says what is wrong with a question', async () => {
    const wrong: Readonly<Record<string, readonly [number, RegExp]>> = {
      [ASKED]: [400, /must be wscluster\.io\/cluster=NAME, of one WsCluster, not ""/],
      [`${ASKED}?labelSelector=a%3Db`]: [400, /not "a=b"/],
      [`${ASKED}?labelSelector=wscluster.io/cluster%20in%20(a,b)`]: [400, /of one WsCluster/],
      [`${ASKED}?labelSelector=wscluster.io/cluster!%3Da`]: [400, /of one WsCluster/],
      [`${BASE}/namespaces/rooms/qps${OF_CHAT}`]: [404, /there is no metric "qps", but wsclus/],
      [`${ASKED}?labelSelector=wscluster.io/cluster%3Dother`]: [404, /no WsCluster "other" in/],
      [`${BASE}/namespaces/rooms`]: [404, /could not find the requested resource/],
      '/': [404, /could not find/],
      [`${BASE}/namespaces/%ff/wscluster_connections`]: [400, /no path/],
    };
    for (const [path, [code, says]] of Object.entries(wrong)) {
      const answer = await hpa(path);
      assert.equal(answer.code, code, path);
      assert.match(String(answer.json['message']), says);
    }
    const taken = [`==chat`, '%20in%20(chat)'].map((how) =>
      hpa(`${ASKED}?labelSelector=wscluster.io/cluster${how}`),
    );
    for (const { code } of await Promise.all(taken)) assert.equal(code, 200);
    const posted = await ask(ASKED, { as: proxy, method: 'POST' });
    assert.equal(posted.code, 405);
  });

  it('has no number rather than a part of one', async () => {
    load = () => {
      throw new LoadUnknown('of 3 gateways a did not say');
    };
    const { code, json } = await hpa(ASKED + OF_CHAT);
    assert.deepEqual([code, json['reason']], [503, 'ServiceUnavailable']);
    assert.match(String(json['message']), /^of 3 gateways a/);
    load = () => ({
      ...{ connections: -1, serving: 1, utilisation: 0, publishRate: 0, wallMs: 0 },
    });
    assert.equal((await hpa(ASKED + OF_CHAT)).code, 500);
  });

  it('takes whatever certificate its trust says by now, without a restart', async () => {
    const next = authority();
    const newer = clientOf(next, 'front-proxy-client');
    const other = renewed(undefined, { names: ['metrics.svc'], wallMs: Date.now() });
    const both = { ...held, certificate: other.certificate, key: other.key };
    const as = { as: newer, headers: { 'x-remote-user': HPA } };
    assert.equal((await ask(ASKED + OF_CHAT, as)).code, 401);
    server.renew({
      certificates: held,
      frontProxy: frontProxyIn(configMap(next.certificate)),
    });
    assert.equal((await ask(ASKED + OF_CHAT, as)).code, 200);
    assert.equal((await hpa(ASKED + OF_CHAT)).code, 401, 'the old one is trusted no more');
    server.renew({ certificates: both, frontProxy: undefined });
    await assert.rejects(ask('/livez'), /certificate/);
  });

  it('trusts nobody while it does not know whom', async () => {
    server.renew({ certificates: held, frontProxy: undefined });
    assert.equal((await hpa(ASKED + OF_CHAT)).code, 401);
    assert.equal((await ask('/readyz')).code, 503);
    assert.equal((await ask('/livez')).code, 200);
  });
});

describe('who speaks for the API server', () => {
  it('is read from its ConfigMap, which says all or nothing', () => {
    const ca = authority().certificate;
    assert.deepEqual(frontProxyIn(configMap(ca)).usernameHeaders, ['x-remote-user']);
    assert.throws(() => frontProxyIn(undefined), /is not there/);
    assert.throws(() => frontProxyIn({ data: {} }), /without an aggregation layer/);
    const bad = configMap(ca);
    bad.data['requestheader-allowed-names'] = 'rubbish';
    assert.throws(() => frontProxyIn(bad), /requestheader-allowed-names is no list of texts/);
  });
});

describe('access', () => {
  it('is refused for now when the API server does not answer, and asked for again', async () => {
    let fails = true;
    const api = {
      call: async () => {
        if (!fails) return { status: { allowed: true } };
        throw refused({ code: 500, what: 'x', status: undefined, wallMs: 0 });
      },
    };
    const access = new Access({ api, clock: new ManualClock() });
    const who = { username: 'a', uid: undefined, groups: [], extra: {} };
    const what = { verb: 'list', group: 'g', resource: 'r', namespace: 'n' };
    await assert.rejects(access.may(who, what), { name: 'Refusal', code: 503 });
    fails = false;
    assert.equal(await access.may(who, what), true);
  });
});
