import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { until } from '../e2e/deadline.ts';
import { systemClock } from '../protocol/clock.ts';
import { closeCodes } from '../protocol/codes.ts';
import { ownerOf, shardOf } from '../protocol/ring.ts';
import { type ConnectOptions, TestClient } from './edge/testing/test-client.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { MemoryBoard } from './ring/memory-board.ts';
import type { SettingsInput } from './settings/declaration.ts';
import { settingsFrom } from './settings/load.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';
import { TestPod } from './testing/test-pod.ts';

const shared = { clock: systemClock, random: Math.random, logger: silentLogger };

const fast: SettingsInput = {
  ring: { heartbeatMs: 20 },
  edge: { drainGraceMs: 20, drainDeadlineMs: 20_000, markerMs: 20 },
  placement: { mode: 'Proxy' },
};

/** Who is busy for some tens of ms is not taken for gone, nor are its clients served in place. */
const calm: SettingsInput = { ring: { heartbeatMs: 100 } };

const becomes = (condition: () => Promise<boolean>, what: string) =>
  until(condition, { for: what, deadlineMs: 15_000, everyMs: 10 });

interface Edge {
  readonly connections: number;
  readonly proxied: number;
  readonly inTransit: number;
  readonly sessions: number;
  readonly drain: string;
}

class Pod extends TestPod {
  client(hello: object = {}, options: ConnectOptions = {}): Promise<TestClient> {
    return TestClient.ready(this.port, options, hello);
  }

  async edge(): Promise<Edge> {
    return (JSON.parse(await this.get('/admin/status')) as { edge: Edge }).edge;
  }

  get members(): string {
    return this.gateway.ring?.ring.members.map(({ id }) => id).join() ?? '';
  }

  /** A name whose shard is that pod's. */
  nameAt(pod: string, prefix = 's'): string {
    const { ring } = this.gateway.ring ?? assert.fail('it has no ring');
    for (let n = 0; n < 1_000; n += 1) {
      if (ownerOf(ring, shardOf(`${prefix}${n}`)).id === pod) return `${prefix}${n}`;
    }
    return assert.fail(`no name at ${pod}`);
  }
}

