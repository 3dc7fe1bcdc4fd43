import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { until } from '../../e2e/deadline.ts';
import { systemClock } from '../../protocol/clock.ts';
import { SHARDS, shardOf } from '../../protocol/ring.ts';
import { MemoryBoard } from '../ring/memory-board.ts';
import { StreamError } from '../stream/stream.ts';
import { failure, history, published, publishedAll, ring, route } from './shapes.ts';
import {
  type Answer,
  ask,
  assertFails,
  limited,
  logged,
  post,
  read,
  ringPod,
  type Served,
  serve,
} from './testing/api-fixture.ts';

const secret = Buffer.alloc(32, 3);
const apiKey = 'a-key-of-the-test-suite';

function tokenOf(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const head = `${part({ alg: 'HS256' })}.${part({ sub: 'user', exp, ...claims })}`;
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
}

describe('publish over HTTP', () => {
  let served: Served;
  before(async () => {
    served = await serve({ http: { bodyBytes: 10_000, publishMessages: 3 } });
  });
  after(() => served.stop());
  const publish = (body: unknown, headers?: Record<string, string>) =>
    ask(`${served.url}/v1/publish`, post(body, headers));

  it('writes one message and says where', async () => {
    const first = read(published, await publish({ topic: 'one', data: { hi: 1 } }));
    const second = read(published, await publish({ topic: 'one', data: null }));
    assert.match(first.position, /:1@/);
    assert.match(second.position, /:2@/);
  });

  it('writes several in order and says where each is', async () => {
    const messages = [1, 2, 3].map((data) => ({ topic: 'many', data }));
    const { results } = read(publishedAll, await publish({ messages }));
    const places = results.map((one) => ('position' in one ? one.position.split(/[:@]/)[1] : ''));
    assert.deepEqual(places, ['1', '2', '3']);
  });

  it('writes a message with a producer once, and says so the second time', async () => {
    const body = { topic: 'twice', data: 1, producer: { id: 'p', seq: 1 } };
    const first = read(published, await publish(body));
    const again = read(published, await publish(body));
    assert.deepEqual(again, { ...first, duplicate: true });
    assertFails(await publish({ ...body, data: 2 }), 409, 'conflict');
    const seq = (number: number) => ({ ...body, producer: { id: 'p', seq: number }, retry: true });
    read(published, await publish(seq(3)));
    assertFails(await publish(seq(2)), 409, 'out_of_order');
  });

  it('takes an Idempotency-Key for a producer, for several messages too', async () => {
    const messages = [1, 2].map((data) => ({ topic: 'keyed', data }));
    const headers = { 'idempotency-key': '0b9fe5a8-6c1e-4f0e-9f2d-2d9b8c1a7e55' };
    const first = read(publishedAll, await publish({ messages }, headers));
    const again = read(publishedAll, await publish({ messages }, headers));
    const expected = first.results.map((one) => ({ ...one, duplicate: true }));
    assert.deepEqual(again.results, expected);
    const both = { topic: 'keyed', data: 1, producer: { id: 'p', seq: 1 } };
    assertFails(await publish(both, headers), 400, 'bad_request');
    const strange = { 'idempotency-key': 'with space' };
    assertFails(await publish({ topic: 'keyed', data: 1 }, strange), 400, 'bad_request');
  });

  const bad: readonly (readonly [string, string, string, RegExp])[] = [
    ['nothing', '', 'bad_request', /./],
    ['text', 'hello', 'bad_request', /object/],
    ['a list', '[]', 'bad_request', /object/],
    ['half an object', '{"topic":"a","data":', 'bad_request', /JSON/],
    ['two objects', '{"topic":"a","data":1}{}', 'bad_request', /JSON/],
    ['no topic', '{"data":1}', 'bad_topic', /^topic: /],
    ['no data', '{"topic":"a"}', 'bad_request', /^data: /],
    ['a topic with a star', '{"topic":"a*","data":1}', 'bad_topic', /no \*/],
    ['a reserved topic', '{"topic":"$sys","data":1}', 'bad_topic', /reserved/],
    ['a member twice', '{"topic":"a","data":1,"topic":"b"}', 'bad_request', /twice/],
    ['an escaped member', '{"topic":"a","d\\u0061ta":1}', 'bad_request', /escapes/],
    ['a bad producer', '{"topic":"a","data":1,"producer":{"id":"p"}}', 'bad_request', /seq/],
    ['a bad level', '{"topic":"a","data":1,"ack":"all"}', 'bad_request', /^ack: /],
    ['deep nesting', `{"topic":"a","data":${'['.repeat(4_000)}`, 'bad_request', /nested deeper/],
    ['no messages', '{"messages":[]}', 'bad_request', /1 to 3/],
    ['messages and more', '{"messages":[],"topic":"a"}', 'bad_request', /"topic"/],
    ['a number for messages', '{"messages":1}', 'bad_request', /list/],
    ['a wrong message', '{"messages":[1]}', 'bad_request', /messages\[0\]/],
    ['a bad second', '{"messages":[{"topic":"s","data":1},{"data":1}]}', 'bad_topic', /\[1\]\.top/],
  ];
  for (const [what, body, code, message] of bad) {
    it(`refuses ${what}`, async () => {
      assert.match(assertFails(await publish(body), 400, code), message);
    });
  }

  it('ignores members that it does not know, as a newer client sends them', async () => {
    for (const body of [
      '{"topic":"newer","data":1,"id":"x"}',
      '{"topic":"newer","data":1,"__proto__":{"topic":"b"}}',
      '{"messages":[{"topic":"newer","data":1,"lane":2}],"trace":"x"}',
    ]) {
      assert.equal((await publish(body)).status, 200, body);
    }
  });

  it('refuses one message more than it may be, and a body of one byte more', async () => {
    const messages = Array(4).fill({ topic: 'a', data: 1 });
    assertFails(await publish({ messages }), 400, 'bad_request');
    const body = (bytes: number) => {
      const text = JSON.stringify({ topic: 'large', data: '' });
      return text.replace('""', `"${'x'.repeat(bytes - text.length)}"`);
    };
    assert.equal((await publish(body(10_000))).status, 200);
    assertFails(await publish(body(10_001)), 413, 'too_large');
  });

  it('wrote nothing of what it refused', async () => {
    for (const topic of ['s', 'a', 'b']) {
      const page = read(history, await ask(`${served.url}/v1/topics/${topic}/history`));
      assert.deepEqual(page.events, [], topic);
    }
  });

  it('refuses a body that is not UTF-8 or not application/json', async () => {
    const bytes = Buffer.from('{"topic":"a","data":"\xff"}', 'latin1');
    const binary = { ...post(''), body: new Uint8Array(bytes) };
    assertFails(await ask(`${served.url}/v1/publish`, binary), 400, 'bad_request');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const message = assertFails(
        await publish({ topic: 'a', data: 1 }, { 'content-type': type }),
        415,
        'bad_request',
      );
      assert.match(message, /application\/json/);
    }
  });

  it('gives the status of the first failure, and tells of each message', async () => {
    let calls = 0;
    const flaky = await serve(
      {},
      {
        async publish() {
          calls += 1;
          const position = { epoch: 'e', seq: calls, confirmed: 1 };
          if (calls === 1) return { outcome: 'ok', position, duplicate: false };
          if (calls === 2) {
            return { outcome: 'unknown', code: 'unknown_outcome', message: 'nobody knows' };
          }
          return { outcome: 'failed', code: 'store_full', message: 'full' };
        },
      },
    );
    const messages = Array(3).fill({ topic: 'a', data: 1 });
    const answer = await ask(`${flaky.url}/v1/publish`, post({ messages }));
    assertFails(answer, 504, 'unknown_outcome');
    const { results } = read(failure, answer);
    assert.deepEqual(
      results?.map((one) => ('status' in one ? one.status : 200)),
      [200, 504, 503],
    );
    const one = await ask(`${flaky.url}/v1/publish`, post({ topic: 'a', data: 1 }));
    assertFails(one, 503, 'store_full');
    assert.equal(one.headers.get('retry-after'), '1');
    await flaky.stop();
  });
});

