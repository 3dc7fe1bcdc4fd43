import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { until } from '../e2e/deadline.ts';
import { systemClock } from '../protocol/clock.ts';
import { closeCodes } from '../protocol/codes.ts';
import { type ConnectOptions, TestClient } from './edge/testing/test-client.ts';
import { Gateway } from './gateway.ts';
import { closed, presence, user } from './http/shapes.ts';
import { silentLogger } from './logger.ts';
import { MemoryBoard } from './ring/memory-board.ts';
import type { SettingsInput } from './settings/declaration.ts';
import { settingsFrom } from './settings/load.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';
import { TestPod } from './testing/test-pod.ts';

const secret = Buffer.alloc(32, 7);
const apiKey = 'a-key-of-the-application';
const parts = { clock: systemClock, random: Math.random, logger: silentLogger };

const tokenOf = (sub: string, wsc: object = { sub: ['room.*'], pub: [] }) =>
  new SignJWT({ wsc })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime('1h')
    .sign(secret);

const LIMITED = /rate_limited_total\{by="identity"\} [1-9]/;

interface Asked {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A gateway, and what is asked of it. */
class Pod extends TestPod {
  async ask(path: string, init: RequestInit = {}): Promise<Asked> {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      headers: { 'x-api-key': apiKey },
      signal: AbortSignal.timeout(8_000),
      ...init,
    });
    return { status: answer.status, body: (await answer.json()) as Asked['body'] };
  }

  as(token: string): RequestInit {
    return { headers: { authorization: `Bearer ${token}` } };
  }

  async user(name: string) {
    const { status, body } = await this.ask(`/v1/users/${encodeURIComponent(name)}`);
    assert.equal(status, 200, JSON.stringify(body));
    return user.parse(body);
  }

  async presence(topic: string, init: RequestInit = {}) {
    const { status, body } = await this.ask(`/v1/topics/${topic}/presence`, init);
    assert.equal(status, 200, JSON.stringify(body));
    return presence.parse(body);
  }

  async disconnect(order: object) {
    const { status, body } = await this.post(JSON.stringify(order));
    assert.equal(status, 200, JSON.stringify(body));
    return closed.parse(body);
  }

  post(body: string, headers: Record<string, string> = { 'x-api-key': apiKey }): Promise<Asked> {
    const type = { 'content-type': 'application/json' };
    return this.ask('/v1/disconnect', { method: 'POST', headers: { ...type, ...headers }, body });
  }
}

