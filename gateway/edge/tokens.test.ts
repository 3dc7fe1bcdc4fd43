import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authentication, Authenticator } from './identity.ts';
import { everything, startEdge } from './testing/edge-fixture.ts';
import { TestClient } from './testing/test-client.ts';

/** `name/rights/lifetime`: rights are topics separated by `+`, lifetime is in milliseconds. */
const authenticator: Authenticator = {
  configured: true,
  async token(jwt): Promise<Authentication> {
    const [name = '', rights = '', lifetime] = jwt.split('/');
    if (name === 'slow') await new Promise(() => {});
    if (name === 'broken') throw new Error('a key set that fails');
    if (name === 'old') return { ok: false, code: 'token_expired', detail: 'long ago' };
    if (name === '' || name === 'bad') {
      return { ok: false, code: 'unauthenticated', detail: 'a bad one' };
    }
    const topics = rights.split('+');
    const may = (topic: string) => topics.includes(topic);
    const expiresAt = lifetime === undefined ? undefined : Date.now() + Number(lifetime);
    const rightsOf = { maySubscribe: may, mayPublish: may, mayManageUsers: false };
    return { ok: true, identity: { name, ...rightsOf, expiresAt } };
  },
  apiKey: () => ({ ok: false, code: 'unauthenticated', detail: 'none' }),
  anonymous: () => ({ ok: false, code: 'unauthenticated', detail: 'a token is needed' }),
};

const start = (settings = {}) =>
  startEdge({ settings: { refreshMs: 100, ...settings }, parts: { authenticator } });
