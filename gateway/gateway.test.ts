import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { exportJWK, SignJWT } from 'jose';
import { until } from '../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../e2e/processes/redis-server.ts';
import { TcpProxy } from '../e2e/processes/tcp-proxy.ts';
import { createServer, request } from '../process/http.ts';
import { systemClock } from '../protocol/clock.ts';
import { closeCodes } from '../protocol/codes.ts';
import { firstRing } from '../protocol/ring.ts';
import { encodeRing } from '../protocol/ring-document.ts';
import { Late } from '../scripts/testing/late.ts';
import { TestClient } from './edge/testing/test-client.ts';
import { Gateway, type GatewayParts } from './gateway.ts';
import { PortTaken } from './listen.ts';
import { silentLogger } from './logger.ts';
import { MemoryBoard } from './ring/memory-board.ts';
import type { SettingsInput } from './settings/declaration.ts';
import { settingsFrom } from './settings/load.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';
import { StreamError } from './stream/stream.ts';

const shared = { clock: systemClock, random: Math.random, logger: silentLogger };
const running: Gateway[] = [];

function gatewayOf(input: SettingsInput, parts: Partial<GatewayParts> = {}): Gateway {
  const settings = settingsFrom({ port: 0, pod: 'pod', ...input });
  return new Gateway(settings, { ...shared, ...parts });
}