describe('history over HTTP', () => {
  let served: Served;
  before(async () => {
    served = await serve({
      http: { historyEntries: 200 },
      stream: { settleMs: 60 },
      redis: { reconnectMaxMs: 50 },
    });
  });
  after(() => served.stop());
  const publish = async (topic: string, text: string) => {
    const body = `{"topic":${JSON.stringify(topic)},"data":${text}}`;
    assert.equal((await ask(`${served.url}/v1/publish`, post(body))).status, 200);
  };
  const page = (topic: string, query = '') =>
    ask(`${served.url}/v1/topics/${encodeURIComponent(topic)}/history${query}`);

  it('gives every page after a position, and says when there is no more', async () => {
    const start = read(history, await page('paged')).next;
    for (let n = 1; n <= 5; n += 1) await publish('paged', String(n));
    const seen: unknown[] = [];
    let after = start;
    let more = true;
    while (more) {
      const answer = read(history, await page('paged', `?after=${after}&limit=2`));
      for (const event of answer.events) if (event.type === 'msg') seen.push(event.data);
      after = answer.next;
      more = answer.more;
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
    assert.deepEqual(read(history, await page('paged', `?after=${after}`)).events, []);
  });

  it('gives the newest', async () => {
    for (let n = 1; n <= 3; n += 1) await publish('newest', String(n));
    const { events, more } = read(history, await page('newest', '?latest=2'));
    assert.deepEqual(
      events.map((event) => event.type === 'msg' && event.data),
      [2, 3],
    );
    assert.equal(more, false);
  });

  it('hands data out byte for byte, whatever the numbers and the order of keys', async () => {
    const text = '{"b":1e400,"a":12345678901234567890,"\\u0061":"\\ud83d\\ude00"}';
    await publish('exact', text);
    assert.ok((await page('exact')).text.includes(`"data":${text}}`));
  });

  it('tells a gap where messages are gone', async () => {
    const answer = read(history, await page('paged', '?after=unknown:3@1'));
    assert.equal(answer.events[0]?.type, 'gap');
  });

  it('serves topics of every spelling', async () => {
    for (const topic of ['a/b', 'x}{a', 'ä'.repeat(128), '日本', 'a b?c#d%', '...']) {
      await publish(topic, '1');
      assert.equal(read(history, await page(topic)).topic, topic);
    }
  });

  const bad: readonly (readonly [string, string, string])[] = [
    ['?after=nonsense', 'bad_position', 'a position that is none'],
    ['?after=a:1@1&latest=1', 'bad_request', 'after and latest'],
    ['?limit=5', 'bad_request', 'a limit alone'],
    ['?latest=0', 'bad_request', 'zero'],
    ['?latest=201', 'bad_request', 'more than the limit'],
    ['?latest=x', 'bad_request', 'a word'],
    ['?latest=1&latest=2', 'bad_request', 'a number twice'],
    ['?since=1', 'bad_request', 'an unknown parameter'],
  ];
  for (const [query, code, what] of bad) {
    it(`refuses ${what}`, async () => {
      assertFails(await page('a', query), 400, code);
    });
  }

  it('refuses what is no topic', async () => {
    for (const topic of ['$sys', 'a*', 'a\n', 'x'.repeat(257)]) {
      assertFails(await page(topic), 400, 'bad_topic');
    }
  });

  it('answers with the code of the stream when that fails', async () => {
    const down = await serve(
      {},
      { latest: () => Promise.reject(new StreamError('store_unavailable', 'Redis is away')) },
    );
    assertFails(await ask(`${down.url}/v1/topics/a/history`), 503, 'store_unavailable');
    await down.stop();
  });

  it('hides a mistake of its own behind its id', async () => {
    const broken = await serve({}, { latest: () => Promise.reject(new Error('canary')) });
    const message = assertFails(await ask(`${broken.url}/v1/topics/a/history`), 500, 'internal');
    assert.doesNotMatch(message, /canary/);
    await broken.stop();
  });
});

describe('the ring over HTTP', () => {
  it('is told with its members, their shares and how busy they are', async (t) => {
    const board = new MemoryBoard(systemClock);
    const [one, other] = [ringPod('one', board), ringPod('other', board)];
    const served = await serve({}, {}, { source: one.source });
    t.after(() => Promise.all([served.stop(), other.source.stop()]));
    await until(() => one.members.length === 2 && other.members.length === 2, {
      for: 'a ring of two',
      deadlineMs: 5_000,
    });
    const answer = await ask(`${served.url}/v1/ring`);
    assert.equal(answer.status, 200);
    const body = read(ring, answer);
    assert.deepEqual([body.source, body.cluster, body.writer], ['self-organised', 'chat', 'one']);
    assert.deepEqual(body.version, one.keeper.current?.version);
    assert.equal(body.digest, one.keeper.current?.digest);
    const { load, ...member } = body.members[1] ?? assert.fail('no second member');
    assert.deepEqual(member, {
      ...{ id: 'other', weight: 1, zone: '', address: 'other:8001', shards: SHARDS / 2 },
    });
    assert.deepEqual([load?.connections, load?.utilisation], [0, 0]);
  });

  it('says where a key belongs', async (t) => {
    const pod = ringPod('one');
    const placement = { podEndpoint: 'wss://{pod}.example.com/ws' };
    const served = await serve({ placement }, {}, { source: pod.source });
    t.after(() => served.stop());
    await until(() => pod.members.length === 1, { for: 'a ring', deadlineMs: 5_000 });
    for (const key of ['alice', 'ünï', 'a b&c=d']) {
      const answer = await ask(`${served.url}/v1/route?key=${encodeURIComponent(key)}`);
      const url = 'wss://one.example.com/ws';
      assert.deepEqual(read(route, answer), { key, shard: shardOf(key), owner: 'one', url });
    }
  });

  it('says it in a URL with the key, where the query places connections', async (t) => {
    const pod = ringPod('one');
    const placement = { podEndpoint: 'wss://{pod}.example.com/ws?v=1', key: 'query:room' };
    const served = await serve({ placement }, {}, { source: pod.source });
    t.after(() => served.stop());
    await until(() => pod.members.length === 1, { for: 'a ring', deadlineMs: 5_000 });
    const answer = read(
      route,
      await ask(`${served.url}/v1/route?key=${encodeURIComponent('a b&c')}`),
    );
    assert.equal(answer.url, 'wss://one.example.com/ws?v=1&room=a+b%26c');
  });

  it('is served also while there is none', async (t) => {
    const board = new MemoryBoard(systemClock);
    board.beat = () => Promise.reject(new Error('no store'));
    board.pods = () => Promise.reject(new Error('no store'));
    const served = await serve({}, {}, { source: ringPod('one', board).source });
    t.after(() => served.stop());
    const body = read(ring, await ask(`${served.url}/v1/ring`));
    assert.deepEqual(body, { source: 'self-organised', shards: SHARDS, members: [] });
    const where = read(route, await ask(`${served.url}/v1/route?key=alice`));
    assert.deepEqual(where, { key: 'alice', shard: 2_806 });
  });

  const bad = ['/v1/ring?x=1', '/v1/route', '/v1/route?key=', '/v1/route?key=a&key=b'];
  for (const path of [...bad, '/v1/route?key=a&x=1', `/v1/route?key=${'a'.repeat(1_025)}`]) {
    it(`refuses ${path.slice(0, 40)}`, async (t) => {
      const served = await serve();
      t.after(() => served.stop());
      assertFails(await ask(served.url + path), 400, 'bad_request');
    });
  }
});

describe('who may use the HTTP API', () => {
  let folder = '';
  let guarded: Served;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-api-'));
    const apiKeysFile = join(folder, 'keys');
    await writeFile(apiKeysFile, apiKey);
    const keys = JSON.stringify({ keys: [{ kty: 'oct', k: secret.toString('base64url') }] });
    const allowedOrigins = ['https://app.example.com'];
    guarded = await serve({ auth: { keys, apiKeysFile, allowedOrigins } });
  });
  after(async () => {
    await guarded.stop();
    await rm(folder, { recursive: true });
  });
  const publish = (topic: string, headers?: Record<string, string>) =>
    ask(`${guarded.url}/v1/publish`, post({ topic, data: 1 }, headers));
  const bearer = (claims: object) => ({ authorization: `Bearer ${tokenOf(claims)}` });

  it('takes an API key for everything', async () => {
    assert.equal((await publish('any', { 'x-api-key': apiKey })).status, 200);
    assertFails(await publish('any', { 'x-api-key': `${apiKey}x` }), 401, 'unauthenticated');
  });

  it('takes a token for what it grants', async () => {
    const headers = bearer({ wsc: { pub: ['room.*'], sub: ['news'] } });
    assert.equal((await publish('room.1', headers)).status, 200);
    assertFails(await publish('news', headers), 403, 'forbidden');
    const read = (topic: string) => ask(`${guarded.url}/v1/topics/${topic}/history`, { headers });
    assert.equal((await read('news')).status, 200);
    assertFails(await read('room.1'), 403, 'forbidden');
  });

  it('tells of the ring whoever has a token or a key, and nobody else', async () => {
    for (const path of ['/v1/ring', '/v1/route?key=a']) {
      assertFails(await ask(guarded.url + path), 401, 'unauthenticated');
      for (const headers of [bearer({}), { 'x-api-key': apiKey }]) {
        assert.equal((await ask(guarded.url + path, { headers })).status, 200);
      }
    }
  });

  it('writes nothing when one of several topics is not granted', async () => {
    const headers = bearer({ wsc: { pub: ['room.*'], sub: ['**'] } });
    const messages = ['room.9', 'secret'].map((topic) => ({ topic, data: 1 }));
    assertFails(
      await ask(`${guarded.url}/v1/publish`, post({ messages }, headers)),
      403,
      'forbidden',
    );
    const page = await ask(`${guarded.url}/v1/topics/room.9/history`, { headers });
    assert.deepEqual(read(history, page).events, []);
  });

  it('refuses nobody, expired tokens, other schemes and two credentials at once', async () => {
    assertFails(await publish('room.1'), 401, 'unauthenticated');
    const expired = await publish('room.1', bearer({ exp: 1 }));
    assert.match(assertFails(expired, 401, 'unauthenticated'), /expired/);
    assert.equal(expired.headers.get('www-authenticate'), 'Bearer');
    assertFails(await publish('room.1', { authorization: 'Basic eDp5' }), 401, 'unauthenticated');
    const both = { ...bearer({}), 'x-api-key': apiKey };
    assertFails(await publish('room.1', both), 400, 'bad_request');
  });

  it('logs why a request was refused, and never what it brought', async () => {
    logged.length = 0;
    await publish('room.1', { 'x-api-key': 'canary-canary-canary' });
    await publish('room.1', { authorization: 'Bearer canary.canary.canary' });
    await publish('room.1', { authorization: 'canary canary' });
    const token = tokenOf({ wsc: 'canary', aud: 'canary' });
    await publish('room.1', { authorization: `Bearer ${token}` });
    assert.ok(logged.length >= 3, logged.join());
    assert.doesNotMatch(logged.join(), /canary/);
    assert.ok(!logged.join().includes(token.slice(0, 40)));
  });

  it('refuses pages of other origins, whatever they bring', async () => {
    const from = (origin: string) => publish('any', { 'x-api-key': apiKey, origin });
    for (const origin of ['https://evil.example', 'null', 'https://app.example.com.evil.example']) {
      assertFails(await from(origin), 403, 'forbidden');
    }
    assert.equal((await from('https://app.example.com')).status, 200);
    assert.equal((await from(guarded.url)).status, 200);
  });

  it('serves no other Host without a key, since DNS can point any name here', async () => {
    const open = await serve();
    for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example']) {
      const answer = await open.app.inject({
        method: 'GET',
        url: '/v1/openapi.json',
        headers: { host },
      });
      assert.equal(answer.statusCode, 403, host);
    }
    await open.stop();
  });
});

