import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { startEdge } from './testing/edge-fixture.ts';
import { RawPeer } from './testing/raw-peer.ts';
import { TestClient } from './testing/test-client.ts';

const TOPIC = 'firehose';
const MESSAGES = 200;
const MESSAGE = 'x'.repeat(50_000);

async function flood(writer: TestClient, from: number): Promise<void> {
  const { length } = writer.of('acked');
  for (let n = 0; n < MESSAGES; n += 1) {
    writer.send({ type: 'pub', id: from + n, topic: TOPIC, data: `${from + n} ${MESSAGE}` });
  }
  await writer.heard('acked', length + MESSAGES);
}

const settings = {
  outboxBytes: 64 * 1024,
  messagesPerSecond: 100_000,
  messagesBurst: 100_000,
  slowTimeoutMs: 60_000,
};

describe('a slow consumer', () => {
  it('is held at the limit, hurts nobody, and gets everything from the log later', async () => {
    const fixture = await startEdge({ settings });
    const writer = await TestClient.ready(fixture.port);
    const slow = await TestClient.ready(fixture.port);
    const fast = await TestClient.ready(fixture.port);
    for (const client of [slow, fast]) {
      client.send({ type: 'sub', id: 1, topics: [TOPIC] });
      await client.heard('subbed');
    }
    slow.ws.pause();
    // More than the kernel's buffers take.
    await flood(writer, 1);
    await fast.heard('msg', MESSAGES);
    await until(() => fixture.edge.status().slow === 1, { for: 'a slow one' });
    assert.ok(slow.of('msg').length < MESSAGES);
    slow.ws.resume();
    await slow.heard('msg', MESSAGES);
    await flood(writer, MESSAGES + 1);
    await slow.heard('msg', 2 * MESSAGES);
    const seqs = slow.of('msg').map(({ position }) => position.seq);
    assert.deepEqual(
      seqs,
      Array.from({ length: 2 * MESSAGES }, (_, n) => n + 1),
      'all, once, in order',
    );
    await until(() => fixture.edge.status().slow === 0, { for: 'nobody slow' });
    assert.ok((fixture.counted.get('slow:ended') ?? 0) >= 1);
    await fixture.stop();
  });

  it('is closed when it reads nothing at all', async () => {
    const fixture = await startEdge({
      settings: { ...settings, slowTimeoutMs: 300, heartbeatMs: 60_000 },
    });
    const writer = await TestClient.ready(fixture.port);
    const dead = await RawPeer.upgraded(fixture.port);
    dead.say({ type: 'hello' });
    dead.say({ type: 'sub', id: 1, topics: [TOPIC] });
    await until(() => dead.events.length === 2, { for: 'subbed' });
    dead.socket.pause();
    await flood(writer, 1);
    await until(() => fixture.counted.get('slow:closed') === 1, { for: 'the verdict' });
    await until(() => fixture.edge.status().connections === 1, {
      for: 'its end',
      deadlineMs: 8_000,
    });
    assert.equal(fixture.counted.get('closed:4003'), 1);
    dead.socket.destroy();
    await fixture.stop();
  });

  it('gets no pongs on top of what it does not read', async () => {
    const fixture = await startEdge({ settings });
    const writer = await TestClient.ready(fixture.port);
    const peer = await RawPeer.upgraded(fixture.port);
    const pongs = () =>
      peer.frames.filter(({ opcode }) => opcode === 10).map(({ payload }) => String(payload));
    const served = () => fixture.stream.drafts.some(({ topic }) => topic === 'elsewhere');
    peer.say({ type: 'hello' });
    peer.say({ type: 'sub', id: 1, topics: [TOPIC] });
    await until(() => peer.events.length === 2, { for: 'subbed' });
    peer.socket.pause();
    await flood(writer, 1);
    await until(() => fixture.edge.status().slow === 1, { for: 'a slow one' });
    peer.send({ opcode: 9, payload: 'unread' });
    peer.say({ type: 'pub', id: 2, topic: 'elsewhere', data: 1 });
    await until(served, { for: 'what was said behind the ping' });
    peer.socket.resume();
    await until(() => fixture.edge.status().slow === 0, { for: 'nobody slow' });
    peer.send({ opcode: 9, payload: 'read' });
    await until(() => pongs().includes('read'), { for: 'a pong' });
    assert.deepEqual(pongs(), ['read']);
    peer.socket.destroy();
    await fixture.stop();
  });

  it('stops reading from a publisher whose publishes are not answered', async () => {
    const fixture = await startEdge({ settings: { ...settings, publishesInFlight: 8 } });
    const { stream } = fixture;
    const writer = await TestClient.ready(fixture.port);
    stream.holding = true;
    for (let id = 1; id <= 100; id += 1) writer.send({ type: 'pub', id, topic: 't', data: id });
    await until(() => stream.drafts.length === 8, { for: 'eight publishes' });
    const other = await TestClient.ready(fixture.port);
    other.send({ type: 'ping', at: 1 });
    await other.heard('pong');
    assert.equal(stream.drafts.length, 8, 'not one more');
    stream.holding = false;
    stream.release();
    await writer.heard('acked', 100);
    assert.deepEqual(
      writer.of('acked').map(({ id }) => id),
      Array.from({ length: 100 }, (_, n) => n + 1),
      'all, in order',
    );
    await fixture.stop();
  });
});