describe('gateways that pass clients on', () => {
  let folder = '';
  let store: MemoryStore;
  let board: MemoryBoard;
  const pods: Pod[] = [];
  const clients: TestClient[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-proxy-'));
  });
  after(() => rm(folder, { recursive: true }));
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
      await becomes(async () => pod.members === 'a,b', 'a ring of two');
    }
    return two;
  }

  it('serves a client at its owner, whichever gateway it reached, and counts it once', async () => {
    const [a, b] = await pair();
    const name = a.nameAt('b');
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

  it('knows by token, query, header or session where a client belongs', async () => {
    const room = { placement: { mode: 'Proxy', key: 'query:room' } } as const;
    const [a] = await pair(room);
    const name = a.nameAt('b');
    const client = await a.client({}, { path: `/ws?room=${name}` });
    clients.push(client);
    assert.equal(client.of('welcome')[0]?.pod, 'b');
    const plain = await new TestClient(a.port, { path: `/ws?topics=t&room=${name}` }).opened();
    clients.push(plain);
    await becomes(async () => (await a.edge()).proxied === 2, 'the plain client to be passed on');
    const here = await a.client({}, { path: `/ws?room=${a.nameAt('a')}` });
    clients.push(here);
    assert.equal(here.of('welcome')[0]?.pod, 'a');
    const nobody = await a.client();
    clients.push(nobody);
    assert.equal(nobody.of('welcome')[0]?.pod, 'a', 'a session of its own is at home here');
  });

  it('lets the owner verify the token: a forged one is refused there', async () => {
    const keys = {
      keys: [{ kty: 'oct', alg: 'HS256', k: Buffer.alloc(32, 1).toString('base64url') }],
    };
    const file = join(folder, 'tokens.json');
    await writeFile(file, JSON.stringify(keys));
    const [a, b] = await pair({ auth: { keysFile: file } });
    const name = a.nameAt('b');
    const token = (secret: number) =>
      new SignJWT({ sub: name, wsc: { sub: ['**'], pub: ['**'] } })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1m')
        .sign(Buffer.alloc(32, secret));
    const good = await a.client({ token: await token(1) });
    clients.push(good);
    assert.equal(good.of('welcome')[0]?.pod, 'b');
    assert.equal(good.of('welcome')[0]?.identity, name);
    const bearer = await a.client({}, { headers: { authorization: `Bearer ${await token(1)}` } });
    clients.push(bearer);
    assert.equal(bearer.of('welcome')[0]?.pod, 'b');
    const forged = await new TestClient(a.port).opened();
    clients.push(forged);
    forged.send({ type: 'hello', token: await token(2) });
    assert.equal((await forged.closing()).code, closeCodes.unauthenticated.code);
    assert.equal(await b.counter('wscluster_authentications_total{by="token",outcome="ok"}'), 2);
    assert.equal(
      await a.counter('wscluster_authentications_total{by="token",outcome="unauthenticated"}'),
      0,
    );
  });

  it('empties a gateway that leaves: owners ask those that it passes on to go', async () => {
    const [a, b] = await pair();
    const name = a.nameAt('b');
    const [plain, moving] = [
      await new TestClient(a.port, { path: `/ws?topics=t&session=${name}` }).opened(),
      await a.client({ session: a.nameAt('b', 'm'), features: ['move'] }),
    ];
    clients.push(plain, moving);
    assert.equal((await a.edge()).proxied, 2);
    const drained = a.gateway.drain();
    assert.equal((await plain.closing()).code, closeCodes.drain.code);
    const { to, reason } = await moving.heard('move');
    assert.deepEqual({ to, reason }, { to: undefined, reason: 'drain' });
    moving.ws.close();
    assert.deepEqual(await drained, { forced: 0, cancelled: false });
    assert.equal((await b.edge()).connections, 0);
  });

  it('redirects who can be told where to go, and passes on everybody else', async () => {
    const [a] = await pair({ placement: { mode: 'Proxy', podEndpoint: 'address' } });
    const name = a.nameAt('b');
    const moving = await a.client({ session: name, features: ['move'] });
    clients.push(moving);
    assert.equal(moving.of('welcome')[0]?.pod, 'a');
    assert.equal((await moving.heard('move')).reason, 'redirect');
    const other = await a.client({ session: a.nameAt('b', 'o') });
    clients.push(other);
    assert.equal(other.of('welcome')[0]?.pod, 'b');
  });

  it('brings who can move to a new owner, over any gateway, without a URL of its own', async () => {
    const [a, b] = await pair(calm);
    const mine: TestClient[] = [];
    for (let n = 0; n < 12; n += 1) {
      const client = await a.client({ session: a.nameAt('b', `n${n}-`), features: ['move'] });
      mine.push(client);
      clients.push(client);
    }
    const c = await start('c', calm);
    for (const pod of [a, b, c]) {
      await becomes(async () => pod.members === 'a,b,c', 'a ring of three');
    }
    const moved = () => mine.find((client) => client.of('move').length > 0);
    await becomes(async () => moved() !== undefined, 'somebody to be asked to move');
    const { to, reason, token } = await (moved() ?? mine[0] ?? assert.fail()).heard('move');
    assert.deepEqual({ to, reason }, { to: undefined, reason: 'rebalance' });
    const session = moved()?.of('welcome')[0]?.session ?? '';
    const again = await b.client({ session, features: ['move'], move: token });
    clients.push(again);
    const { ring } = b.gateway.ring ?? assert.fail('it has no ring');
    assert.equal(again.of('welcome')[0]?.pod, ownerOf(ring, shardOf(session)).id);
    assert.equal(again.of('welcome')[0]?.session, session);
  });

  it('closes who cannot move when its owner is another one, and serves it there then', async () => {
    const [a, b] = await pair(calm);
    const plain: { readonly session: string; readonly client: TestClient }[] = [];
    for (let n = 0; n < 12; n += 1) {
      const session = a.nameAt('b', `n${n}-`);
      const client = new TestClient(a.port, { path: `/ws?topics=t&session=${session}` });
      clients.push(await client.opened());
      plain.push({ session, client });
    }
    // The handshake is done before the owner has it; who comes with the new ring need not go.
    const placed = async () => (await a.edge()).sessions + (await b.edge()).sessions;
    await becomes(async () => (await placed()) === plain.length, 'everybody to be served');
    const c = await start('c', calm);
    for (const pod of [a, b, c]) {
      await becomes(async () => pod.members === 'a,b,c', 'a ring of three');
    }
    const { ring } = b.gateway.ring ?? assert.fail('it has no ring');
    const stays = plain.filter(({ session }) => ownerOf(ring, shardOf(session)).id === 'b');
    const goes = plain.filter((one) => !stays.includes(one));
    assert.ok(goes.length > 0 && stays.length > 0);
    for (const { client } of goes)
      assert.equal((await client.closing()).code, closeCodes.moved.code);
    assert.ok(stays.every(({ client }) => client.closed === undefined));
    const path = `/ws?topics=t&session=${goes[0]?.session}`;
    clients.push(await new TestClient(a.port, { path }).opened());
    await becomes(async () => (await c.edge()).connections === 1, 'the new owner to serve it');
  });
});