describe('the rate of requests', () => {
  let folder = '';
  let served: Served;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-api-'));
    const apiKeysFile = join(folder, 'keys');
    await writeFile(apiKeysFile, apiKey);
    const keys = JSON.stringify({ keys: [{ kty: 'oct', k: secret.toString('base64url') }] });
    // Slow enough that little is gained while the test runs.
    const http = { requestsPerSecond: 1, requestsBurst: 30 };
    served = await serve({ auth: { keys, apiKeysFile }, http });
  });
  after(async () => {
    await served.stop();
    await rm(folder, { recursive: true });
  });

  const publish = (body: object, headers: Record<string, string>) =>
    ask(`${served.url}/v1/publish`, post(body, headers));
  const page = (headers: Record<string, string>) =>
    ask(`${served.url}/v1/topics/a/history`, { headers });
  const bearer = (sub: string) => ({
    authorization: `Bearer ${tokenOf({ sub, wsc: { sub: ['**'], pub: ['**'] } })}`,
  });

  /** Sends requests until one is answered with 429, and returns it and how many were not. */
  async function exhaust(request: () => Promise<Answer>) {
    for (let served = 0; served < 100; served += 1) {
      const answer = await request();
      if (answer.status === 429) return { answer, served };
    }
    return assert.fail('100 requests were answered');
  }

  it('is that of an identity, and says when to come back', async () => {
    limited.length = 0;
    const { answer, served } = await exhaust(() => page(bearer('eager')));
    assert.ok(served >= 30, String(served));
    assert.match(assertFails(answer, 429, 'rate_limited'), /identity/);
    assert.equal(answer.headers.get('retry-after'), '1');
    assert.deepEqual(limited, ['identity']);
    assert.equal((await page(bearer('calm'))).status, 200, 'another one is not concerned');
    assert.equal((await page({ 'x-api-key': apiKey })).status, 200);
  });

  it('counts a publish of several messages as many, and writes nothing over it', async () => {
    const messages = Array(20).fill({ topic: 'many', data: 1 });
    assert.equal((await publish({ messages }, bearer('bulk'))).status, 200);
    assert.equal((await publish({ messages }, bearer('bulk'))).status, 200, 'the last goes over');
    const refused = await publish({ topic: 'many', data: 1 }, bearer('bulk'));
    assertFails(refused, 429, 'rate_limited');
    const wait = Number(refused.headers.get('retry-after'));
    assert.ok(wait > 1 && wait <= 11, String(wait));
    const { head } = read(
      history,
      await ask(`${served.url}/v1/topics/many/history`, {
        headers: bearer('reader'),
      }),
    );
    assert.match(head, /:40@/);
  });

  it('is that of the address for whoever is refused, and does not concern identities', async () => {
    limited.length = 0;
    const { answer } = await exhaust(() => page({ 'x-api-key': `${apiKey}x` }));
    assert.match(assertFails(answer, 429, 'rate_limited'), /address/);
    assert.deepEqual(limited, ['address']);
    assert.equal((await page(bearer('neighbour'))).status, 200);
  });
});

