import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { createServer } from '../../../process/http.ts';
import { type PlacementKey, placementKey } from '../placement.ts';
import { clientRequest } from './dial.ts';

const known = { subprotocol: undefined, address: '203.0.113.7', id: 'r-1' };
const told = (request: IncomingMessage, key: PlacementKey) =>
  clientRequest(request, { ...known, placement: { key } }).headers;

/** A client's request as Node gives it. */
async function received(lines: readonly string[]): Promise<IncomingMessage> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  const request = once(server, 'request');
  socket.write(`${['GET /ws HTTP/1.1', 'host: a', ...lines].join('\r\n')}\r\n\r\n`, 'latin1');
  const [incoming] = (await request) as [IncomingMessage];
  socket.destroy();
  server.close();
  return incoming;
}

describe('what the owner is told of a client', () => {
  it('is its key byte by byte, and nothing that only concerns its connection', async () => {
    const own = ['cookie: a=b', 'sec-websocket-extensions: permessage-deflate'];
    const request = await received(['x-room: caf\xe9\tb', ...own]);
    assert.deepEqual(told(request, placementKey('header:x-room')), [
      'x-room: caf\xe9\tb',
      'host: a',
      'x-request-id: r-1',
      'wscluster-client-address: 203.0.113.7',
    ]);
  });

  it('is no address of its own making, not even where its key stands there', async () => {
    const request = await received(['wscluster-client-address: 127.0.0.1', 'x-request-id: other']);
    for (const name of ['wscluster-client-address', 'x-request-id']) {
      const lines = told(request, placementKey(`header:${name}`)).filter((line) =>
        /^[wx]/.test(line),
      );
      assert.deepEqual(lines.toSorted(), [
        'wscluster-client-address: 203.0.113.7',
        'x-request-id: r-1',
      ]);
    }
  });
});
