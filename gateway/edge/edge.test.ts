import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EdgeFixture, startEdge } from './edge-fixture.ts';
import type { FakeStream } from './fake-stream.ts';
import { TestClient } from './test-client.ts';
import { waitFor } from './wait-for.ts';

describe('an edge with hub and sockets', () => {
  let fixture: EdgeFixture<FakeStream>;
  before(async () => {
    fixture = await startEdge();
  });
  after(() => fixture.stop());

  it('welcomes, subscribes, publishes and delivers', async () => {
    const client = await TestClient.ready(fixture.port, {}, { id: 1 });
    const [welcome] = client.of('welcome');
    assert.equal(welcome?.id, 1);
    assert.equal(welcome?.pod, 'test');
    assert.match(welcome?.session ?? '', /^[\w-]{22}$/);
    client.send({ type: 'sub', id: 2, topics: ['a'] });
    const subbed = await client.heard('subbed');
    assert.equal(subbed.id, 2);
    client.send({ type: 'pub', id: 3, topic: 'a', data: { hi: 1 } });
    const acked = await client.heard('acked');
    const message = await client.heard('msg');
    assert.equal(acked.id, 3);
    assert.deepEqual(acked.position?.seq, 1);
    assert.deepEqual(client.data, ['{"hi":1}']);
    assert.equal(message.topic, 'a');
    client.ws.close();
    await client.closing();
  });

  it('resumes from a position without loss or double', async () => {
    const writer = await TestClient.ready(fixture.port);
    for (let n = 1; n <= 3; n += 1) {
      writer.send({ type: 'pub', id: n, topic: 'b', data: n });
    }
    await writer.heard('acked', 3);
    const reader = await TestClient.ready(fixture.port);
    const position = { epoch: 'fake', seq: 1, confirmed: 1_000 };
    reader.send({
      type: 'sub',
      id: 1,
      topics: [{ topic: 'b', position: `fake:${position.seq}@1000` }],
    });
    await reader.heard('msg', 2);
    writer.send({ type: 'pub', id: 4, topic: 'b', data: 4 });
    await reader.heard('msg', 3);
    assert.deepEqual(reader.data, ['2', '3', '4']);
    writer.ws.close();
    reader.ws.close();
    await waitFor(() => fixture.edge.status().connections === 0, 'everybody gone');
  });
});
