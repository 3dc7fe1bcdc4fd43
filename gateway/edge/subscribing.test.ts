import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import { until } from '../../e2e/deadline.ts';
import { type EdgeFixture, startEdge } from './testing/edge-fixture.ts';
import type { FakeStream } from './testing/fake-stream.ts';
import { TestClient } from './testing/test-client.ts';

const START = 'fake:0@1000';

describe('a subscription that was granted and cannot go on', () => {
  let fixture: EdgeFixture<FakeStream>;
  before(async () => {
    fixture = await startEdge({ settings: { maxTopics: 1 }, hub: { catchUpTimeoutMs: 100 } });
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    for (const topic of ['a', 'b', 'c', 'd']) {
      for (let n = 0; n < 3; n += 1) {
        await fixture.stream.publish({ topic, data, identity: '', ack: 'leader' });
      }
    }
  });
  after(() => fixture.stop());

  it('ends with an error that names the topic and no request, and can be had again', async () => {
    const client = await TestClient.ready(fixture.port);
    const ask = (id: number, topic: string) =>
      client.send({ type: 'sub', id, topics: [{ topic, position: START }] });
    fixture.stream.unreadable = 'bad_position';
    ask(1, 'a');
    const { code, topic, id } = await client.heard('err');
    assert.deepEqual([code, topic, id], ['bad_position', 'a', undefined]);
    assert.deepEqual(
      client.events.map(({ type }) => type),
      ['welcome', 'subbed', 'err'],
    );
    fixture.stream.unreadable = undefined;
    // Another one has room: the one that ended counts no longer.
    ask(2, 'b');
    await client.heard('msg', 3);
    client.send({ type: 'unsub', id: 3, topics: ['b'] });
    ask(4, 'a');
    await client.heard('msg', 6);
    client.ws.close();
  });

  it('is asked for again by the client package when that may help, and else fails', async (t) => {
    const url = `ws://127.0.0.1:${fixture.port}/ws`;
    const client = new Client({ url, backoffBaseMs: 20, backoffCapMs: 200 });
    t.after(() => client.close());
    const states: string[] = [];
    const seqs: string[] = [];
    fixture.stream.unreadable = 'store_unavailable';
    const room = client.subscribe('c', { position: START });
    room.on('state', (change) => states.push(`${change.new} ${change.reason}`));
    room.on('message', ({ position }) => seqs.push(position));
    await until(() => states.includes('waiting store_unavailable'), { for: 'the end' });
    fixture.stream.unreadable = undefined;
    await until(() => seqs.length === 3, { for: 'all messages' });
    assert.ok(states.indexOf('subscribed answered') < states.indexOf('waiting store_unavailable'));

    const strict = new Client({ url });
    t.after(() => strict.close());
    fixture.stream.unreadable = 'bad_position';
    const refused = strict.subscribe('d', { position: START });
    strict.on('error', () => {});
    await until(() => refused.state === 'failed', { for: 'its failure' });
    await assert.rejects(refused[Symbol.asyncIterator]().next(), { code: 'bad_position' });
  });
});

describe('a sub that is overtaken before it is answered', () => {
  let fixture: EdgeFixture<FakeStream>;
  before(async () => {
    fixture = await startEdge();
  });
  after(() => fixture.stop());

  /** What answered each request: `ok`, or an error. */
  function answers(client: TestClient): Record<number, string> {
    const entries = client
      .of('subbed')
      .map(({ id, topics: [topic] }) => [id, topic && 'error' in topic ? topic.error : 'ok']);
    return Object.fromEntries(entries);
  }

  it('is answered, by a later sub, an unsub, and the one that is in force', async () => {
    const client = await TestClient.ready(fixture.port);
    client.send({ type: 'sub', id: 1, topics: ['a'] });
    client.send({ type: 'sub', id: 2, topics: ['a'] });
    client.send({ type: 'sub', id: 3, topics: ['b'] });
    client.send({ type: 'unsub', id: 4, topics: ['b'] });
    await client.heard('acked');
    await until(() => 2 in answers(client), { for: 'the answer of the newest' });
    assert.deepEqual(answers(client), { 1: 'superseded', 2: 'ok', 3: 'superseded' });
    assert.equal(client.of('subbed').length, 3);
    assert.equal(fixture.counted.get('failed:superseded'), 2);
    assert.equal(fixture.hub.state.subscriptions, 1);
    // One that was answered is not answered again.
    client.send({ type: 'sub', id: 5, topics: ['a'] });
    await client.heard('subbed', 4);
    client.send({ type: 'unsub', id: 6, topics: ['a'] });
    await client.heard('acked', 2);
    assert.equal(client.of('subbed').length, 4);
    client.ws.close();
  });
});