async function started(input: SettingsInput = {}, parts: Partial<GatewayParts> = {}) {
  const gateway = gatewayOf(input, parts);
  await gateway.start();
  running.push(gateway);
  const { port, adminPort } = gateway.address ?? assert.fail('no address');
  const get = async (path: string) => {
    const url = `http://127.0.0.1:${adminPort}${path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return { status: response.status, text: await response.text() };
  };
  const publish = async (topic: string, data: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic, data }),
      signal: AbortSignal.timeout(8_000),
    });
    await response.text();
    return response.status;
  };
  return { gateway, port, adminPort, get, publish };
}

type Started = Awaited<ReturnType<typeof started>>;

async function failing({ get }: Started): Promise<string[]> {
  const { text } = await get('/readyz');
  const { checks } = JSON.parse(text) as { checks: { name: string; ok: boolean }[] };
  return checks.filter(({ ok }) => !ok).map(({ name }) => name);
}

const becomes = (condition: () => Promise<boolean>, what: string) =>
  until(condition, { for: what, deadlineMs: 15_000, everyMs: 25 });

/** Long enough for a busy machine. */
const SILENCE_MS = 700;

/** In the proportions of the defaults. */
const fast: SettingsInput = {
  edge: { drainGraceMs: 50, drainDeadlineMs: 2_000 },
  stream: { probeIntervalMs: 150, publishTimeoutMs: 1_500, waitTimeoutMs: 500 },
  redis: { socketTimeoutMs: SILENCE_MS },
};

describe('a gateway', () => {
  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  it('carries a message from HTTP on one to a client on another', async () => {
    const settings = settingsFrom({}).stream;
    const store = new MemoryStore({ ...shared, settings });
    const one = await started({ pod: 'one' }, { store });
    const other = await started({ pod: 'other' }, { store });
    const client = await new TestClient(other.port, { path: '/ws?topics=room.1' }).opened();
    await becomes(
      async () => /topics": 1/.test((await other.get('/admin/status')).text),
      'a topic',
    );
    assert.equal(await one.publish('room.1', { hi: 1 }), 200);
    const message = await client.heard('msg');
    assert.deepEqual([message.topic, client.data], ['room.1', ['{"hi":1}']]);
    assert.equal(other.gateway.connections(), 1);
    const status = JSON.parse((await other.get('/admin/status')).text) as {
      version: string;
      edge: { fromOneAddress: number };
      requests: object;
    };
    assert.match(status.version, /^\d+\.\d+\.\d+/);
    assert.equal(status.edge.fromOneAddress, 1);
    assert.deepEqual(status.requests, { all: 1, failed: 0 });
    const { text } = await other.get('/metrics');
    assert.match(text, /^wscluster_messages_delivered_total 1$/m);
    assert.match(text, /^wscluster_connections\{state="open"\} 1$/m);
    client.ws.terminate();
  });

  it('refuses to promise replicas where there are none, on either way in', async () => {
    const { port } = await started({ redis: { replicas: 2 } });
    const client = await TestClient.ready(port);
    client.send({ type: 'sub', id: 1, topics: ['room.1'] });
    await client.heard('subbed');
    client.send({ type: 'pub', id: 2, topic: 'room.1', data: 'no', ack: 'replicas' });
    const { id, code, message } = await client.heard('err');
    assert.deepEqual([id, code], [2, 'not_supported']);
    assert.match(message, /redis\.replicas/);
    const response = await fetch(`http://127.0.0.1:${port}/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: 'room.1', data: 'no', ack: 'replicas' }),
      signal: AbortSignal.timeout(5_000),
    });
    const failure = (await response.json()) as { code: string };
    assert.deepEqual([response.status, failure.code], [501, 'not_supported']);
    client.send({ type: 'pub', id: 3, topic: 'room.1', data: 'yes', ack: 'leader' });
    const acked = await client.heard('acked');
    assert.match(String(acked.position?.seq), /^1$/);
    await client.heard('msg');
    assert.deepEqual(client.data, ['"yes"']);
    client.ws.terminate();
  });

  it('answers a request that offers HTTP/2 (curl --http2) as the request it is', async () => {
    const { port } = await started();
    const headers = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
      'content-type': 'application/json',
    };
    const options = { port, host: '127.0.0.1', method: 'POST', path: '/v1/publish', headers };
    const sent = request(options);
    sent.end(JSON.stringify({ topic: 'room.1', data: 1 }));
    const signal = AbortSignal.timeout(5_000);
    const [response] = (await once(sent, 'response', { signal })) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
  });

  it('is ready once it serves, and names every check', async () => {
    const one = await started();
    const { status, text } = await one.get('/readyz');
    assert.equal(status, 200);
    const { checks } = JSON.parse(text) as { checks: { name: string }[] };
    assert.deepEqual(
      checks.map(({ name }) => name),
      ['started', 'redis', 'keys', 'draining', 'cut-off'],
    );
  });

  it('while it drains is not ready, serves on, and lets its clients go', async () => {
    const one = await started(fast);
    const client = await TestClient.ready(one.port);
    const drained = one.gateway.drain();
    assert.deepEqual(await failing(one), ['draining']);
    assert.equal((await one.get('/livez')).status, 200);
    assert.equal(await one.publish('room.1', 1), 200);
    assert.equal((await client.closing()).code, 4000);
    assert.deepEqual(await drained, { forced: 0, cancelled: false });
    await one.gateway.stop();
    await assert.rejects(one.get('/livez'));
  });

  it('shares a ring with others, and owns nothing as soon as it drains', async () => {
    const board = new MemoryBoard(systemClock);
    const input = { ...fast, edge: { ...fast.edge, drainGraceMs: 400 }, ring: { heartbeatMs: 20 } };
    const one = await started({ ...input, pod: 'one' }, { board });
    const other = await started(
      { ...input, pod: 'other', ring: { ...input.ring, zone: 'z' } },
      { board },
    );
    const membersAt = async ({ port }: Started) => {
      const response = await fetch(`http://127.0.0.1:${port}/v1/ring`);
      return ((await response.json()) as { members: Record<string, unknown>[] }).members;
    };
    const owned = (members: Record<string, unknown>[]) =>
      members.map(({ id, shards }) => `${id} ${shards}`).join();
    await becomes(async () => owned(await membersAt(other)) === 'one 8192,other 8192', 'a ring');
    const { load, ...member } = (await membersAt(one))[1] ?? assert.fail('no second member');
    const address = `127.0.0.1:${other.port}`;
    assert.deepEqual(member, { id: 'other', weight: 100, zone: 'z', address, shards: 8_192 });
    const status = JSON.parse((await other.get('/admin/status')).text) as { ring: object };
    const { digest, version, roundTripMs, ...rest } = status.ring as Record<string, unknown>;
    assert.ok(typeof digest === 'string' && version !== undefined);
    assert.equal(typeof roundTripMs, 'number');
    assert.deepEqual(rest, { source: 'self-organised', writer: 'one', members: 2, owned: 8_192 });
    assert.match((await one.get('/metrics')).text, /^wscluster_ring_shards_owned 8192$/m);
    assert.match((await one.get('/metrics')).text, /^wscluster_ring_lease_held 1$/m);
    const drained = one.gateway.drain();
    await becomes(async () => owned(await membersAt(other)) === 'other 16384', 'one to be out');
    await drained;
    await one.gateway.stop();
    // The last one keeps what it has.
    await other.gateway.drain();
    assert.equal(owned(await membersAt(other)), 'other 16384');
  });

  it('takes the ring from a file, and from whoever may push one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wscluster-gateway-'));
    const file = join(folder, 'ring.json');
    const keysFile = join(folder, 'keys.json');
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    await writeFile(keysFile, JSON.stringify({ keys: [await exportJWK(publicKey)] }));
    const members = ['a', 'b'].map((id) => ({ id, weight: 1, zone: '', address: `${id}:1` }));
    const start = { cluster: 'chat', version: { generation: 3, counter: 1 } };
    await writeFile(file, encodeRing(firstRing(start, members)));
    const one = await started({
      admin: { keysFile },
      ring: { source: 'given', cluster: 'chat', file, heartbeatMs: 20 },
    });
    await becomes(
      async () => /wscluster_ring_generation 3/.test((await one.get('/metrics')).text),
      'the ring of the file',
    );
    const { owner } = (await (
      await fetch(`http://127.0.0.1:${one.port}/v1/route?key=alice`)
    ).json()) as { owner: string };
    assert.ok(['a', 'b'].includes(owner));
    const version = { generation: 3, counter: 2 };
    const token = await new SignJWT({ exp: Math.floor(Date.now() / 1_000) + 60 })
      .setProtectedHeader({ alg: 'EdDSA' })
      .setAudience('pod')
      .sign(privateKey);
    const pushed = await fetch(`http://127.0.0.1:${one.adminPort}/admin/ring`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: encodeRing(firstRing({ cluster: 'chat', version }, members.slice(1))),
    });
    assert.equal(pushed.status, 200, await pushed.text());
    const { text } = await one.get('/metrics');
    assert.match(text, /wscluster_ring_counter 2/);
    assert.match(text, /admin_commands_total\{command="ring",outcome="ok"\} 1/);
    await rm(folder, { recursive: true });
  });

  it('stops when it was never started, and twice', async () => {
    const gateway = gatewayOf({});
    await gateway.stop();
    const one = await started();
    await Promise.all([one.gateway.stop(), one.gateway.stop()]);
    await one.gateway.stop();
  });

  it('says which port is taken and how to choose another, and leaves nothing running', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    for (const [input, option] of [
      [{ port, adminPort: 0 }, '--port'],
      [{ adminPort: port }, '--admin-port'],
    ] as const) {
      const gateway = gatewayOf(input);
      await assert.rejects(gateway.start(), (error: unknown) => {
        assert.ok(error instanceof PortTaken);
        assert.match(error.message, new RegExp(`port ${port} .*in use.*${option} N`));
        return true;
      });
      assert.equal(gateway.address, undefined);
    }
    taken.close();
  });

  it('is not ready before the keys of tokens could be fetched', async () => {
    let keys = '{}';
    const server = createServer((_request, response) => void response.end(keys));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const jwksUrl = `http://127.0.0.1:${port}/`;
    const one = await started({ auth: { jwksUrl, jwksCooldownMs: 50 } });
    assert.deepEqual(await failing(one), ['keys']);
    // Whether the token is right cannot be told: its client comes back, and does not stay away.
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const client = await new TestClient(one.port).opened();
    client.send({ type: 'hello', token: `${part({ alg: 'EdDSA' })}.${part({})}.AA` });
    assert.equal((await client.closing()).code, 1013);
    keys = JSON.stringify({
      keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
    });
    await becomes(async () => (await failing(one)).length === 0, 'the keys');
    server.closeAllConnections();
    server.close();
  });

  it('says why when Redis cannot be reached, and leaves nothing running', async () => {
    const redis = await startRedis();
    await redis.stop();
    const gateway = gatewayOf({ redis: { url: redis.url, connectTimeoutMs: 200 } });
    await assert.rejects(gateway.start(), (error: unknown) => {
      assert.ok(error instanceof StreamError, String(error));
      assert.equal(error.code, 'store_unavailable');
      return true;
    });
  });
});

