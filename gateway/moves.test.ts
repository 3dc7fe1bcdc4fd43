import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import { until } from '../e2e/deadline.ts';
import { systemClock } from '../protocol/clock.ts';
import { type ConnectOptions, TestClient } from './edge/testing/test-client.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { MemoryBoard } from './ring/memory-board.ts';
import type { SettingsInput } from './settings/declaration.ts';
import { settingsFrom } from './settings/load.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';
import { TestPod } from './testing/test-pod.ts';

const shared = { clock: systemClock, random: Math.random, logger: silentLogger };
const HEARTBEAT_MS = 20;
const operator = generateKeyPairSync('ed25519');

const fast: SettingsInput = {
  ring: { heartbeatMs: HEARTBEAT_MS },
  edge: { drainGraceMs: 20, drainDeadlineMs: 20_000, markerMs: 20 },
  placement: { podEndpoint: 'address' },
};

const becomes = (condition: () => Promise<boolean>, what: string) =>
  until(condition, { for: what, deadlineMs: 15_000, everyMs: 10 });

/** Of these the next gateway owns a third; that it owns none of them is less likely than 1e-6. */
const MISLED = 36;

interface Member {
  readonly id: string;
  readonly shards: number;
}

interface Status {
  readonly edge: {
    readonly connections: number;
    readonly states: object;
    readonly moving: number;
    readonly sessions: number;
    readonly drain: string;
    readonly drainRemainingMs: number;
  };
  readonly hub: { readonly subscriptions: number };
  readonly loop: { readonly utilisation: number; readonly lagMs: number };
  readonly ring: { readonly version: object };
  readonly stream: { readonly unsuitable: readonly string[] };
}

/** A gateway of the cluster that the tests of this file share, and what is asked of it. */
class Pod extends TestPod {
  readonly name: string;