const bearing = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe('tokens', () => {
  it('come by header, by subprotocol or in hello', async () => {
    const fixture = await start();
    const byHeader = await TestClient.ready(fixture.port, bearing('ann/a'));
    const protocols = ['wscluster.v1', 'bearer.bob'];
    const byProtocol = await TestClient.ready(fixture.port, { protocols });
    const byHello = await TestClient.ready(fixture.port, {}, { token: 'cat/a' });
    const names = [byHeader, byProtocol, byHello].map((one) => one.of('welcome')[0]?.identity);
    assert.deepEqual(names, ['ann', 'bob', 'cat']);
    await fixture.stop();
  });

  it('that do not hold are answered after the upgrade, with a close code', async () => {
    const fixture = await start({ helloTimeoutMs: 300 });
    const codes = { 'bad/': 4500, 'old/': 4007, 'slow/': 1013, 'broken/': 1011 };
    for (const [token, code] of Object.entries(codes)) {
      const client = await new TestClient(fixture.port).opened();
      client.send({ type: 'hello', token });
      assert.equal((await client.closing()).code, code, token);
      assert.deepEqual(client.events, []);
    }
    const none = await new TestClient(fixture.port).opened();
    none.send({ type: 'hello' });
    assert.equal((await none.closing()).code, 4500);
    const plain = new TestClient(fixture.port, { path: '/ws?topics=a', protocols: [] });
    assert.equal((await plain.closing()).code, 4500);
    await fixture.stop();
  });

  it('say whose connections are too many: the oldest are closed, of nobody else', async () => {
    const fixture = await start({ userConnections: 2 });
    const come = (token: string, session?: string) =>
      TestClient.ready(fixture.port, bearing(token), session === undefined ? {} : { session });
    const first = await come('ann/a');
    const [bob, phone] = [await come('bob/a'), await come('ann/a', 'phone')];
    // What comes back does not push anybody out.
    const again = await come('ann/a', 'phone');
    assert.equal((await phone.closing()).code, 4501);
    const last = await come('ann/a');
    assert.deepEqual(await first.closing(), { code: 4504, reason: 'too_many_connections' });
    for (const client of [bob, again, last]) {
      client.send({ type: 'ping', at: 1 });
      await client.heard('pong');
    }
    await fixture.stop();
  });

  it('limit what may be subscribed and published', async () => {
    const fixture = await start();
    const client = await TestClient.ready(fixture.port, bearing('ann/a'));
    client.send({ type: 'sub', id: 1, topics: ['a', 'secret'] });
    await client.heard('subbed', 2);
    const answers = client.of('subbed').flatMap(({ topics }) => topics);
    assert.deepEqual(
      answers.map((answer) => [answer.topic, 'error' in answer ? answer.error : 'ok']).sort(),
      [
        ['a', 'ok'],
        ['secret', 'forbidden'],
      ],
    );
    client.send({ type: 'pub', id: 2, topic: 'secret', data: 1 });
    const err = await client.heard('err');
    assert.equal(err.code, 'forbidden');
    assert.equal(err.id, 2);
    assert.equal(fixture.stream.drafts.length, 0);
    await fixture.stop();
  });

  it('close the connection when they end and were not renewed in time', async () => {
    const fixture = await start();
    const client = await TestClient.ready(fixture.port, bearing('ann/a/200'));
    client.send({ type: 'sub', id: 1, topics: ['a'] });
    await client.heard('subbed');
    const began = performance.now();
    const { code } = await client.closing();
    assert.equal(code, 4007);
    const took = performance.now() - began;
    assert.ok(took > 200 && took < 3_000, `closed after ${took} ms`);
    await fixture.stop();
  });

  it('are renewed inside a connection, and topics that are lost end', async () => {
    const fixture = await start();
    const client = await TestClient.ready(fixture.port, bearing('ann/a+b/300'));
    client.send({ type: 'sub', id: 1, topics: ['a', 'b'] });
    await client.heard('subbed', 2);
    client.send({ type: 'auth', id: 2, token: 'ann/a' });
    // Said at once, judged by the new rights.
    client.send({ type: 'pub', id: 3, topic: 'b', data: 1 });
    await client.heard('err', 2);
    const errors = client.of('err').map(({ id, code, topic }) => ({ id, code, topic }));
    assert.equal(errors[0]?.code, 'forbidden');
    assert.equal(errors[0]?.topic, 'b');
    assert.equal(errors[1]?.id, 3);
    assert.equal((await client.heard('acked')).id, 2);
    await fixture.stream.publish({
      topic: 'b',
      identity: '',
      ack: 'leader',
      data: { encoding: 'json', bytes: Buffer.from('1') },
    });
    client.send({ type: 'pub', id: 4, topic: 'a', data: 2 });
    await client.heard('msg');
    assert.deepEqual(client.data, ['2'], 'nothing of the topic that was lost');
    assert.equal(client.closed, undefined);
    await fixture.stop();
  });

  it('that change while a topic is opened decide, and every sub is answered', async (t) => {
    const fixture = await start();
    t.after(() => fixture.stop());
    fixture.stream.unopened = true;
    const client = await TestClient.ready(fixture.port, bearing('ann/a+b+c'));
    client.send({ type: 'sub', id: 1, topics: ['a', 'b'] });
    client.send({ type: 'sub', id: 2, topics: [{ topic: 'c', position: 'fake:0@1000' }] });
    client.send({ type: 'auth', id: 3, token: 'ann/a' });
    await client.heard('acked');
    fixture.stream.openTopics();
    await client.heard('subbed', 3);
    client.send({ type: 'ping', at: 1 });
    await client.heard('pong');
    const answers = client
      .of('subbed')
      .flatMap(({ id, topics }) => topics.map((one) => ({ id, ...one })))
      .map((one) => [one.id, one.topic, 'error' in one ? one.error : 'ok']);
    assert.deepEqual(answers.sort(), [
      [1, 'a', 'ok'],
      [1, 'b', 'forbidden'],
      [2, 'c', 'forbidden'],
    ]);
    assert.deepEqual(client.of('err'), []);
    assert.equal(fixture.hub.state.subscriptions, 1);
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    for (const topic of ['b', 'c', 'a']) {
      await fixture.stream.publish({ topic, identity: '', ack: 'leader', data });
    }
    await client.heard('msg');
    assert.deepEqual(
      client.of('msg').map(({ topic }) => topic),
      ['a'],
    );
  });

  it('of somebody else, or bad ones, do not renew', async () => {
    const fixture = await start();
    const client = await TestClient.ready(fixture.port, bearing('ann/a'));
    client.send({ type: 'auth', id: 2, token: 'bob/a' });
    client.send({ type: 'auth', id: 3, token: 'bad/' });
    client.send({ type: 'ping', at: 1 });
    await client.heard('pong');
    assert.deepEqual(
      client.of('err').map(({ id, code }) => [id, code]),
      [
        [2, 'unauthenticated'],
        [3, 'unauthenticated'],
      ],
    );
    await fixture.stop();
  });

  it('share one rate among all connections of an identity', async () => {
    const settings = { identityPerSecond: 50, identityBurst: 60 };
    const fixture = await start(settings);
    const one = await TestClient.ready(fixture.port, bearing('ann/a'));
    const two = await TestClient.ready(fixture.port, bearing('ann/a'));
    const other = await TestClient.ready(fixture.port, bearing('bob/a'));
    for (let at = 1; at <= 50; at += 1) {
      one.send({ type: 'ping', at });
      two.send({ type: 'ping', at });
    }
    other.send({ type: 'ping', at: 1 });
    await other.heard('pong');
    const began = performance.now();
    await one.heard('pong', 50);
    await two.heard('pong', 50);
    assert.ok(performance.now() - began > 300, 'the two together were slowed down');
    assert.ok((fixture.counted.get('limited:identity') ?? 0) > 0);
    await fixture.stop();
  });

  it('cost what is judged by them: a fresh one all topics, a URL those that it names', async () => {
    const topics = Array.from({ length: 200 }, (_, n) => `t${n}`);
    const token = `ann/${topics.join('+')}`;
    const fixture = await start({ messagesPerSecond: 1, messagesBurst: 40 });
    const client = await TestClient.ready(fixture.port, bearing(token));
    client.send({ type: 'sub', id: 1, topics });
    await client.heard('subbed', topics.length);
    assert.equal(fixture.counted.get('limited:connection'), undefined);
    client.send({ type: 'auth', id: 2, token });
    await client.heard('acked');
    assert.equal(fixture.counted.get('limited:connection'), 1);
    await fixture.stop();
    const strict = await start({ messagesPerSecond: 1, messagesBurst: 10 });
    const path = `/ws?topics=${topics.join(',')},forbidden`;
    const plain = new TestClient(strict.port, { ...bearing(token), path, protocols: [] });
    await plain.heard('err');
    assert.equal(strict.counted.get('limited:connection'), 1);
    await strict.stop();
  });

  it('are not needed where anonymous clients are let in', async () => {
    const anonymous = () => ({ ok: true, identity: everything }) as const;
    const parts = { authenticator: { ...authenticator, anonymous } };
    const fixture = await startEdge({ parts });
    const client = await TestClient.ready(fixture.port);
    assert.equal(client.of('welcome')[0]?.identity, undefined);
    // As it would be behind a proxy on this machine, where a session could be somebody else's.
    const plain = { path: '/ws?topics=a&session=me', protocols: [] };
    const [victim, other] = [
      new TestClient(fixture.port, plain),
      new TestClient(fixture.port, plain),
    ];
    for (const one of [victim, other]) assert.equal((await one.heard('err')).code, 'forbidden');
    assert.deepEqual([victim.closed, other.closed], [undefined, undefined]);
    await fixture.stop();
  });
});
