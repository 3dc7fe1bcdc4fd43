import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { type EdgeFixture, startEdge } from './testing/edge-fixture.ts';
import type { FakeStream } from './testing/fake-stream.ts';
import { RawPeer } from './testing/raw-peer.ts';
import { TestClient } from './testing/test-client.ts';

const settings = { markerMs: 20, messagesBurst: 10_000, heartbeatMs: 60_000 };

describe('sessions with cursors that the server keeps', () => {
  let fixture: EdgeFixture<FakeStream>;
  let writer: TestClient;
  before(async () => {
    fixture = await startEdge({ settings });
    writer = await TestClient.ready(fixture.port);
  });
  after(() => fixture.stop());

  let published = 0;
  async function publish(topic: string, ...all: readonly unknown[]): Promise<void> {
    for (const data of all) {
      published += 1;
      writer.send({ type: 'pub', id: published, topic, data });
    }
    await writer.heard('acked', published);
  }

  const plain = (query: string, options = {}) =>
    new TestClient(fixture.port, { path: `/ws?${query}`, protocols: [], ...options }).opened();

  const savedSeq = (session: string, topic: string) =>
    fixture.stream.saved
      .filter((save) => save.session === session)
      .map(({ changed }) => changed.get(topic)?.seq)
      .findLast((seq) => seq !== undefined);

  const subscribed = (session: string, topic: string) =>
    until(() => savedSeq(session, topic) !== undefined, { for: `${session} in ${topic}` });

  it('gives a plain client what it missed first, and nothing but messages', async () => {
    const first = await plain('topics=a,b&session=me');
    await subscribed('me', 'b');
    await publish('a', 1);
    await first.heard('msg');
    await until(() => savedSeq('me', 'a') === 1, { for: 'the cursor moved by a pong' });
    first.ws.close();
    await first.closing();
    await publish('a', 2, 3);
    await publish('b', 'x');
    const second = await plain('topics=a,b&session=me');
    await publish('a', 4);
    await second.heard('msg', 4);
    assert.deepEqual(
      second.data.filter((text) => text !== '"x"'),
      ['2', '3', '4'],
    );
    assert.deepEqual(new Set(second.events.map(({ type }) => type)), new Set(['msg']));
    second.ws.close();
  });

  it('does not move the cursor of a client that was sent messages and read none', async () => {
    const frozen = await RawPeer.upgraded(fixture.port, { path: '/ws?topics=f&session=ice' });
    await subscribed('ice', 'f');
    // Frozen: its kernel takes everything, nobody reads it, no ping is answered.
    frozen.socket.pause();
    await publish('f', 1, 2, 3);
    await until(() => fixture.stream.head('f').seq === 3, { for: 'all written' });
    frozen.socket.destroy();
    const back = await plain('topics=f&session=ice');
    await back.heard('msg', 3);
    assert.deepEqual(back.data, ['1', '2', '3']);
    assert.equal(savedSeq('ice', 'f') === 3, false, 'not before the pong of the new one');
    back.ws.close();
  });

  it('confirms by the newest pong alone', async () => {
    const peer = await RawPeer.upgraded(fixture.port, { path: '/ws?topics=n&session=newest' });
    await subscribed('newest', 'n');
    await publish('n', 1);
    await until(() => peer.frames.some(({ opcode }) => opcode === 9), { for: 'a marker' });
    const order = peer.frames.map(({ opcode }) => opcode);
    assert.deepEqual(order, [1, 9], 'the marker stands behind the message that it covers');
    const [marker] = peer.frames.filter(({ opcode }) => opcode === 9);
    assert.equal(savedSeq('newest', 'n'), 0);
    peer.send({ opcode: 10, payload: marker?.payload ?? '' });
    await until(() => savedSeq('newest', 'n') === 1, { for: 'the cursor' });
    peer.socket.destroy();
  });

  it('closes the older holder when a session is opened again', async () => {
    const first = await plain('topics=t&session=one');
    await subscribed('one', 't');
    const second = await plain('topics=t&session=one');
    const { code, reason } = await first.closing();
    assert.equal(code, 4501);
    assert.equal(reason, 'session_taken');
    await publish('t', 1);
    await second.heard('msg');
    second.ws.close();
  });

  it('tells a client whose session was forgotten for newer ones, and serves it on', async () => {
    const { stream } = fixture;
    stream.forgetful = true;
    const client = await plain('topics=t,u&session=old');
    const told = await client.heard('err');
    stream.forgetful = false;
    assert.equal(told.code, 'too_many_sessions');
    await publish('t', 1, 2);
    await client.heard('msg', 2);
    assert.equal(client.events.filter(({ type }) => type === 'err').length, 1);
    assert.equal(savedSeq('old', 't'), undefined);
    client.ws.close();
  });

  it('closes the holder when the session is opened on another gateway', async () => {
    const client = await plain('topics=t&session=two');
    await subscribed('two', 't');
    const session = { identity: '', session: 'two' };
    fixture.stream.tell({ type: 'superseded', session, generation: 1 });
    await publish('t', 1);
    await client.heard('msg');
    assert.equal(client.closed, undefined, 'its own generation does not close it');
    fixture.stream.tell({ type: 'superseded', session, generation: 2 });
    assert.equal((await client.closing()).code, 4501);
  });

  it('continues at the cursor when a hello names the session', async () => {
    const hello = { session: 'named' };
    const first = await TestClient.ready(fixture.port, {}, hello);
    assert.equal(first.of('welcome')[0]?.session, 'named');
    first.send({ type: 'sub', id: 1, topics: ['h'] });
    await first.heard('subbed');
    await subscribed('named', 'h');
    first.ws.close();
    await publish('h', 1, 2);
    const second = await TestClient.ready(fixture.port, {}, hello);
    second.send({ type: 'sub', id: 1, topics: ['h'] });
    await second.heard('msg', 2);
    assert.equal(second.of('subbed').length, 1);
    second.ws.close();
  });

  it('moves the cursor of a client that acks by its acks alone', async () => {
    const client = await TestClient.ready(fixture.port, {}, { session: 'acks', features: ['ack'] });
    const other = await TestClient.ready(fixture.port, {}, { session: 'pongs' });
    for (const one of [client, other]) {
      one.send({ type: 'sub', id: 1, topics: ['k'] });
      await one.heard('subbed');
    }
    await subscribed('acks', 'k');
    await publish('k', 1, 2, 3);
    await client.heard('msg', 3);
    await until(() => savedSeq('pongs', 'k') === 3, { for: 'the cursor that pongs move' });
    assert.equal(savedSeq('acks', 'k'), 0, 'from the first message on');
    const position = (seq: number) => [{ topic: 'k', position: `fake:${seq}@1000` }];
    client.send({ type: 'ack', positions: position(2) });
    await until(() => savedSeq('acks', 'k') === 2, { for: 'the cursor' });
    client.send({ type: 'ack', positions: position(7) });
    assert.equal((await client.heard('err')).code, 'bad_position');
    client.ws.close();
    await client.closing();
    const back = await TestClient.ready(fixture.port, {}, { session: 'acks', features: ['ack'] });
    back.send({ type: 'sub', id: 1, topics: ['k'] });
    await back.heard('msg');
    assert.deepEqual(back.data, ['3']);
    back.ws.close();
  });

  it('says in its welcome whether acks move cursors', async () => {
    const featuresOf = async (hello: object, options = {}) => {
      const client = await TestClient.ready(fixture.port, options, hello);
      client.ws.close();
      return client.of('welcome')[0]?.features;
    };
    assert.deepEqual(await featuresOf({ session: 'f', features: ['ack', 'unheard-of'] }), ['ack']);
    assert.deepEqual(await featuresOf({ session: 'f' }), []);
    assert.deepEqual(await featuresOf({ features: ['ack'] }), [], 'no cursors are kept');
  });

  it('forgets the cursor of a topic that the client left', async () => {
    const client = await TestClient.ready(fixture.port, {}, { session: 'leaver' });
    client.send({ type: 'sub', id: 1, topics: ['left'] });
    await subscribed('leaver', 'left');
    client.send({ type: 'unsub', id: 2, topics: ['left'] });
    const forgotten = () =>
      fixture.stream.saved.some(
        ({ session, changed }) =>
          session === 'leaver' && changed.has('left') && changed.get('left') === undefined,
      );
    await until(forgotten, { for: 'its cursor to be removed' });
    client.ws.close();
  });

  it('keeps the sessions of two identities apart', async () => {
    const ann = { headers: { authorization: 'Bearer ann' } };
    const bob = { headers: { authorization: 'Bearer bob' } };
    const first = await plain('topics=i&session=same', ann);
    await subscribed('same', 'i');
    const second = await plain('topics=i&session=same', bob);
    await publish('i', 1);
    await first.heard('msg');
    await second.heard('msg');
    assert.equal(first.closed, undefined);
    first.ws.close();
    second.ws.close();
  });

  it('answers what is wrong in a URL and serves the rest', async () => {
    const client = await plain('topics=%00,good,%zz&session=me%40home');
    await client.heard('err', 3);
    assert.deepEqual(
      client
        .of('err')
        .map(({ code }) => code)
        .sort(),
      ['bad_request', 'bad_topic', 'bad_topic'],
    );
    await until(() => fixture.hub.state.subscriptions > 0, { for: 'the other one' });
    await publish('good', 1);
    await client.heard('msg');
    client.ws.close();
  });

  it('waits for the store at hello and lets the client come back later', async () => {
    const waiting = await TestClient.ready(fixture.port);
    waiting.ws.close();
    fixture.stream.down = true;
    const client = await new TestClient(fixture.port).opened();
    client.send({ type: 'hello', session: 'late' });
    client.send({ type: 'ping', at: 1 });
    await until(() => fixture.edge.status().states.opening === 1, { for: 'it waits' });
    fixture.stream.down = false;
    await client.heard('pong');
    assert.deepEqual(
      client.events.map(({ type }) => type),
      ['welcome', 'pong'],
      'what was said meanwhile is answered after the welcome',
    );
    client.ws.close();
  });
});