  constructor(name: string, gateway: Gateway) {
    super(gateway);
    this.name = name;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  client(hello: object = {}, options: ConnectOptions = {}): Promise<TestClient> {
    return TestClient.ready(this.port, options, { features: ['move'], ...hello });
  }

  async members(): Promise<string> {
    const { members } = JSON.parse(await this.get('/v1/ring')) as { members: Member[] };
    return members.map(({ id }) => id).join();
  }

  async owner(key: string): Promise<string> {
    return (JSON.parse(await this.get(`/v1/route?key=${key}`)) as { owner: string }).owner;
  }

  /** A name whose shard is that pod's. */
  async nameAt(pod: string, prefix = 's'): Promise<string> {
    for (let n = 0; n < 1_000; n += 1) {
      if ((await this.owner(`${prefix}${n}`)) === pod) return `${prefix}${n}`;
    }
    return assert.fail(`no name at ${pod}`);
  }

  async order(method: 'POST' | 'DELETE', path = '/admin/drain'): Promise<Response> {
    const token = await new SignJWT({ exp: Math.floor(Date.now() / 1_000) + 60 })
      .setProtectedHeader({ alg: 'EdDSA' })
      .setAudience(this.name)
      .sign(operator.privateKey);
    const headers = { authorization: `Bearer ${token}` };
    return fetch(`http://127.0.0.1:${this.gateway.address?.adminPort}${path}`, { method, headers });
  }
}

/** So much is said that what would have come has come. */
async function settled(client: TestClient): Promise<void> {
  for (let n = 0; n < 3; n += 1) {
    const before = client.of('pong').length;
    client.send({ type: 'ping', at: n });
    await client.heard('pong', before + 1);
    await new Promise((resolve) => setTimeout(resolve, 2 * HEARTBEAT_MS));
  }
}

describe('gateways of one ring', () => {
  let folder = '';
  let store: MemoryStore;
  let board: MemoryBoard;
  const pods: Pod[] = [];
  const clients: TestClient[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-moves-'));
    const keys = { keys: [await exportJWK(operator.publicKey)] };
    await writeFile(join(folder, 'keys.json'), JSON.stringify(keys));
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
    const admin = { keysFile: join(folder, 'keys.json') };
    const input = { ...fast, ...over, admin, port: 0, pod: name };
    const gateway = new Gateway(settingsFrom(input), { ...shared, store, board });
    await gateway.start();
    const pod = new Pod(name, gateway);
    pods.push(pod);
    return pod;
  }

  async function started(names: string, over: SettingsInput = {}): Promise<Pod[]> {
    const all: Pod[] = [];
    for (const name of names) all.push(await start(name, over));
    for (const pod of all) {
      await becomes(async () => (await pod.members()) === [...names].join(), `${names} in a ring`);
    }
    return all;
  }

  const kept = (client: TestClient): TestClient => {
    clients.push(client);
    return client;
  };

  it('send a client that can move to the one that owns it, where it is at home', async () => {
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const session = await a.nameAt('b');
    const old = kept(await a.client({ session }));
    assert.deepEqual((await old.heard('welcome')).features, ['move']);
    const { to, reason, token } = await old.heard('move');
    assert.deepEqual([to, reason], [b.url, 'redirect']);
    const next = kept(await b.client({ session, move: token }));
    assert.equal((await next.heard('welcome')).session, session);
    await settled(next);
    assert.equal(next.of('move').length, 0);
    assert.equal(await b.counter('wscluster_move_tokens_total{outcome="ok"}'), 1);
    assert.equal(await a.counter('wscluster_move_requests_total{reason="redirect"}'), 1);
    old.ws.close(1000);
    await old.closing();
    await becomes(
      async () => (await a.counter('wscluster_move_departures_total{when="in_time"}')) === 1,
      'its departure to be counted',
    );
  });

  it('go on with the name of a session that only a token tells', async () => {
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const old = kept(await a.client());
    const { session } = await old.heard('welcome');
    await a.order('POST');
    const { token } = await old.heard('move');
    const next = kept(await b.client({ move: token }));
    assert.equal((await next.heard('welcome')).session, session);
    // Without one, or with that of nobody here, it is one like any other.
    const stranger = kept(await b.client({ move: `${token}x` }));
    assert.notEqual((await stranger.heard('welcome')).session, session);
    assert.equal(await b.counter('wscluster_move_tokens_total{outcome="invalid"}'), 1);
  });

  it('never send on who comes by a move, wherever it comes', async () => {
    const [a, b, c] = (await started('abc')) as [Pod, Pod, Pod];
    const session = await a.nameAt('b');
    const old = kept(await a.client({ session }));
    const { token } = await old.heard('move');
    const astray = kept(await c.client({ session, move: token }));
    await settled(astray);
    assert.equal(astray.of('move').length, 0);
    // A wrong token is no token: it is served, and sent on like everybody.
    const other = await a.nameAt('b', 'other');
    const forged = kept(await c.client({ session: other, move: 'e30.e30' }));
    assert.equal((await forged.heard('move')).to, b.url);
  });

  it('send on soon, and not at its hello, who was sent by an older ring', async () => {
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const tokens = new Map<string, string>();
    for (let n = 0; n < MISLED; n += 1) {
      const session = await a.nameAt('b', `misled${n}-`);
      const old = kept(await a.client({ session }));
      tokens.set(session, (await old.heard('move')).token);
    }
    const c = await start('c');
    for (const pod of [a, b, c]) {
      await becomes(async () => (await pod.members()) === 'a,b,c', 'c in the ring of all');
    }
    const owned: string[] = [];
    for (const session of tokens.keys()) if ((await b.owner(session)) === 'c') owned.push(session);
    const [session = assert.fail('c owns none of them')] = owned;
    const astray = kept(await b.client({ session, move: tokens.get(session) }));
    const { to, reason } = await astray.heard('move');
    assert.deepEqual([to, reason], [c.url, 'rebalance']);
  });

  it('serve in place who cannot move, and all in mode Any or without addresses', async () => {
    const [a] = (await started('ab')) as [Pod, Pod];
    const session = await a.nameAt('b');
    const unable = kept(await a.client({ session, features: [] }));
    assert.deepEqual((await unable.heard('welcome')).features, []);
    const plain = kept(
      await new TestClient(a.port, { path: `/ws?topics=t&session=${session}2` }).opened(),
    );
    await settled(unable);
    assert.equal(unable.of('move').length, 0);
    assert.equal(plain.closed, undefined);
    for (const placement of [{ mode: 'Any', podEndpoint: 'address' } as const, {}]) {
      const c = await start('c', { placement });
      await becomes(async () => (await c.members()) === 'a,b,c', 'c in the ring');
      const client = kept(await c.client({ session: await c.nameAt('b', 'any') }));
      await settled(client);
      assert.equal(client.of('move').length, 0);
      await c.gateway.stop();
      pods.splice(pods.indexOf(c), 1);
    }
  });

  it('place clients by what the settings say', async () => {
    const placement = { key: 'query:room', podEndpoint: 'address' };
    const [a, b] = (await started('ab', { placement })) as [Pod, Pod];
    const [there, here] = [await a.nameAt('b', 'r'), await a.nameAt('a', 'r')];
    const stranger = kept(await a.client({}, { path: `/ws?room=${there}` }));
    assert.equal((await stranger.heard('move')).to, `${b.url}?room=${there}`);
    const home = kept(await a.client({}, { path: `/ws?room=${here}` }));
    const unsaid = kept(await a.client());
    await settled(home);
    await settled(unsaid);
    assert.deepEqual([home.of('move'), unsaid.of('move')], [[], []]);
  });

  it('place them by a claim of their token', async () => {
    const secret = Buffer.alloc(32, 7);
    const auth = {
      keys: JSON.stringify({ keys: [{ kty: 'oct', k: secret.toString('base64url') }] }),
    };
    const placement = { key: 'claim:room', podEndpoint: 'address' };
    const [a, b] = (await started('ab', { placement, auth: { ...auth, anonymous: true } })) as [
      Pod,
      Pod,
    ];
    const tokenFor = (room: string) =>
      new SignJWT({ sub: 'alice', room, exp: Math.floor(Date.now() / 1_000) + 60 })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(secret);
    const stranger = kept(await a.client({ token: await tokenFor(await a.nameAt('b', 'r')) }));
    assert.equal((await stranger.heard('move')).to, b.url);
    const home = kept(await a.client({ token: await tokenFor(await a.nameAt('a', 'r')) }));
    await settled(home);
    assert.deepEqual(home.of('move'), []);
  });

  it('give who names no session one that belongs where it is', async () => {
    const [a] = (await started('abc')) as [Pod];
    for (let n = 0; n < 8; n += 1) {
      const client = kept(await a.client());
      const { session } = await client.heard('welcome');
      assert.equal(await a.owner(session), 'a');
    }
  });

  it('send the clients of shards that a new one took, and no others', async () => {
    const [a] = (await started('a')) as [Pod];
    const names = Array.from({ length: 40 }, (_, n) => `session-${n}`);
    const here = await Promise.all(
      names.map(async (session) => ({ session, client: kept(await a.client({ session })) })),
    );
    const b = await start('b');
    await becomes(async () => (await a.members()) === 'a,b', 'b in the ring');
    const owners = new Map<string, string>();
    for (const name of names) owners.set(name, await a.owner(name));
    const strangers = here.filter(({ session }) => owners.get(session) === 'b');
    assert.ok(strangers.length > 5, `${strangers.length}`);
    for (const { client } of strangers) {
      const { to, reason } = await client.heard('move');
      assert.deepEqual([to, reason], [b.url, 'rebalance']);
    }
    const others = here.filter(({ session }) => owners.get(session) === 'a');
    assert.ok(others.every(({ client }) => client.of('move').length === 0));
    const { edge } = JSON.parse(await a.get('/admin/status')) as { edge: { moving: number } };
    assert.equal(edge.moving, strangers.length);
  });

  it('ask in a drain those who can move, and close the others', async () => {
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const session = await a.nameAt('a');
    const movable = kept(await a.client({ session }));
    const plain = kept(await new TestClient(a.port, { path: '/ws?topics=t&session=p' }).opened());
    const drained = a.gateway.drain();
    assert.equal((await plain.closing()).code, 4000);
    const { to, reason, token, within } = await movable.heard('move');
    assert.equal(reason, 'drain');
    assert.equal(to, b.url);
    assert.ok(within >= 1_000);
    assert.match(
      await a.get('/readyz'),
      /"draining",\s+"ok": false,\s+"detail": "connections that remain: 1"/,
    );
    const next = kept(await b.client({ session, move: token }));
    movable.ws.close(1000);
    assert.deepEqual(await drained, { forced: 0, cancelled: false });
    await settled(next);
    assert.equal(next.of('move').length, 0);
    assert.equal((await a.order('DELETE')).status, 409, 'it was told to end');
  });

  it('stay when a drain is called off, with all who are here and a share again', async () => {
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const stays = kept(await a.client({ session: await a.nameAt('a') }));
    const begun = (await (await a.order('POST')).json()) as { phase: string };
    assert.equal(begun.phase, 'announced');
    await stays.heard('move');
    await becomes(async () => (await b.members()) === 'b', 'a to be out of the ring');
    assert.equal((await a.order('DELETE')).status, 200);
    assert.match(await a.get('/readyz'), /"ready": true/);
    await becomes(async () => (await b.members()) === 'a,b', 'a to be back');
    await settled(stays);
    assert.equal(stays.closed, undefined);
    const late = kept(await a.client());
    await settled(late);
    // And once more, to the end.
    await a.order('POST');
    for (const client of [stays, late]) client.ws.close(1000);
    await becomes(async () => /"phase": "empty"/.test(await (await a.order('POST')).text()), 'end');
    assert.equal((await a.order('DELETE')).status, 200, 'also when it is empty');
    kept(await a.client());
  });

  it('drain the last one at once: nobody is sent about where nobody else is', async () => {
    const [a] = (await started('a')) as [Pod];
    const client = kept(await a.client());
    const began = performance.now();
    assert.deepEqual(await a.gateway.drain(), { forced: 0, cancelled: false });
    assert.ok(performance.now() - began < 5_000);
    assert.equal((await client.closing()).code, 4000);
    assert.equal(client.of('move').length, 0);
  });

  it('let a session be opened by its own client elsewhere while it moves', async () => {
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const session = await a.nameAt('b');
    const old = kept(await a.client({ session }));
    old.send({ type: 'sub', id: 1, topics: [{ topic: 't' }] });
    await old.heard('subbed');
    const { token } = await old.heard('move');
    const sessions = async (pod: Pod) =>
      (JSON.parse(await pod.get('/admin/status')) as { edge: { sessions: number } }).edge.sessions;
    assert.equal(await sessions(a), 1);
    const next = kept(await b.client({ session, move: token }));
    await becomes(async () => (await sessions(a)) === 0, 'it to count once');
    assert.equal(await sessions(b), 1);
    await settled(old);
    assert.equal(old.closed, undefined, 'it is served until it leaves');
    // The newest wins: a second one by the same token takes it from the first.
    const newest = kept(await b.client({ session, move: token }));
    assert.equal((await next.closing()).code, 4501);
    await settled(newest);
    assert.deepEqual([old.closed, newest.closed], [undefined, undefined]);
  });

  it('count a session on two connections once against its identity', async () => {
    const { stream } = settingsFrom({ stream: { sessionsPerIdentity: 1 } });
    store = new MemoryStore({ ...shared, settings: stream });
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const session = await a.nameAt('b');
    const old = kept(await a.client({ session }));
    const { token } = await old.heard('move');
    const next = kept(await b.client({ session, move: token }));
    for (const client of [old, next]) {
      client.send({ type: 'sub', id: 1, topics: [{ topic: 't' }] });
      await client.heard('subbed');
    }
    await settled(next);
    assert.deepEqual([old.of('err'), next.of('err'), old.closed], [[], [], undefined]);
    assert.equal(await a.counter('wscluster_sessions_forgotten_total'), 0);
    // Another one is one too many.
    kept(await a.client({ session: await a.nameAt('a') }));
    assert.equal(await a.counter('wscluster_sessions_forgotten_total'), 1);
  });

  it('say how they are to whoever has to decide who goes', async () => {
    const [a] = (await started('ab')) as [Pod];
    const client = kept(await a.client({ session: await a.nameAt('a') }));
    client.send({ type: 'sub', id: 1, topics: [{ topic: 't' }, { topic: 'u' }] });
    await client.heard('subbed');
    await a.order('POST');
    await client.heard('move');
    const status = JSON.parse(await a.get('/admin/status')) as Status;
    const { connections, states, moving, sessions, drain, drainRemainingMs } = status.edge;
    assert.deepEqual([connections, states, moving, sessions], [1, { open: 1 }, 1, 1]);
    assert.equal(drain, 'leaving');
    assert.ok(drainRemainingMs > 0 && drainRemainingMs <= 20_000, `${drainRemainingMs}`);
    assert.equal(status.hub.subscriptions, 2);
    const { utilisation, lagMs } = status.loop;
    assert.ok(utilisation >= 0 && utilisation <= 1 && lagMs >= 0, `${utilisation} ${lagMs}`);
    assert.deepEqual(Object.keys(status.ring.version), ['generation', 'counter']);
    assert.deepEqual(status.stream.unsuitable, []);
  });

  it('close the older one of two that nobody asked to move', async () => {
    const [a, b] = (await started('ab')) as [Pod, Pod];
    const session = await a.nameAt('a');
    const old = kept(await a.client({ session }));
    kept(await b.client({ session, features: [] }));
    assert.equal((await old.closing()).code, 4501);
  });
});
