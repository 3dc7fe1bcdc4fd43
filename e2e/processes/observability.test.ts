import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { Client } from '../../client/index.ts';
import { alerts } from '../../scripts/observability/alerts.ts';
import { ruleGroups } from '../../scripts/observability/rules.ts';
import { onPath } from '../../scripts/testing/needs.ts';
import { until } from '../deadline.ts';
import { haveData } from './dashboard-data.ts';
import { GatewayProcess } from './gateway-process.ts';
import { Prometheus } from './prometheus.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const NAMES = ['chat-a', 'chat-b'];
const TOPIC = 'news';
const RUNBOOKS = 'https://wiki.example.com/operations';
const FIRES_MS = 30_000;

const skip = !onPath('prometheus') && 'no prometheus';

describe('a Prometheus that reads two gateways', { skip, timeout: 240_000 }, () => {
  let redis: RedisServer;
  let gateways: readonly GatewayProcess[] = [];
  let prometheus: Prometheus;
  let clients: readonly Client[] = [];
  let traffic: NodeJS.Timeout;

  before(async () => {
    redis = await startRedis();
    const settings = {
      redis: { url: redis.url, reconnectMaxMs: 500 },
      edge: { heartbeatMs: 500, pongTimeoutMs: 400 },
    };
    gateways = await GatewayProcess.startAll(NAMES.map((name) => ({ name, settings })));
    prometheus = await Prometheus.start({
      targets: gateways.map(({ name, adminPort }) => ({
        ...{ address: `127.0.0.1:${adminPort}`, job: 'team/chat', namespace: 'team', pod: name },
      })),
      groups: ruleGroups(RUNBOOKS),
    });
    clients = gateways.map(({ url }) => client(url));
    for (const one of clients) await one.connect();
    traffic = setInterval(() => void publish(gateways), 100);
  });
  after(async () => {
    clearInterval(traffic);
    for (const one of clients) one.close();
    await prometheus?.stop();
    for (const one of gateways) await one.kill();
    await redis?.stop();
  });

  const active = (name: string, state: string) => async () =>
    (await prometheus.alerts(name)).find((one) => one.state === state);

  it('has data for every panel about gateways', async () => {
    assert.ok((await haveData(prometheus, 'gateway')) > 60);
  });

  it('evaluates every rule, and none about gateways fires', async () => {
    const all = Object.values(alerts).flat();
    let notOk: readonly string[] = [];
    await until(
      async () => {
        const health = await prometheus.rules();
        notOk = all.map(({ name }) => name).filter((name) => health.get(name) !== 'ok');
        return notOk.length === 0;
      },
      { for: () => `${notOk.join(', ')} to be evaluated`, deadlineMs: FIRES_MS, everyMs: 100 },
    );
    for (const { name } of alerts.gateway) {
      assert.equal(await active(name, 'firing')(), undefined, name);
    }
  });

  it('is about to tell when Redis is gone, in words that name the WsCluster', async () => {
    await redis.kill();
    const alert = await until(active('WsClusterRedisUnreachable', 'pending'), {
      for: 'the alert to become pending',
      deadlineMs: FIRES_MS,
    });
    const { summary, runbook_url } = alert.annotations;
    assert.equal(summary, 'No gateway of team/chat reaches Redis.');
    assert.equal(runbook_url, `${RUNBOOKS}#wsclusterredisunreachable`);
    assert.equal(alert.labels['severity'], 'critical');
  });

  it('tells of what was lost when Redis comes back without its data', async () => {
    await redis.restart();
    const alert = await until(active('WsClusterMessagesLost', 'firing'), {
      for: 'the alert to fire',
      deadlineMs: FIRES_MS,
    });
    assert.match(alert.annotations['description'] ?? '', /cost messages; [\d.]+ gaps and reports/);
    await until(async () => (await prometheus.alerts('WsClusterRedisUnreachable')).length === 0, {
      for: 'the other alert to end',
      deadlineMs: FIRES_MS,
    });
  });

  it('sees that a gateway drains, so that one that leaves alarms nobody', async () => {
    const [leaving, staying] = gateways;
    void leaving?.terminate(FIRES_MS);
    await until(
      async () => {
        const samples = await prometheus.query('wscluster_draining');
        const draining = new Map(samples.map(({ metric, value }) => [metric['pod'], value]));
        const isLeaving = draining.get(leaving?.name ?? '') === 1;
        return isLeaving && draining.get(staying?.name ?? '') === 0;
      },
      { for: 'one of two to drain', deadlineMs: FIRES_MS, everyMs: 100 },
    );
  });
});

function client(url: string): Client {
  const made = new Client({ url, webSocket: (to, protocols) => new WebSocket(to, protocols) });
  made.on('error', () => {});
  made.subscribe(TOPIC).on('message', () => {});
  return made;
}

/** Redis is away at times: that it fails then is what is looked at. */
async function publish(gateways: readonly GatewayProcess[]): Promise<void> {
  for (const { http } of gateways) {
    await fetch(`${http}/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: TOPIC, data: 1 }),
      signal: AbortSignal.timeout(2_000),
    }).then(
      (answer) => answer.body?.cancel(),
      () => undefined,
    );
  }
}