describe('gateways on Redis', () => {
  let redis: RedisServer;
  let proxy: TcpProxy;
  before(async () => {
    redis = await startRedis();
    proxy = await TcpProxy.open(redis.port);
  });
  after(async () => {
    await proxy.close();
    await redis.stop();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  const on = (url: string, pod: string, peers: string[] = []) =>
    started({ ...fast, pod, peers, redis: { ...fast.redis, url } });

  it('move their clients only while peers still reach it', async () => {
    const peer = await on(redis.url, 'peer');
    const url = redis.url.replace(String(redis.port), String(proxy.port));
    const one = await on(url, 'one', [`127.0.0.1:${peer.adminPort}`]);
    const client = await TestClient.ready(one.port);
    assert.equal((await peer.get('/peer/redis')).status, 200);
    proxy.refuse();
    await becomes(async () => (await failing(one)).includes('cut-off'), 'being cut off');
    assert.equal((await one.get('/peer/redis')).status, 503);
    assert.equal((await client.closing()).code, 4001);
    assert.deepEqual(await failing(peer), []);
    proxy.pass();
    await becomes(async () => (await failing(one)).length === 0, 'being ready again');
    await becomes(async () => (await one.publish('a', 1)) === 200, 'publishing');
  });

  it('ask the members of a ring that they were given, where nobody named others', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'wscluster-gateway-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'ring.json');
    const ring = { source: 'given', cluster: 'chat', file, heartbeatMs: 20 } as const;
    const at = (url: string) => ({ ...fast, ring, redis: { ...fast.redis, url } });
    const peer = await started({ ...at(redis.url), pod: 'peer' });
    const members = ['one', 'peer'].map((id, n) => {
      return { id, weight: 1, zone: '', address: `127.0.0.${2 - n}:8080` };
    });
    const version = { generation: 1, counter: 1 };
    await writeFile(file, encodeRing(firstRing({ cluster: 'chat', version }, members)));
    const url = redis.url.replace(String(redis.port), String(proxy.port));
    const one = await started({
      ...{ ...at(url), pod: 'one', adminHost: '127.0.0.2', adminPort: peer.adminPort },
    });
    const client = await TestClient.ready(one.port);
    await becomes(async () => /"members":2/.test(JSON.stringify(one.gateway.status())), 'the ring');
    proxy.refuse();
    assert.equal((await client.closing()).code, 4001);
    proxy.pass();
    await becomes(async () => one.gateway.checks().every(({ ok }) => ok), 'being ready again');
  });

  it('say in /readyz what they cannot see where INFO is hidden, and are ready', async (t) => {
    const admin = new Redis(redis.url);
    t.after(async () => {
      await admin.call('ACL', 'SETUSER', 'default', '+info');
      admin.disconnect();
    });
    await admin.call('ACL', 'SETUSER', 'default', '-info');
    const one = await on(redis.url, 'blind');
    const { status, text } = await one.get('/readyz');
    assert.equal(status, 200);
    const { checks } = JSON.parse(text) as { checks: { name: string; detail?: string }[] };
    const detail = checks.find(({ name }) => name === 'redis')?.detail ?? '';
    assert.match(detail, /INFO memory is hidden.*; INFO replication is hidden/);
  });

  it('keep their clients when a peer is back a moment before them', async () => {
    const peer = await on(redis.url, 'peer');
    const url = redis.url.replace(String(redis.port), String(proxy.port));
    const impatient = { ...fast, redis: { url, socketTimeoutMs: 300 } };
    const one = await started({ ...impatient, pod: 'one', peers: [`127.0.0.1:${peer.adminPort}`] });
    const client = await TestClient.ready(one.port);
    const told = (stale: boolean) => async () => client.of('stale').at(-1)?.stale === stale;
    proxy.refuse();
    await becomes(told(true), 'stale');
    // Well below the longest wait for the next try, and longer than this gateway bears silence.
    const back = systemClock.now() + 450;
    await becomes(async () => systemClock.now() > back, 'a moment');
    proxy.pass();
    const away = () => client.closed?.code === closeCodes.cutOff.code;
    await becomes(async () => away() || (await told(false)()), 'the end of stale');
    // Whoever does not get the processor for so long is behind its peer in earnest.
    const tookMs = systemClock.now() - back;
    if (away() && tookMs > 1_000) throw new Late(`it was back after ${Math.round(tookMs)} ms`);
    assert.equal(client.closed, undefined);
    client.ws.terminate();
  });

  it('stay ready, all of them, when it is gone for everybody', async () => {
    const one = await on(redis.url, 'one');
    const other = await on(redis.url, 'other', [`127.0.0.1:${one.adminPort}`]);
    const client = await TestClient.ready(other.port);
    await redis.shutdown();
    const told = (stale: boolean) => async () => client.of('stale').at(-1)?.stale === stale;
    await becomes(told(true), 'stale');
    // Longer than the rounds of questions that would have moved the clients.
    const rounds = systemClock.now() + 4 * SILENCE_MS;
    await becomes(async () => {
      assert.deepEqual(await failing(other), []);
      return systemClock.now() > rounds;
    }, 'several rounds');
    assert.equal(client.closed, undefined);
    await redis.restart();
    // Whoever reaches it much later than its peer is cut off in earnest, and may say so.
    const moved = () => client.closed?.code === closeCodes.cutOff.code;
    await becomes(async () => moved() || (await told(false)()), 'the end of stale');
    await becomes(async () => (await other.publish('a', 1)) === 200, 'publishing');
    client.ws.terminate();
  });

  it('let clients with a session in while Redis is full, and say so once', async (t) => {
    const warned: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, text: string) => void warned.push(text) };
    const control = new Redis(redis.url);
    t.after(async () => {
      await control.config('SET', 'maxmemory', '0');
      control.disconnect();
    });
    const one = await started({ ...fast, redis: { ...fast.redis, url: redis.url } }, { logger });
    const join = () =>
      new TestClient(one.port, { path: '/ws?topics=full&session=me', protocols: [] }).opened();
    assert.equal(await one.publish('full', 0), 200);
    const first = await join();
    const cursors = async () => {
      const [key] = await control.keys('*:cur:*:me');
      return key === undefined ? [] : await control.hkeys(key);
    };
    // The session alone is there at once; without a cursor the next connection would begin anew.
    await becomes(async () => (await cursors()).some((name) => name.startsWith('t:')), 'a cursor');
    first.ws.close();
    await first.closing();
    assert.equal(await one.publish('full', 1), 200);
    await control.config('SET', 'maxmemory', '1');
    const second = await join();
    await second.heard('msg');
    assert.deepEqual(second.data, ['1']);
    const about = () => warned.filter((text) => text.startsWith('sessions cannot be kept'));
    await becomes(async () => about().length > 0, 'a warning');
    const third = await join();
    await third.heard('msg');
    assert.deepEqual([third.data, about().length], [['1'], 1]);
    third.ws.terminate();
  });

  it('learn a new password from the file, without losing the connections that work', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'wscluster-url-'));
    const urlFile = join(folder, 'url');
    const guarded = await startRedis({
      args: ['--save', '', '--appendonly', 'no', '--requirepass', 'old'],
    });
    const link = await TcpProxy.open(guarded.port);
    const control = new Redis(guarded.port, '127.0.0.1', { password: 'old' });
    t.after(async () => {
      control.disconnect();
      await link.close();
      await guarded.stop();
      await rm(folder, { recursive: true });
    });
    const urlOf = (password: string) => `redis://:${password}@127.0.0.1:${link.port}/0`;
    await writeFile(urlFile, `${urlOf('old')}\n`);
    const one = await started({ ...fast, redis: { ...fast.redis, urlFile } });
    assert.equal(await one.publish('a', 1), 200);
    await control.config('SET', 'requirepass', 'new');
    assert.equal(await one.publish('a', 2), 200);
    const rereads = async () =>
      [
        ...(await one.get('/metrics')).text.matchAll(
          /redis_file_rereads_total\{file="url".*\} (\d)/g,
        ),
      ]
        .map(([, count]) => count)
        .join();
    // No port is 99999: refused, which is not a change too.
    await writeFile(urlFile, `redis://:new@127.0.0.1:99999`);
    await becomes(async () => (await rereads()) === '0,1', 'the refusal of a wrong URL');
    await writeFile(urlFile, urlOf('new'));
    await becomes(async () => (await rereads()) === '1,1', 'the new URL');
    assert.equal(link.counts.cut, 0);
    link.cut();
    assert.ok(link.counts.cut >= 3);
    await becomes(async () => (await one.publish('a', 3)) === 200, 'publishing again');
    await becomes(async () => (await one.get('/peer/redis')).status === 200, 'every connection');
  });
});