describe('users of several gateways', () => {
  let folder: string;
  let settings: SettingsInput;
  let one: Pod;
  let other: Pod;
  const clients: TestClient[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'users-'));
    const keys = JSON.stringify({
      keys: [{ kty: 'oct', alg: 'HS256', k: secret.toString('base64url') }],
    });
    await writeFile(join(folder, 'keys.json'), keys);
    await writeFile(join(folder, 'api-keys'), `${apiKey}\n`);
    settings = {
      auth: { keysFile: join(folder, 'keys.json'), apiKeysFile: join(folder, 'api-keys') },
      ring: { heartbeatMs: 500 },
    };
  });
  after(() => rm(folder, { recursive: true }));

  async function start(over: SettingsInput = {}): Promise<void> {
    const store = new MemoryStore({ ...parts, settings: settingsFrom({}).stream });
    const board = new MemoryBoard(systemClock);
    const make = async (pod: string) => {
      const all = settingsFrom({ port: 0, pod, ...settings, ...over });
      const gateway = new Gateway(all, { ...parts, store, board });
      await gateway.start();
      return new Pod(gateway);
    };
    [one, other] = [await make('one'), await make('other')];
    await until(async () => (await board.pods()).beats.size === 2, {
      for: 'both on the board',
      deadlineMs: 5_000,
    });
  }
  beforeEach(() => start());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.ws.terminate();
    await Promise.all([one, other].map(({ gateway }) => gateway.stop()));
  });

  async function connect(pod: Pod, token: string | undefined, hello: object = {}) {
    const options: ConnectOptions =
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
    const client = await TestClient.ready(pod.port, options, hello);
    clients.push(client);
    return client;
  }

  async function subscribe(client: TestClient, topic: string) {
    client.send({ type: 'sub', id: 1, topics: [{ topic }] });
    await client.heard('subbed');
  }

  it('are found wherever they are, with their sessions', async () => {
    const alice = await tokenOf('alice/ü');
    const before = Date.now();
    await connect(one, alice, { session: 'phone' });
    await connect(other, alice, { session: 'desk' });
    await connect(other, await tokenOf('bob'));
    for (const pod of [one, other]) {
      const found = await pod.user('alice/ü');
      const where = found.connections.map((each) => `${each.pod} ${each.session}`).sort();
      assert.deepEqual(where, ['one phone', 'other desk']);
      assert.deepEqual([found.total, found.complete, found.missing], [2, true, []]);
      for (const { since } of found.connections) {
        assert.ok(since >= before - 5 && since <= Date.now() + 5, `${since}`);
      }
      assert.equal(found.ended, undefined);
    }
    assert.deepEqual((await one.user('nobody')).connections, []);
  });

  it('leave behind how their last connection ended', async () => {
    const alice = await tokenOf('alice');
    const first = await connect(one, alice);
    const second = await connect(other, alice);
    first.ws.close(1000);
    await first.closing();
    second.ws.terminate();
    const gone = await until(
      async () => {
        const found = await one.user('alice');
        return found.total === 0 && found.ended?.pod === 'other' && found;
      },
      { for: 'both to be gone', deadlineMs: 5_000 },
    );
    assert.deepEqual([gone.ended?.code, gone.ended?.reason], [1006, 'abnormal']);
  });

  it('are disconnected everywhere, and come back or not as the application wants', async () => {
    const alice = await tokenOf('alice');
    const both = [await connect(one, alice), await connect(other, alice)];
    const bob = await connect(one, await tokenOf('bob'));
    const result = await one.disconnect({ user: 'alice' });
    assert.deepEqual(result.pods, [
      { pod: 'one', closed: 1 },
      { pod: 'other', closed: 1 },
    ]);
    assert.deepEqual([result.closed, result.complete], [2, true]);
    for (const client of both) {
      assert.deepEqual(await client.closing(), { code: 4503, reason: 'disconnected' });
    }
    assert.deepEqual((await one.disconnect({ user: 'alice' })).closed, 0, 'again: nobody is left');
    assert.deepEqual((await one.user('alice')).ended?.reason, 'disconnected');
    await connect(other, alice);
    const order = { user: 'alice', reconnect: true, reason: 'new_rights' };
    assert.equal((await one.disconnect(order)).closed, 1);
    const { code, reason } = await (clients.at(-1) as TestClient).closing();
    assert.deepEqual([code, reason], [closeCodes.reconnect.code, 'new_rights']);
    assert.equal(closeCodes.reconnect.then, 'come-back');
    assert.equal(closeCodes.disconnected.then, 'stay-away');
    assert.equal(bob.closed, undefined);
  });

  it('are disconnected by session, that of one user or of whoever has it', async () => {
    const [alice, bob] = [await tokenOf('alice'), await tokenOf('bob')];
    const phone = await connect(one, alice, { session: 'phone' });
    const desk = await connect(other, alice, { session: 'desk' });
    const theirs = await connect(other, bob, { session: 'phone' });
    assert.equal((await one.disconnect({ user: 'alice', session: 'phone' })).closed, 1);
    await phone.closing();
    assert.equal((await one.disconnect({ user: 'alice', session: 'phone' })).closed, 0);
    assert.equal((await one.disconnect({ session: 'phone' })).closed, 1);
    await theirs.closing();
    assert.equal(desk.closed, undefined);
  });

  it('are in a topic once, wherever and however often they are connected', async () => {
    const [alice, bob] = [await tokenOf('alice'), await tokenOf('bob')];
    // As in a move: two sockets of one session.
    for (const pod of [one, other])
      await subscribe(await connect(pod, alice, { session: 'a' }), 'room.1');
    await subscribe(await connect(one, alice, { session: 'b' }), 'room.1');
    await subscribe(await connect(other, bob), 'room.1');
    await subscribe(await connect(other, bob), 'room.2');
    const seen = await one.presence('room.1');
    assert.deepEqual(seen, {
      topic: 'room.1',
      total: { users: 2, anonymous: 0 },
      users: [
        { user: 'alice', sessions: 2 },
        { user: 'bob', sessions: 1 },
      ],
      truncated: false,
      complete: true,
      missing: [],
    });
    assert.deepEqual(await other.presence('room.1', other.as(bob)), seen);
    assert.deepEqual((await one.presence('room.3')).total, { users: 0, anonymous: 0 });
    await one.disconnect({ user: 'alice' });
    assert.deepEqual((await one.presence('room.1')).total, { users: 1, anonymous: 0 });
  });

  it('are named only to those who are somebody themselves', async () => {
    await Promise.all([one, other].map(({ gateway }) => gateway.stop()));
    await start({ auth: { ...settings.auth, anonymous: true } });
    await subscribe(await connect(one, await tokenOf('alice')), 'room.1');
    for (const pod of [one, other, other]) await subscribe(await connect(pod, undefined), 'room.1');
    const total = { users: 1, anonymous: 3 };
    assert.deepEqual(await one.presence('room.1', { headers: {} }), {
      ...{ topic: 'room.1', total, complete: true, missing: [] },
    });
    assert.deepEqual((await one.presence('room.1')).users, [{ user: 'alice', sessions: 1 }]);
    for (const path of ['/v1/users/alice', '/v1/topics/room.1/presence']) {
      const { status } = await one.ask(path, { headers: {} });
      assert.equal(status, path.includes('users') ? 403 : 200);
    }
    assert.equal((await one.post('{"user":"alice"}', {})).status, 403);
  });

  it('are managed by applications alone', async () => {
    const client = await tokenOf('alice');
    const backend = await tokenOf('backend', { users: true });
    const wrong = await tokenOf('backend', { users: 'yes' });
    const asks = async (token: string) => {
      const authorization = `Bearer ${token}`;
      const found = await one.ask('/v1/users/alice', { headers: { authorization } });
      const ended = await one.post('{"user":"nobody"}', { authorization });
      const seen = await one.ask('/v1/topics/room.1/presence', { headers: { authorization } });
      return [found.status, ended.status, seen.status];
    };
    assert.deepEqual(await asks(client), [403, 403, 200]);
    assert.deepEqual(await asks(backend), [200, 200, 403]);
    assert.deepEqual(await asks(wrong), [401, 401, 401]);
    for (const path of ['/v1/users/alice', '/v1/topics/room.1/presence']) {
      assert.equal((await one.ask(path, { headers: {} })).status, 401);
    }
  });

  it('are not asked for in any other form', async () => {
    const bad: readonly (readonly [string, number])[] = [
      ['/v1/users/', 400],
      [`/v1/users/${'x'.repeat(257)}`, 400],
      ['/v1/users/alice?all=1', 400],
      ['/v1/users/%ff', 400],
      ['/v1/users/alice/more', 404],
      ['/v1/topics/room.*/presence', 400],
      ['/v1/topics/room.1/presence?limit=1', 400],
    ];
    for (const [path, status] of bad) assert.equal((await one.ask(path)).status, status, path);
    const bodies = [
      ...['', '{', '[]', 'null', '"alice"', '{}', '{"reason":"x"}', '{"user":""}', '{"user":7}'],
      ...['{"user":null}', '{"user":"\\ud800"}', '{"session":"a b"}', '{"session":""}'],
      ...['{"user":"alice","sesion":"phone"}', '{"user":"alice","reconnect":"no"}'],
      ...['{"user":"alice","reason":"with blanks"}', `{"user":"${'x'.repeat(257)}"}`],
    ];
    for (const body of bodies) {
      const { status, body: answer } = await one.post(body);
      assert.deepEqual([status, answer['code']], [400, 'bad_request'], body);
    }
    const form = await one.post('user=alice', {
      'x-api-key': apiKey,
      'content-type': 'application/x-www-form-urlencoded',
    });
    assert.equal(form.status, 415);
    assert.equal((await one.ask('/v1/disconnect')).status, 405);
    assert.equal((await one.ask('/v1/users/alice', { method: 'DELETE', headers: {} })).status, 405);
  });

  it('that are on one gateway share its limit over all their devices', async () => {
    await Promise.all([one, other].map(({ gateway }) => gateway.stop()));
    await start({ edge: { identityPerSecond: 1, identityBurst: 20 } });
    const alice = await tokenOf('alice');
    const ping = (client: TestClient, times: number) => {
      for (let at = 1; at <= times; at += 1) client.send({ type: 'ping', at });
    };
    const [phone, desk] = [await connect(one, alice), await connect(one, alice)];
    ping(phone, 15);
    await phone.heard('pong', 15);
    assert.doesNotMatch(await metricsOf(one), LIMITED);
    // More than what the phone left, and than what comes back while this test waits.
    ping(desk, 15);
    await until(async () => LIMITED.test(await metricsOf(one)), {
      for: 'the limit',
      deadlineMs: 5_000,
    });
    // Each gateway counts for itself: where the ring does not bring them together, they have more.
    const elsewhere = await connect(other, alice);
    ping(elsewhere, 15);
    await elsewhere.heard('pong', 15);
    assert.doesNotMatch(await metricsOf(other), LIMITED);
  });

  async function metricsOf({ gateway }: Pod): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${gateway.address?.adminPort}/metrics`);
    return answer.text();
  }
});
