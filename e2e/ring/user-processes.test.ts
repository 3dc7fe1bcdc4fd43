import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { SignJWT } from 'jose';
import { TestClient } from '../../gateway/edge/testing/test-client.ts';
import { until } from '../deadline.ts';
import { GatewayProcess } from '../processes/gateway-process.ts';
import { type RedisServer, startRedis } from '../processes/redis-server.ts';

/** A gateway that says nothing is waited for, and named, for three of them. */
const HEARTBEAT_MS = 3_000;
const secret = Buffer.alloc(32, 5);
const KEYS = JSON.stringify({
  keys: [{ kty: 'oct', alg: 'HS256', k: secret.toString('base64url') }],
});

const tokenOf = (sub: string, wsc: object) =>
  new SignJWT({ wsc })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime('1h')
    .sign(secret);

interface Answer {
  readonly total?: number | { readonly users: number };
  readonly closed?: number;
  readonly complete: boolean;
  readonly missing: readonly string[];
}

// Each step begins where the one before it ended.
describe('users on gateway processes that share a Redis', () => {
  let redis: RedisServer;
  let [a, b]: GatewayProcess[] = [];
  let authorization: string;
  const clients: TestClient[] = [];

  const start = (name: string) => {
    const ring = { heartbeatMs: HEARTBEAT_MS };
    return GatewayProcess.start({
      name,
      settings: { redis: { url: redis.url }, ring, auth: { keys: KEYS } },
    });
  };
  before(async () => {
    redis = await startRedis();
    [a, b] = await Promise.all(['a', 'b'].map(start));
    authorization = `Bearer ${await tokenOf('backend', { sub: ['room.*'], users: true })}`;
    const alice = { authorization: `Bearer ${await tokenOf('alice', { sub: ['room.*'] })}` };
    for (const { port } of [a, b] as GatewayProcess[]) {
      const client = await TestClient.ready(port, { headers: alice });
      client.send({ type: 'sub', id: 1, topics: [{ topic: 'room.1' }] });
      await client.heard('subbed');
      clients.push(client);
    }
  });
  after(async () => {
    for (const client of clients) client.ws.terminate();
    await Promise.all([a?.kill(), b?.kill()]);
    await redis.stop();
  });

  async function ask(path: string, body?: object): Promise<Answer> {
    const answer = await fetch(`${a?.http}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return JSON.parse(text);
  }

  const asked = (path: string, holds: (answer: Answer) => boolean) =>
    until(
      async () => {
        const answer = await ask(path);
        return holds(answer) && answer;
      },
      { for: `an answer of ${path}`, deadlineMs: 30_000 },
    );

  it('are found, and counted once, on all of them', async () => {
    const both = await asked('/v1/users/alice', ({ total }) => total === 2);
    assert.deepEqual([both.complete, both.missing], [true, []]);
    const seen = await ask('/v1/topics/room.1/presence');
    assert.deepEqual(seen.total, { users: 1, anonymous: 0 });
  });

  it('are not found on one that is frozen, which is named after the deadline', async () => {
    b?.freeze();
    const began = performance.now();
    const answer = await ask('/v1/users/alice');
    const tookMs = performance.now() - began;
    assert.deepEqual([answer.total, answer.complete, answer.missing], [1, false, ['b']]);
    assert.ok(tookMs >= 1_990 && tookMs < 4_000, `${tookMs} ms`);
    b?.thaw();
    await asked('/v1/users/alice', ({ total, complete }) => total === 2 && complete);
  });

  it('are asked for again when Redis cut the connections on which gateways hear', async () => {
    const admin = new Redis(redis.url);
    await admin.client('KILL', 'TYPE', 'pubsub');
    admin.disconnect();
    const path = '/v1/users/alice';
    await until(
      async () => {
        const headers = { authorization };
        const answer = await fetch(`${a?.http}${path}`, { headers });
        const { complete, code } = (await answer.json()) as Answer & { code?: string };
        assert.ok(
          answer.status === 200 || code === 'store_unavailable',
          `${answer.status} ${code}`,
        );
        return complete;
      },
      { for: 'a complete answer', deadlineMs: 20_000 },
    );
  });

  it('are disconnected where they are, and the gateway that was killed is named', async () => {
    const [here, there] = clients as [TestClient, TestClient];
    await b?.kill();
    const answer = await ask('/v1/disconnect', { user: 'alice' });
    assert.deepEqual([answer.closed, answer.complete, answer.missing], [1, false, ['b']]);
    assert.equal((await here.closing()).code, 4503);
    assert.equal((await there.closing()).code, 1006);
    // When it is gone for everybody, nobody waits for it any more.
    const later = await asked('/v1/users/alice', ({ complete }) => complete);
    assert.equal(later.total, 0);
  });
});
