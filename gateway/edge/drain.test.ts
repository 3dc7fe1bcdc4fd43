import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { systemClock } from '../../protocol/clock.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { MoveTokens } from './move-tokens.ts';
import { servedInPlace } from './placement.ts';
import { PodKeys, publicHalf } from './pod-keys.ts';
import { startEdge } from './testing/edge-fixture.ts';
import { RawPeer, upgradeRequest } from './testing/raw-peer.ts';
import { TestClient } from './testing/test-client.ts';

const placement = servedInPlace(20);
const settings = {
  drainGraceMs: 300,
  drainDeadlineMs: 20_000,
  markerMs: 20,
};
const empty = { forced: 0, cancelled: false };
const hurried = { ...settings, drainGraceMs: 0 };

const { privateKey } = generateKeyPairSync('ed25519');
const keys = new PodKeys(() => publicHalf(privateKey));
const moveTokens = new MoveTokens({
  ...{ pod: 'test', cluster: 'chat', privateKey, keys, clock: systemClock },
});

async function crowd(port: number, count: number): Promise<TestClient[]> {
  return Promise.all(Array.from({ length: count }, () => TestClient.ready(port)));
}

describe('a drain', () => {
  it('accepts during the grace, then sends everybody away at the pace of the budget', async () => {
    const fixture = await startEdge({ settings, parts: { placement } });
    const clients = await crowd(fixture.port, 20);
    assert.equal(fixture.edge.ready, true);
    const drained = fixture.edge.drain();
    assert.equal(fixture.edge.ready, false, 'not ready from the first moment');
    assert.equal(fixture.edge.status().drain, 'announced');
    clients.push(await TestClient.ready(fixture.port));
    assert.ok(clients.every(({ closed }) => closed === undefined));
    await until(() => fixture.edge.status().drain === 'leaving', { for: 'the end of the grace' });
    const late = new RawPeer(fixture.port);
    late.socket.write(upgradeRequest(fixture.port, []));
    await until(() => late.text.startsWith('HTTP/1.1 503'), { for: 'a refusal' });
    const began = performance.now();
    assert.deepEqual(await drained, empty);
    const took = performance.now() - began;
    assert.ok(took > 600 && took < 5_000, `21 clients at 20 per second took ${took} ms`);
    for (const client of clients) assert.equal((await client.closing()).code, 4000);
    assert.equal(fixture.counted.get('moved:paced'), 21);
    assert.equal(fixture.edge.status().drain, 'empty');
    await fixture.stop();
  });

  it('answers publishes in flight and saves cursors before it closes', async () => {
    const fixture = await startEdge({ settings: hurried, parts: { placement } });
    const { stream, port } = fixture;
    const plain = new TestClient(port, { path: '/ws?topics=a&session=s', protocols: [] });
    await plain.opened();
    await until(() => stream.saved.length > 0, { for: 'its session' });
    const writer = await TestClient.ready(port);
    writer.send({ type: 'pub', id: 1, topic: 'a', data: 1 });
    await plain.heard('msg');
    stream.holding = true;
    writer.send({ type: 'pub', id: 2, topic: 'b', data: 2 });
    await until(() => stream.drafts.length === 2, { for: 'a publish in flight' });
    const drained = fixture.edge.drain();
    assert.equal((await plain.closing()).code, 4000);
    assert.equal(stream.saved.at(-1)?.changed.get('a')?.seq, 1);
    assert.equal(writer.closed, undefined, 'it waits for its answer');
    stream.release();
    assert.equal((await writer.closing()).code, 4000);
    assert.deepEqual(
      writer.of('acked').map(({ id }) => id),
      [1, 2],
    );
    await drained;
    await fixture.stop();
  });

  it('asks who can move to go elsewhere, once more when it did not, and closes it', async () => {
    const refuge = () => ({ pod: 'b', to: 'ws://b/ws' });
    const fixture = await startEdge({
      settings: { ...hurried, drainDeadlineMs: 4_000 },
      parts: { placement: { ...placement, refuge }, moveTokens },
    });
    const hello = { features: ['move'] };
    const [goes, stays] = [
      await TestClient.ready(fixture.port, {}, hello),
      await TestClient.ready(fixture.port, {}, hello),
    ];
    const [unable] = await crowd(fixture.port, 1);
    const drained = fixture.edge.drain();
    const { to, reason, within, token } = await goes.heard('move');
    assert.deepEqual([to, reason], ['ws://b/ws', 'drain']);
    assert.ok(within > 1_000 && within <= 2_000, `${within} of 4000 ms`);
    const { session } = await goes.heard('welcome');
    assert.deepEqual(moveTokens.check(token, ''), { outcome: 'ok', session, ring: undefined });
    await stays.heard('move');
    assert.equal((await unable?.closing())?.code, 4000);
    const began = performance.now();
    goes.ws.close(1000);
    const second = await stays.heard('move', 2);
    assert.ok(performance.now() - began > 1_000, 'it had its time');
    assert.deepEqual([second.to, second.reason], [undefined, 'drain'], 'anywhere else');
    assert.ok(second.within < 1_000, `${second.within} of what is left`);
    assert.equal((await stays.closing()).code, 4000);
    assert.equal(stays.of('move').length, 2);
    assert.deepEqual(await drained, empty);
    assert.equal(fixture.counted.get('departed:in_time'), 1);
    assert.equal(fixture.counted.get('departed:late'), 1);
    await fixture.stop();
  });

  it('asks nobody a third time, however long it may take', async (t) => {
    const clock = new ManualClock();
    const fixture = await startEdge({
      settings: { ...hurried, drainDeadlineMs: 300_000 },
      parts: { placement, moveTokens, clock },
    });
    t.after(() => fixture.stop());
    const client = await TestClient.ready(fixture.port, {}, { features: ['move'] });
    const drained = fixture.edge.drain();
    const passed = async (holds: () => boolean) => {
      const began = clock.now();
      const step = async () => {
        await clock.advance(100);
        return holds();
      };
      await until(step, { for: 'the next step', everyMs: 1 });
      return clock.now() - began;
    };
    await passed(() => client.of('move').length === 1);
    const second = await passed(() => client.of('move').length === 2);
    const end = await passed(() => client.closed !== undefined);
    for (const ms of [second, end]) assert.ok(ms > 24_000 && ms < 28_000, `${ms} ms`);
    assert.deepEqual([client.closed?.code, client.of('move').length], [4000, 2]);
    assert.deepEqual(await drained, empty);
  });

  it('has no more time for who was asked before it began', async () => {
    const elsewhere = () => ({ pod: 'b', to: 'ws://b/ws' });
    const fixture = await startEdge({
      settings: { ...hurried, drainDeadlineMs: 4_000 },
      parts: { placement: { ...placement, elsewhere }, moveTokens },
    });
    const hello = { features: ['move'], session: 's' };
    const client = await TestClient.ready(fixture.port, {}, hello);
    assert.equal((await client.heard('move')).reason, 'redirect');
    const drained = fixture.edge.drain();
    const { reason, within } = await client.heard('move', 2);
    assert.equal(reason, 'drain');
    assert.ok(within <= 2_000, `${within}`);
    assert.equal((await client.closing()).code, 4000);
    assert.deepEqual(await drained, empty);
    await fixture.stop();
  });

  it('called off lets everybody stay, and can begin again', async () => {
    const fixture = await startEdge({ settings, parts: { placement } });
    const clients = await crowd(fixture.port, 20);
    const drained = fixture.edge.drain();
    await until(() => clients.some(({ closed }) => closed !== undefined), { for: 'the first one' });
    fixture.edge.cancelDrain();
    assert.deepEqual(await drained, { forced: 0, cancelled: true });
    assert.equal(fixture.edge.ready, true);
    const stayed = clients.filter(({ closed }) => closed === undefined);
    assert.ok(stayed.length > 10, `${stayed.length} stay`);
    const late = await TestClient.ready(fixture.port);
    for (const client of [...stayed.slice(-1), late]) {
      client.send({ type: 'ping', at: 1 });
      await client.heard('pong');
    }
    assert.deepEqual(await fixture.edge.drain(), empty);
    assert.equal((await late.closing()).code, 4000);
    fixture.edge.cancelDrain();
    await TestClient.ready(fixture.port);
    await fixture.stop();
  });

  it('told of a sooner end goes by it, in its grace and after, and by no later one', async () => {
    for (const grace of [10_000, 0]) {
      const fixture = await startEdge({
        settings: { ...settings, drainGraceMs: grace, drainDeadlineMs: 60_000 },
        parts: { placement: servedInPlace(1) },
      });
      const clients = await crowd(fixture.port, 30);
      const began = performance.now();
      const drained = fixture.edge.drain();
      const phase = grace === 0 ? 'leaving' : 'announced';
      await until(() => fixture.edge.status().drain === phase, { for: phase });
      void fixture.edge.drain(1_500);
      void fixture.edge.drain(30_000);
      const { drainRemainingMs = 0 } = fixture.edge.status();
      assert.ok(drainRemainingMs > 1_000 && drainRemainingMs <= 1_500, `${drainRemainingMs}`);
      assert.deepEqual(await drained, empty);
      assert.ok(performance.now() - began < 4_000);
      for (const client of clients) assert.equal((await client.closing()).code, 4000);
      assert.ok((fixture.counted.get('moved:hurried') ?? 0) >= 25);
      void fixture.edge.drain(1);
      assert.equal(fixture.edge.status().drain, 'empty', 'what is over stays so');
      await fixture.stop();
    }
  });

  it('lets the deadline win over the budget, and counts that', async () => {
    const fixture = await startEdge({
      settings: { ...settings, drainGraceMs: 0, drainDeadlineMs: 1_500 },
      parts: { placement: servedInPlace(1) },
    });
    const clients = await crowd(fixture.port, 30);
    const began = performance.now();
    await fixture.edge.drain();
    assert.ok(performance.now() - began < 3_000);
    for (const client of clients) assert.equal((await client.closing()).code, 4000);
    assert.ok((fixture.counted.get('moved:hurried') ?? 0) >= 25);
    await fixture.stop();
  });

  it('cuts at the deadline who does not go', async () => {
    const fixture = await startEdge({
      settings: { ...settings, drainGraceMs: 0, drainDeadlineMs: 800 },
      parts: { placement },
    });
    const stuck = await RawPeer.upgraded(fixture.port, { stubborn: true });
    stuck.say({ type: 'hello' });
    await until(() => stuck.events.length === 1, { for: 'a welcome' });
    const began = performance.now();
    assert.deepEqual(await fixture.edge.drain(), { forced: 1, cancelled: false });
    assert.ok(performance.now() - began < 3_000);
    assert.equal(fixture.counted.get('moved:forced'), 1);
    stuck.socket.destroy();
    await fixture.stop();
  });

  it('is over at once when nobody is here', async () => {
    const fixture = await startEdge({ settings: hurried, parts: { placement } });
    assert.deepEqual(await fixture.edge.drain(), empty);
    await fixture.stop();
  });
});

