import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { systemClock } from '../../protocol/clock.ts';
import { msgpackCodec } from '../../protocol/msgpack.ts';
import { streamSettings } from '../settings/declaration.ts';
import { MemoryLog } from '../stream/memory/memory-log.ts';
import { MemoryStore } from '../stream/memory/memory-store.ts';
import { TopicStream } from '../stream/topic-stream.ts';
import { type EdgeFixture, startEdge } from './testing/edge-fixture.ts';
import { RawPeer } from './testing/raw-peer.ts';
import { TestClient } from './testing/test-client.ts';

const clock = systemClock;
const random = Math.random;
const streams = streamSettings.parse({ probeIntervalMs: 100 });
const settings = {
  markerMs: 20,
  outboxBytes: 64 * 1024,
  messagesPerSecond: 100_000,
  messagesBurst: 100_000,
};

/** A gateway as it is: edge, hub, stream, on a memory store that it shares with others. */
async function startGateway(store: MemoryStore, pod: string): Promise<EdgeFixture<TopicStream>> {
  const fixture = await startEdge<TopicStream>({
    settings,
    parts: { pod, retentionS: streams.retentionS },
    stream: (onStream) =>
      new TopicStream({
        log: new MemoryLog(store, pod),
        listener: { onStream },
        settings: streams,
        replicas: 0,
        clock,
        random,
      }),
  });
  await fixture.stream.start(2_000);
  return fixture;
}

