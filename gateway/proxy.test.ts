import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { until } from '../e2e/deadline.ts';
import { systemClock } from '../protocol/clock.ts';
import { type ConnectOptions, TestClient } from './edge/testing/test-client.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { MemoryBoard } from './ring/memory-board.ts';
import type { SettingsInput } from './settings/declaration.ts';
import { settingsFrom } from './settings/load.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';

const shared = { clock: systemClock, random: Math.random, logger: silentLogger };

const fast: SettingsInput = {
  ring: { heartbeatMs: 20 },
  edge: { drainGraceMs: 20, drainDeadlineMs: 20_000, markerMs: 20 },
  placement: { mode: 'Proxy' },
};

const becomes = (condition: () => Promise<boolean>, what: string) =>
  until(condition, { for: what, deadlineMs: 15_000, everyMs: 10 });

interface Edge {
  readonly connections: number;
  readonly proxied: number;
  readonly inTransit: number;
  readonly drain: string;
}

class Pod {
  readonly gateway: Gateway;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  get port(): number {
    return this.gateway.address?.port ?? assert.fail('not started');
  }

  client(hello: object = {}, options: ConnectOptions = {}): Promise<TestClient> {
    return TestClient.ready(this.port, options, hello);
  }

  async get(path: string): Promise<string> {
    const port = path.startsWith('/v1/') ? this.port : this.gateway.address?.adminPort;
    return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  }

  async edge(): Promise<Edge> {
    return (JSON.parse(await this.get('/admin/status')) as { edge: Edge }).edge;
  }

  async counter(series: string): Promise<number> {
    const line = (await this.get('/metrics')).split('\n').find((text) => text.startsWith(series));
    return Number(line?.split(' ').at(-1) ?? Number.NaN);
  }

  async members(): Promise<string> {
    const { members } = JSON.parse(await this.get('/v1/ring')) as { members: { id: string }[] };
    return members.map(({ id }) => id).join();
  }

  /** A name whose shard is that pod's. */
  async nameAt(pod: string): Promise<string> {
    for (let n = 0; n < 1_000; n += 1) {
      const { owner } = JSON.parse(await this.get(`/v1/route?key=s${n}`)) as { owner: string };
      if (owner === pod) return `s${n}`;
    }
    return assert.fail(`no name at ${pod}`);
  }
}

describe('gateways that pass clients on', () => {
  let store: MemoryStore;
  let board: MemoryBoard;
  const pods: Pod[] = [];
  const clients: TestClient[] = [];

  beforeEach(() => {
    store = new MemoryStore({ ...shared, settings: settingsFrom({}).stream });
    board = new MemoryBoard(systemClock);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.ws.terminate();
    await Promise.all(pods.splice(0).map(({ gateway }) => gateway.stop()));
  });

  async function start(name: string, over: SettingsInput = {}): Promise<Pod> {
    const input = { ...fast, ...over, port: 0, pod: name };
    const gateway = new Gateway(settingsFrom(input), { ...shared, store, board });
    await gateway.start();
    const pod = new Pod(gateway);
    pods.push(pod);
    return pod;
  }

  async function pair(over: SettingsInput = {}): Promise<readonly [Pod, Pod]> {
    const two = [await start('a', over), await start('b', over)] as const;
    for (const pod of two) {
      await becomes(async () => (await pod.members()) === 'a,b', 'a ring of two');
    }
    return two;
  }

  it('serves a client at its owner, whichever gateway it reached, and counts it once', async () => {
    const [a, b] = await pair();
    const name = await a.nameAt('b');
    const client = await a.client({ session: name });
    clients.push(client);
    assert.equal(client.of('welcome')[0]?.pod, 'b');
    client.send({ type: 'sub', id: 1, topics: [{ topic: 'room' }] });
    await client.heard('subbed');
    client.send({ type: 'pub', id: 2, topic: 'room', data: { n: 1 } });
    await client.heard('msg');
    assert.deepEqual(client.data, ['{"n":1}']);
    const { connections, proxied } = await a.edge();
    assert.deepEqual({ connections, proxied }, { connections: 0, proxied: 1 });
    assert.equal((await b.edge()).connections, 1);
    assert.equal(await a.counter('wscluster_proxied_total{outcome="ok"}'), 1);
    assert.equal(await b.counter('wscluster_hops_total{outcome="ok"}'), 1);
    client.ws.close();
    await becomes(async () => (await a.edge()).proxied === 0, 'nobody to be passed on');
    await becomes(async () => (await b.edge()).connections === 0, 'nobody at the owner');
  });
});