describe('moving away from a pod that is cut off', () => {
  it('closes clients with cut_off at the pace of the budget, until told to stay', async () => {
    const fixture = await startEdge({ settings, parts: { placement } });
    const clients = await crowd(fixture.port, 20);
    fixture.edge.moveAway();
    fixture.edge.moveAway();
    assert.equal(fixture.edge.ready, false);
    const gone = () => clients.filter(({ closed }) => closed !== undefined);
    await until(() => gone().length >= 5, { for: 'the first ones' });
    fixture.edge.stay();
    assert.equal(fixture.edge.ready, true);
    const stayed = clients.filter(({ closed }) => closed === undefined);
    assert.ok(stayed.length > 5, `${stayed.length} stay`);
    assert.ok(gone().every(({ closed }) => closed?.code === 4001));
    const last = stayed.at(-1);
    last?.send({ type: 'ping', at: 1 });
    await last?.heard('pong');
    await fixture.stop();
    assert.equal((await last?.closing())?.code, 1001);
  });

  it('closes all by the deadline of a drain, also without a share of the budget', async (t) => {
    const fixture = await startEdge({
      settings: { ...settings, drainDeadlineMs: 2_000 },
      parts: { placement: servedInPlace(0) },
    });
    t.after(() => fixture.stop());
    const clients = await crowd(fixture.port, 5);
    fixture.edge.moveAway();
    for (const client of clients) assert.equal((await client.closing())?.code, 4001);
    assert.ok((fixture.counted.get('moved:hurried') ?? 0) >= 4);
  });
});
