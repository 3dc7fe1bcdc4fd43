import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { type EdgeFixture, startEdge } from './testing/edge-fixture.ts';
import type { FakeStream } from './testing/fake-stream.ts';
import { TestClient } from './testing/test-client.ts';

/** Time for which a gateway stood still, by the log's clock. */
const STOOD_MS = 240_000;
const RESEND_WINDOW_MS = 100_000;

describe('what a gateway reads long after it came', () => {
  let fixture: EdgeFixture<FakeStream>;
  /** What is read now came after this. */
  let since = 0;
  before(async () => {
    since = 1_000_000;
    const backlog = {
      get since() {
        return since;
      },
    };
    fixture = await startEdge({
      settings: { heartbeatMs: 60_000, markerMs: 20 },
      parts: { backlog, resendWindowMs: RESEND_WINDOW_MS },
    });
  });
  after(() => fixture.stop());

  async function sentAfter(client: TestClient, fields: object): Promise<number | undefined> {
    const { length } = fixture.stream.drafts;
    client.send({ type: 'pub', id: length + 1, topic: 'a', data: 1, ...fields });
    await until(() => fixture.stream.drafts.length > length, { for: 'the publish' });
    return fixture.stream.drafts[length]?.sentAfter;
  }

  it('is a publish of which is said how old it may be', async () => {
    const { stream } = fixture;
    const began = stream.time;
    const client = await TestClient.ready(fixture.port);
    const producer = { id: 'p', seq: 1 };
    assert.equal(await sentAfter(client, { producer }), began);
    stream.time += STOOD_MS;
    assert.equal(await sentAfter(client, { producer }), began, 'no ping was answered since');
    const retried = await sentAfter(client, { producer, retry: true });
    assert.equal(retried, began - RESEND_WINDOW_MS, 'it was sent first some time before');
    assert.equal(await sentAfter(client, {}), undefined, 'without an id it is sent once');
    client.ws.close();
  });

  it('is not so old once a ping was answered', async () => {
    const quick = await startEdge({ settings: { heartbeatMs: 100, pongTimeoutMs: 50 } });
    const { stream } = quick;
    const client = await TestClient.ready(quick.port);
    stream.time += STOOD_MS;
    const now = stream.time;
    client.send({ type: 'sub', id: 1, topics: ['a'] });
    await client.heard('subbed');
    const age = async () => {
      const { length } = stream.drafts;
      client.send({
        type: 'pub',
        id: length + 2,
        topic: 'a',
        data: 1,
        producer: { id: 'p', seq: 1 },
      });
      await until(() => stream.drafts.length > length, { for: 'the publish' });
      return now - (stream.drafts[length]?.sentAfter ?? Number.NaN);
    };
    await until(async () => (await age()) === 0, { for: 'an answered ping', everyMs: 20 });
    client.ws.close();
    await quick.stop();
  });

  it('is a hello of somebody who has gone elsewhere: the session is left alone', async () => {
    const { stream } = fixture;
    const late = new TestClient(fixture.port);
    await late.opened();
    const early = new TestClient(fixture.port);
    await early.opened();
    stream.time += 7_000;
    early.send({ type: 'hello', id: 1, session: 'early' });
    await early.heard('welcome');
    stream.time += STOOD_MS;
    late.send({ type: 'hello', id: 1, session: 'late' });
    assert.deepEqual(await late.closing(), { code: 4004, reason: 'hello_timeout' });
    assert.deepEqual(opened(), ['early']);
    early.ws.close();
    since = stream.time;
  });

  it('is a plain client that has gone elsewhere: the session is left alone', async () => {
    const { stream } = fixture;
    stream.time += STOOD_MS;
    const come = (query: string) =>
      new TestClient(fixture.port, { path: `/ws?${query}`, protocols: [] });
    const late = come('topics=a&session=plain');
    assert.deepEqual(await late.closing(), { code: 4004, reason: 'hello_timeout' });
    const nameless = await come('topics=a').opened();
    nameless.ws.close();
    since = stream.time;
    const again = await come('topics=a&session=plain').opened();
    await until(() => opened().includes('plain'), { for: 'the session to be opened' });
    again.ws.close();
  });

  const opened = () => fixture.stream.opened.map(({ session }) => session);
});