describe('pages of other origins', () => {
  const origin = 'https://app.example.com';
  const keys = JSON.stringify({ keys: [{ kty: 'oct', k: secret.toString('base64url') }] });
  const authorization = `Bearer ${tokenOf({ wsc: { sub: ['**'], pub: ['**'] } })}`;
  let served: Served;
  before(async () => {
    served = await serve({ auth: { keys, allowedOrigins: [origin] } });
  });
  after(() => served.stop());

  const preflight = (from: string, path = '/v1/publish', to = served) =>
    ask(`${to.url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
  const cors = ({ headers }: Answer) =>
    [...headers].filter(([name]) => name.startsWith('access-control-')).map(([name]) => name);

  it('are told what they may send when they are listed', async () => {
    const answer = await preflight(origin);
    assert.equal(answer.status, 204);
    assert.equal(answer.text, '');
    assert.equal(answer.headers.get('access-control-allow-origin'), origin);
    assert.equal(answer.headers.get('access-control-allow-methods'), 'POST');
    assert.match(
      answer.headers.get('access-control-allow-headers') ?? '',
      /Authorization.*API-Key/,
    );
    assert.equal(answer.headers.get('access-control-max-age'), '600');
    assert.equal(answer.headers.get('access-control-allow-credentials'), null, 'no cookies');
    const reading = await preflight(origin, '/v1/topics/a%2Fb/history');
    assert.equal(reading.headers.get('access-control-allow-methods'), 'GET');
    assertFails(await preflight(origin, '/v1/nothing'), 404, 'not_found');
  });

  it('may read every answer, errors too', async () => {
    const publish = (headers: Record<string, string>) =>
      ask(`${served.url}/v1/publish`, post({ topic: 'a', data: 1 }, { origin, ...headers }));
    const good = await publish({ authorization });
    assert.equal(good.status, 200);
    const bad = await publish({});
    assertFails(bad, 401, 'unauthenticated');
    for (const answer of [good, bad]) {
      assert.equal(answer.headers.get('access-control-allow-origin'), origin);
      assert.match(answer.headers.get('access-control-expose-headers') ?? '', /X-Request-ID/);
      assert.equal(answer.headers.get('vary'), 'Origin', 'no cache gives it to another page');
    }
  });

  it('are refused, before and after they ask, when they are not listed', async () => {
    for (const stranger of ['https://evil.example', 'null', `${origin}.evil.example`]) {
      const answer = await preflight(stranger);
      assertFails(answer, 403, 'forbidden');
      assert.deepEqual(cors(answer), [], stranger);
    }
  });

  it('hear nothing of it where none is listed', async () => {
    const closed = await serve({ auth: { keys } });
    assertFails(await preflight(closed.url, '/v1/publish', closed), 405, 'bad_request');
    const own = await ask(`${closed.url}/v1/topics/a/history`, {
      headers: { authorization, origin: closed.url },
    });
    assert.equal(own.status, 200);
    assert.deepEqual(cors(own), []);
    assert.equal(own.headers.get('vary'), null);
    await closed.stop();
  });

  it('do not open a gateway without a key to other names', async () => {
    const open = await serve({ auth: { allowedOrigins: ['*'] } });
    const method = 'OPTIONS' as const;
    const headers = { host: 'evil.example', origin: 'http://evil.example' };
    const answer = await open.app.inject({ method, url: '/v1/publish', headers });
    assert.equal(answer.statusCode, 403);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
    await open.stop();
  });
});

describe('every answer', () => {
  let served: Served;
  before(async () => {
    served = await serve();
  });
  after(() => served.stop());

  it('carries the id that was sent, or a new one where that is none', async () => {
    const id = async (given?: string) => {
      const headers: Record<string, string> = given === undefined ? {} : { 'x-request-id': given };
      return (await ask(`${served.url}/v1/openapi.json`, { headers })).headers.get('x-request-id');
    };
    assert.equal(await id('abc.1:2_3-4'), 'abc.1:2_3-4');
    for (const bad of [undefined, '', 'a b', 'x'.repeat(65), '"', 'é']) {
      assert.match((await id(bad)) ?? '', /^pod-h[0-9a-z]+$/);
    }
    assert.notEqual(await id(), await id());
  });

  it('is of one form when there is no such path or method', async () => {
    assertFails(await ask(`${served.url}/nothing`), 404, 'not_found');
    for (const [path, method, allow] of [
      ['/v1/publish', 'GET', 'POST'],
      ['/v1/publish', 'OPTIONS', 'POST'],
      ['/v1/topics/a%2Fb/history', 'POST', 'GET'],
      ['/v1/openapi.json', 'DELETE', 'GET'],
    ] as const) {
      const answer = await ask(`${served.url}${path}`, { method });
      assertFails(answer, 405, 'bad_request');
      assert.equal(answer.headers.get('allow'), allow);
    }
    assertFails(await ask(`${served.url}/v1/topics/%zz/history`), 400, 'bad_request');
  });

  it('is of that form also for what is no request', async () => {
    const large = `GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`;
    for (const [bytes, status, code] of [
      ['garbage\r\n\r\n', 400, 'bad_request'],
      [large, 431, 'too_large'],
    ] as const) {
      const socket = connect(Number(new URL(served.url).port), '127.0.0.1');
      socket.write(bytes);
      const signal = AbortSignal.timeout(5_000);
      const text = Buffer.concat(await socket.toArray({ signal })).toString();
      const [head = '', body = ''] = text.split('\r\n\r\n');
      assert.equal(head.split(' ')[1], String(status));
      const failed = failure.parse(JSON.parse(body));
      assert.equal(failed.code, code);
      assert.match(head, new RegExp(`\r\nX-Request-ID: ${failed.request}(\r\n|$)`));
    }
  });

  it('has room for the WebSockets and a thousand connections more, and not for all', async () => {
    const small = await serve({ edge: { maxConnections: 50 } });
    assert.equal(small.app.server.maxConnections, 1_050);
    await small.stop();
  });

  it('is described by a document that a validator accepts', async () => {
    const answer = await ask(`${served.url}/v1/openapi.json`);
    assert.doesNotMatch(answer.text, /additionalProperties/, 'forms are open to newer members');
    const validator = new Validator();
    const outcome = await validator.validate(JSON.parse(answer.text));
    assert.deepEqual(outcome, { valid: true });
    assert.equal(validator.version, '3.1');
    validator.resolveRefs();
  });

  it('does not wait for ever for a request that does not end', async () => {
    const hasty = await serve({ http: { requestTimeoutMs: 200 }, edge: { helloTimeoutMs: 200 } });
    const { port } = new URL(hasty.url);
    const head = 'POST /v1/publish HTTP/1.1\r\nhost: 127.0.0.1\r\n';
    const whole = `${head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"topic"`;
    for (const bytes of [head, whole]) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(bytes);
      socket.resume();
      await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
    }
    await hasty.stop();
  });
});
