import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { startEdge } from './testing/edge-fixture.ts';
import { RawPeer } from './testing/raw-peer.ts';
import { TestClient } from './testing/test-client.ts';

const settings = { heartbeatMs: 100, pongTimeoutMs: 50, missedPings: 3, idleAfterMs: 250 };

describe('liveness', () => {
  it('ends a peer that answers nothing, in bound, and keeps one that answers pings', async () => {
    const fixture = await startEdge({ settings });
    const living = await TestClient.ready(fixture.port);
    const frozen = await RawPeer.upgraded(fixture.port);
    frozen.say({ type: 'hello' });
    await until(() => frozen.events.length === 1, { for: 'a welcome' });
    const began = performance.now();
    await until(() => frozen.ended, { for: 'the end of the frozen one' });
    const took = performance.now() - began;
    assert.ok(took > 200 && took < 3_000, `${took} ms for three pings 100 ms apart`);
    assert.equal(fixture.counted.get('closed:4005'), 1);
    assert.equal(living.closed, undefined);
    assert.ok(living.pings >= 2);
    assert.ok([...fixture.counted.keys()].some((key) => key.startsWith('roundTrip:')));
    await fixture.stop();
  });

  it('counts every change of health and takes a zombie back', async () => {
    const fixture = await startEdge({ settings: { ...settings, missedPings: 10 } });
    const peer = await RawPeer.upgraded(fixture.port);
    peer.say({ type: 'hello' });
    await until(() => fixture.edge.status().healths.zombie === 1, { for: 'a zombie' });
    peer.say({ type: 'ping', at: 1 });
    await until(() => fixture.edge.status().healths.fast === 1, { for: 'an active one' });
    assert.ok((fixture.counted.get('health:fast:zombie') ?? 0) >= 1);
    assert.ok((fixture.counted.get('health:zombie:fast') ?? 0) >= 1);
    peer.socket.destroy();
    await until(() => fixture.edge.status().connections === 0, { for: 'nobody' });
    await fixture.stop();
  });

  it('is idle without application traffic, and active with it', async () => {
    const fixture = await startEdge({ settings });
    const client = await TestClient.ready(fixture.port);
    await until(() => fixture.edge.status().healths.idle === 1, { for: 'an idle one' });
    client.send({ type: 'ping', at: 1 });
    await until(() => fixture.edge.status().healths.fast === 1, { for: 'an active one' });
    client.ws.terminate();
    await fixture.stop();
  });

  it('sends a tick when nothing else was sent for an interval, with fresh positions', async () => {
    const fixture = await startEdge({ settings });
    const client = await TestClient.ready(fixture.port);
    client.send({ type: 'sub', id: 1, topics: ['a'] });
    await client.heard('subbed');
    const tick = await client.heard('tick', 2);
    assert.equal(tick.positions[0]?.topic, 'a');
    const before = client.of('tick').length;
    const end = performance.now() + 400;
    for (let at = 0; performance.now() < end; at += 1) {
      client.send({ type: 'ping', at });
      await client.heard('pong', at + 1);
      await until(() => performance.now() % 20 < 10, { for: 'a while', everyMs: 2 });
    }
    assert.ok(client.of('tick').length <= before + 1, 'none while something is sent');
    client.ws.terminate();
    await fixture.stop();
  });

  it('gives a plain client no ticks', async () => {
    const fixture = await startEdge({ settings });
    const client = new TestClient(fixture.port, { path: '/ws?topics=a', protocols: [] });
    await client.opened();
    await until(() => client.pings >= 4, { for: 'four intervals' });
    assert.deepEqual(client.events, []);
    client.ws.terminate();
    await fixture.stop();
  });

  it('spreads the positions of many topics over ticks of at most 256', async () => {
    const fixture = await startEdge({ settings });
    const client = await TestClient.ready(fixture.port);
    const topics = Array.from({ length: 600 }, (_, n) => `t${n}`);
    client.send({ type: 'sub', id: 1, topics });
    await client.heard('subbed', 600);
    const first = client.of('tick').length;
    await client.heard('tick', first + 4);
    const ticks = client.of('tick').slice(first, first + 4);
    assert.ok(ticks.every(({ positions }) => positions.length <= 256));
    const named = new Set(ticks.flatMap(({ positions }) => positions.map(({ topic }) => topic)));
    assert.ok(named.size > 500, `${named.size} topics in four ticks`);
    client.ws.terminate();
    await fixture.stop();
  });

  it('tells of staleness once, and newcomers too', async () => {
    const fixture = await startEdge();
    const client = await TestClient.ready(fixture.port);
    client.send({ type: 'sub', id: 1, topics: ['a'] });
    await client.heard('subbed');
    fixture.stream.tell({ type: 'stale', stale: true });
    await client.heard('stale');
    const newcomer = await TestClient.ready(fixture.port);
    assert.equal((await newcomer.heard('stale')).stale, true);
    fixture.stream.tell({ type: 'stale', stale: false });
    await client.heard('stale', 2);
    await newcomer.heard('stale', 2);
    assert.deepEqual(
      client.of('stale').map(({ stale }) => stale),
      [true, false],
    );
    await fixture.stop();
  });
});