describe('the edge on hub, stream and memory store', () => {
  let one: EdgeFixture<TopicStream>;
  let two: EdgeFixture<TopicStream>;
  before(async () => {
    const store = new MemoryStore({ clock, random, settings: streams });
    one = await startGateway(store, 'one');
    two = await startGateway(store, 'two');
  });
  after(async () => {
    for (const gateway of [one, two]) {
      await gateway.stop();
      await gateway.stream.stop(1_000);
    }
  });

  async function publish(client: TestClient, topic: string, all: readonly unknown[]) {
    const { length } = client.of('acked');
    let id = length + client.of('err').length + 1_000;
    for (const data of all) {
      id += 1;
      client.send({ type: 'pub', id, topic, data });
    }
    await client.heard('acked', length + all.length);
  }

  const numbers = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index);

  it('welcomes, subscribes, publishes and delivers across gateways', async () => {
    const reader = await TestClient.ready(one.port, {}, { id: 1 });
    const [welcome] = reader.of('welcome');
    assert.equal(welcome?.id, 1);
    assert.equal(welcome?.pod, 'one');
    assert.match(welcome?.session ?? '', /^[\w-]{22}$/);
    reader.send({ type: 'sub', id: 2, topics: ['a'] });
    assert.equal((await reader.heard('subbed')).id, 2);
    const writer = await TestClient.ready(two.port);
    const producer = { id: 'p', seq: 1 };
    writer.send({ type: 'pub', id: 3, topic: 'a', data: { hi: 1.0 }, producer });
    const acked = await writer.heard('acked');
    const message = await reader.heard('msg');
    assert.equal(acked.id, 3);
    assert.deepEqual(acked.position?.seq, message.position.seq);
    assert.equal(acked.position?.epoch, message.position.epoch);
    assert.equal(message.id, 'p:1');
    assert.deepEqual(reader.data, ['{"hi":1}']);
    writer.send({ type: 'pub', id: 4, topic: 'a', data: { hi: 1.0 }, producer });
    assert.equal((await writer.heard('acked', 2)).duplicate, true);
    writer.send({ type: 'pub', id: 5, topic: 'a', data: 'other', producer });
    assert.equal((await writer.heard('err')).code, 'conflict');
    const late = { type: 'pub', topic: 'a', data: 1, retry: true } as const;
    writer.send({ ...late, id: 6, producer: { id: 'p', seq: 3 } });
    await writer.heard('acked', 3);
    writer.send({ ...late, id: 7, producer: { id: 'p', seq: 2 } });
    assert.equal((await writer.heard('err', 2)).code, 'out_of_order');
    reader.ws.close();
    writer.ws.close();
  });

  it('resumes on another gateway without loss or double', async () => {
    const writer = await TestClient.ready(one.port);
    const first = await TestClient.ready(one.port);
    first.send({ type: 'sub', id: 1, topics: ['b'] });
    await first.heard('subbed');
    await publish(writer, 'b', numbers(1, 50));
    const last = await first.heard('msg', 50);
    first.ws.terminate();
    await publish(writer, 'b', numbers(51, 300));
    const second = await TestClient.ready(two.port);
    const { epoch, seq, confirmed } = last.position;
    const position = `${epoch}:${seq}@${confirmed}`;
    second.send({ type: 'sub', id: 1, topics: [{ topic: 'b', position }] });
    await publish(writer, 'b', numbers(301, 400));
    await second.heard('msg', 350);
    assert.deepEqual(second.data.map(Number), numbers(51, 400));
    second.ws.close();
    writer.ws.close();
  });

  it('gives a plain client on another gateway what it never read', async () => {
    const writer = await TestClient.ready(one.port);
    const path = '/ws?topics=p&session=me';
    const reading = await new TestClient(one.port, { path, protocols: [] }).opened();
    await until(() => (one.counted.get('cursors:saved:1') ?? 0) === 1, { for: 'its start' });
    await publish(writer, 'p', numbers(1, 3));
    await reading.heard('msg', 3);
    await until(() => (one.counted.get('cursors:saved:1') ?? 0) >= 2, { for: 'its cursor' });
    reading.ws.terminate();
    const frozen = await RawPeer.upgraded(two.port, { path });
    await until(() => two.hub.state.subscriptions > 0, { for: 'its subscription' });
    await publish(writer, 'p', numbers(4, 8));
    await until(() => frozen.frames.some(({ opcode }) => opcode === 9), { for: 'a marker' });
    frozen.socket.destroy();
    await publish(writer, 'p', numbers(9, 10));
    const back = await new TestClient(one.port, { path, protocols: [] }).opened();
    await back.heard('msg', 7);
    assert.deepEqual(back.data.map(Number), numbers(4, 10));
    back.ws.close();
    writer.ws.close();
  });

  it('closes a session that is opened on another gateway', async () => {
    const path = '/ws?topics=s&session=moved';
    const first = await new TestClient(one.port, { path, protocols: [] }).opened();
    await until(() => one.hub.state.subscriptions > 0, { for: 'its subscription' });
    const second = await new TestClient(two.port, { path, protocols: [] }).opened();
    assert.equal((await first.closing()).code, 4501);
    assert.equal(second.closed, undefined);
    second.ws.close();
  });

  it('brings a slow client up from the log, in order', async () => {
    const writer = await TestClient.ready(two.port);
    const slow = await TestClient.ready(one.port);
    slow.send({ type: 'sub', id: 1, topics: ['f'] });
    await slow.heard('subbed');
    slow.ws.pause();
    const padding = 'x'.repeat(40_000);
    for (let burst = 0; burst < 10; burst += 1) {
      await publish(
        writer,
        'f',
        numbers(1, 40).map((n) => `${burst * 40 + n} ${padding}`),
      );
    }
    await until(() => one.edge.status().slow === 1, { for: 'a slow one' });
    slow.ws.resume();
    await slow.heard('msg', 400);
    assert.deepEqual(
      slow.of('msg').map(({ position }) => position.seq),
      numbers(1, 400),
    );
    assert.equal(slow.of('gap').length, 0);
    slow.ws.close();
    writer.ws.close();
  });

  it('gives every subscriber its own encoding of the same message', async () => {
    const writer = await TestClient.ready(one.port);
    const text = await TestClient.ready(one.port);
    text.send({ type: 'sub', id: 1, topics: ['m'] });
    const binary = await RawPeer.upgraded(one.port, {
      headers: ['Sec-WebSocket-Protocol: wscluster.v1.msgpack'],
    });
    const say = (command: Parameters<typeof msgpackCodec.encodeCommand>[0]) =>
      binary.send({ opcode: 2, payload: Buffer.from(msgpackCodec.encodeCommand(command)) });
    say({ type: 'hello' });
    say({ type: 'sub', id: 1, topics: [{ topic: 'm' }] });
    await text.heard('subbed');
    await until(() => binary.frames.length === 2, { for: 'subbed' });
    await publish(writer, 'm', [{ a: [1, null, 'x'] }]);
    await text.heard('msg');
    await until(() => binary.frames.length === 3, { for: 'the message' });
    const event = msgpackCodec.decodeEvent(binary.frames[2]?.payload ?? Buffer.alloc(0));
    assert.ok(event.ok && event.value.type === 'msg');
    assert.equal(event.value.data.encoding, 'msgpack');
    assert.deepEqual(event.value.position, text.of('msg')[0]?.position);
    assert.deepEqual(text.data, ['{"a":[1,null,"x"]}']);
    for (const client of [writer, text]) client.ws.close();
    binary.socket.destroy();
  });

  it('ends a subscription at once and can begin it again', async () => {
    const client = await TestClient.ready(one.port);
    client.send({ type: 'sub', id: 1, topics: ['u', 'u', 'v'] });
    await client.heard('subbed', 2);
    client.send({ type: 'unsub', id: 2, topics: ['u', 'never'] });
    await client.heard('acked');
    await publish(client, 'u', [1]);
    await publish(client, 'v', [2]);
    await client.heard('msg');
    client.send({ type: 'sub', id: 3, topics: ['u'] });
    await client.heard('subbed', 3);
    await publish(client, 'u', [3]);
    await client.heard('msg', 2);
    assert.deepEqual(client.data, ['2', '3']);
    client.ws.close();
  });

  it('counts the way of every connection and forgets them all', async () => {
    await until(() => one.edge.status().connections === 0, { for: 'nobody on one' });
    await until(() => two.edge.status().connections === 0, { for: 'nobody on two' });
    const { counted } = one;
    const began = counted.get('state::opening') ?? 0;
    assert.ok(began > 5);
    const ended = [...counted].filter(([key]) => /^state:\w+:closed$/.test(key));
    assert.equal(
      ended.reduce((sum, [, count]) => sum + count, 0),
      began,
    );
    assert.equal(counted.get('state:opening:open'), began);
    assert.equal(one.edge.status().sessions, 0);
    assert.equal(one.hub.state.subscriptions, 0);
  });
});
