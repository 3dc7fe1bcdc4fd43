import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { msgpackCodec } from '../../protocol/msgpack.ts';
import { opcodes } from './frame.ts';
import { type EdgeFixture, startEdge } from './testing/edge-fixture.ts';
import type { FakeStream } from './testing/fake-stream.ts';
import { encodeFrame, RawPeer, upgradeRequest } from './testing/raw-peer.ts';
import { TestClient } from './testing/test-client.ts';

describe('an upgrade', () => {
  let fixture: EdgeFixture<FakeStream>;
  before(async () => {
    fixture = await startEdge({ settings: { maxConnections: 3 } });
  });
  after(() => fixture.stop());

  async function answer(headers: readonly string[], path = '/ws'): Promise<string> {
    const peer = new RawPeer(fixture.port);
    peer.socket.write(upgradeRequest(fixture.port, headers, path));
    await until(() => peer.text.includes('\r\n\r\n'), { for: 'an answer' });
    const { text } = peer;
    peer.socket.destroy();
    return text;
  }

  it('is refused over HTTP for a foreign Host or Origin and for a wrong path', async () => {
    assert.match(await answer(['Host: evil.example']), /^HTTP\/1\.1 403 .*Host/s);
    assert.match(await answer(['Origin: https://evil.example']), /^HTTP\/1\.1 403 .*Origin/s);
    assert.match(await answer(['Origin: null']), /^HTTP\/1\.1 403 /);
    assert.match(await answer([], '/chat'), /^HTTP\/1\.1 404 .*\/ws/s);
    assert.equal(fixture.counted.get('refused:host'), 1);
    assert.equal(fixture.counted.get('refused:origin'), 2);
    assert.equal(fixture.counted.get('refused:path'), 1);
  });

  it('is refused with 400 when its handshake is wrong, and counted', async () => {
    const peer = new RawPeer(fixture.port);
    const request = upgradeRequest(fixture.port, []).replace('Version: 13', 'Version: 99');
    peer.socket.write(request);
    await until(() => peer.ended, { for: 'a refusal' });
    assert.match(peer.text, /^HTTP\/1\.1 400 .*\r\nSec-WebSocket-Version: 13\r\n/s);
    assert.equal(JSON.parse(peer.text.split('\r\n\r\n')[1] ?? '').code, 'bad_request');
    assert.equal(fixture.counted.get('refused:handshake'), 1);
  });

  it('is answered with the id that it brought, or that of its connection', async () => {
    const idOf = (text: string) => /\r\nX-Request-ID: (.*)\r\n/.exec(text)?.[1];
    assert.equal(idOf(await answer(['X-Request-ID: abc.1:2_3-4'])), 'abc.1:2_3-4');
    assert.match(idOf(await answer(['X-Request-ID: "'])) ?? '', /^test:[0-9a-z]+$/);
    assert.match(idOf(await answer([])) ?? '', /^test:[0-9a-z]+$/);
    const refused = await answer(['X-Request-ID: mine', 'Origin: https://evil.example']);
    assert.equal(idOf(refused), 'mine');
    const { at, ...body } = JSON.parse(refused.split('\r\n\r\n')[1] ?? '');
    assert.deepEqual(body, {
      code: 'forbidden',
      message: 'this Origin may not connect',
      request: 'mine',
    });
    assert.ok(Math.abs(Date.now() - at) < 60_000);
    const pathless = await answer([], '/chat');
    assert.match(idOf(pathless) ?? '', /^test:/);
    assert.equal(JSON.parse(pathless.split('\r\n\r\n')[1] ?? '').code, 'not_found');
  });

  it('agrees on a subprotocol and never echoes a token', async () => {
    const plain = await answer([]);
    assert.match(plain, /^HTTP\/1\.1 101 /);
    assert.doesNotMatch(plain, /sec-websocket-protocol/i);
    const both = await answer(['Sec-WebSocket-Protocol: bearer.s3cret, wscluster.v1']);
    assert.match(both, /Sec-WebSocket-Protocol: wscluster\.v1\r\n/);
    assert.doesNotMatch(both, /s3cret/);
    const alone = await answer(['Sec-WebSocket-Protocol: bearer.s3cret']);
    assert.doesNotMatch(alone, /s3cret|sec-websocket-protocol/i);
  });

  it('does not compress, whatever the client offers', async () => {
    const text = await answer(['Sec-WebSocket-Extensions: permessage-deflate']);
    assert.match(text, /^HTTP\/1\.1 101 /);
    assert.doesNotMatch(text, /extensions/i);
  });

  it('serves frames that came in the same packet as the upgrade', async () => {
    const peer = new RawPeer(fixture.port);
    const hello = encodeFrame({ opcode: 1, payload: '{"type":"hello","id":9}' });
    peer.socket.write(Buffer.concat([Buffer.from(upgradeRequest(fixture.port, [])), hello]));
    await until(() => peer.text.includes('"welcome"'), { for: 'a welcome' });
    peer.socket.destroy();
  });

  it('speaks msgpack to those who ask for it', async () => {
    const peer = await RawPeer.upgraded(fixture.port, {
      headers: ['Sec-WebSocket-Protocol: wscluster.v1.msgpack'],
    });
    const hello = msgpackCodec.encodeCommand({ type: 'hello', id: 4 });
    peer.send({ opcode: 2, payload: Buffer.from(hello) });
    // The first heartbeat of a connection comes at any time.
    const events = () => peer.frames.filter(({ opcode }) => opcode !== opcodes.ping);
    await until(() => events().length === 1, { for: 'a welcome' });
    const [frame] = events();
    assert.equal(frame?.opcode, 2);
    const event = msgpackCodec.decodeEvent(frame?.payload ?? Buffer.alloc(0));
    assert.ok(event.ok && event.value.type === 'welcome' && event.value.id === 4);
    peer.socket.destroy();
  });

  it('is refused with 503 above the limit of connections, and served again below it', async () => {
    await until(() => fixture.edge.status().connections === 0, { for: 'nobody' });
    const clients = [1, 2, 3].map(() => new TestClient(fixture.port));
    for (const client of clients) await client.opened();
    assert.match(await answer([]), /^HTTP\/1\.1 503 .*Retry-After.*"overloaded"/s);
    assert.equal(fixture.counted.get('refused:full'), 1);
    clients[0]?.ws.close();
    await until(() => fixture.edge.status().connections === 2, { for: 'one gone' });
    assert.match(await answer([]), /^HTTP\/1\.1 101 /);
    for (const client of clients) client.ws.terminate();
  });
});
