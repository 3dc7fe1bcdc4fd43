import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { createServer } from '../../process/http.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { type HttpRequest, Unanswered } from './transport.ts';
import { endWhenSilent, UndiciTransport } from './undici-transport.ts';

/**
 * Over HTTP/1.1 to a server of this process that answers when the test says; HTTP/2, certificates
 * and a frozen API server are e2e/cluster/kube-connection.e2e.ts.
 */
describe('connections', () => {
  let server: Server;
  let transport: UndiciTransport;
  let origin: string;
  let held: ServerResponse[] = [];
  let sockets = 0;
  let served = 0;

  before(async () => {
    server = createServer((request, response) => {
      served += 1;
      if (request.url === '/held') held.push(response.writeHead(200));
      else response.end('{}');
      if (request.url === '/held') response.write('begun');
    });
    server.on('connection', () => {
      sockets += 1;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => transport.close());
  after(() => server.close());

  const tls = {};
  const request = (given: Partial<HttpRequest> = {}): HttpRequest => ({
    ...{ method: 'GET', path: '/', headers: {}, tls, signal: new AbortController().signal },
    ...given,
  });
  const fresh = () => {
    sockets = 0;
    served = 0;
    held = [];
    transport = new UndiciTransport({ origin, clock: new ManualClock() });
  };
  const ask = async (given: Partial<HttpRequest> = {}) => {
    const answer = await transport.send(request(given));
    let text = '';
    for await (const piece of answer.body) text += Buffer.from(piece).toString();
    return text;
  };

  test('are kept from call to call: client-node #2893 made one for each', async () => {
    fresh();
    for (let count = 0; count < 20; count += 1) assert.equal(await ask(), '{}');
    // A call that follows in the same turn may find the first not yet free.
    assert.ok(sockets <= 2, `${sockets} connections for 20 calls`);
    assert.equal(transport.pools, 1);
  });

  test('keep nobody waiting beyond its deadline when all of them are taken', async () => {
    fresh();
    await transport.close();
    transport = new UndiciTransport({ origin, clock: new ManualClock(), connections: 1 });
    const watch = await transport.send(request({ path: '/held' }));
    const impatient = new AbortController();
    const asking = transport.send(request({ signal: impatient.signal }));
    const reason = new Error('no longer');
    impatient.abort(reason);
    await assert.rejects(asking, reason);
    held[0]?.end();
    let text = '';
    for await (const piece of watch.body) text += Buffer.from(piece).toString();
    assert.equal(text, 'begun');
    assert.equal(await ask(), '{}', 'the connection is free again');
  });

  test('ask, when they take a request, whether it is still to be sent', async () => {
    fresh();
    await transport.close();
    transport = new UndiciTransport({ origin, clock: new ManualClock(), connections: 1 });
    const watch = await transport.send(request({ path: '/held' }));
    const asked: string[] = [];
    const may = ask({ before: () => asked.push('may') });
    const late = ask({
      before: () => {
        asked.push('late');
        throw new RangeError('not any more');
      },
    });
    const refused = assert.rejects(late, RangeError);
    for await (const piece of watch.body) {
      assert.equal(Buffer.from(piece).toString(), 'begun');
      assert.deepEqual(asked, [], 'no connection has taken them');
      held[0]?.end();
    }
    assert.equal(await may, '{}');
    await refused;
    assert.deepEqual(asked, ['may', 'late']);
    assert.equal(served, 2, 'the watch and the first');
    assert.equal(await ask(), '{}', 'the connection is free again');
    assert.equal(sockets, 1);
  });

  test('are others with other certificates; those that carry something stay for it', async () => {
    fresh();
    const watch = await transport.send(request({ path: '/held' }));
    const reading = watch.body[Symbol.asyncIterator]();
    await reading.next();
    await ask({ tls: { ca: 'another' } });
    assert.equal(transport.pools, 2);
    held[0]?.end('over');
    assert.equal(Buffer.from((await reading.next()).value ?? '').toString(), 'over');
    assert.equal((await reading.next()).done, true);
    assert.equal(transport.pools, 1);
  });

  test('that may be dead get nothing more, and go when what they carry is over', async () => {
    fresh();
    const [one, two] = [new AbortController(), new AbortController()];
    const bodies = await Promise.all(
      [one, two].map(async ({ signal }) => {
        const { body } = await transport.send(request({ path: '/held', signal }));
        const reading = body[Symbol.asyncIterator]();
        await reading.next();
        return reading;
      }),
    );
    one.abort(new Unanswered('nothing for a minute'));
    await assert.rejects(async () => bodies[0]?.next(), Unanswered);
    await ask();
    assert.equal(transport.pools, 2);
    two.abort(new Error('not wanted'));
    await assert.rejects(async () => bodies[1]?.next(), /not wanted/);
    assert.equal(transport.pools, 1);
  });

  test('that cannot be made are an error of the call, and of nothing else', async () => {
    for (const scheme of ['http', 'https']) {
      const clock = new ManualClock();
      transport = new UndiciTransport({ origin: `${scheme}://127.0.0.1:1`, clock });
      await assert.rejects(transport.send(request()), { code: 'ECONNREFUSED' });
      assert.equal(clock.timers, 0);
    }
  });

  test('that serve well are kept when a caller only changes its mind', async () => {
    fresh();
    await ask();
    const caller = new AbortController();
    const { body } = await transport.send(request({ path: '/held', signal: caller.signal }));
    const reading = body[Symbol.asyncIterator]();
    await reading.next();
    caller.abort(new Error('not wanted'));
    await assert.rejects(reading.next(), /not wanted/);
    assert.equal(transport.pools, 1);
  });
});

test('a connection on which three PINGs were not answered is ended: client-node #596', async () => {
  const clock = new ManualClock();
  const ended: Error[] = [];
  const socket = {
    bytesRead: 0,
    once: () => socket,
    destroy: (error: Error) => {
      ended.push(error);
      return socket;
    },
  };
  endWhenSilent(socket as typeof socket & Pick<Socket, 'once' | 'destroy'>, clock);
  for (let minutes = 0; minutes < 10; minutes += 1) {
    await clock.advance(44_000);
    socket.bytesRead += 17;
  }
  assert.equal(ended.length, 0);
  await clock.advance(60_000);
  assert.ok(ended[0] instanceof Unanswered);
  assert.equal(clock.timers, 0);
});

test('a stream that nobody listens to ends with its session, and nothing else does', async () => {
  const server = createHttp2Server().on('stream', (stream) => stream.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => {});
  const stream = session.request();
  await once(session, 'connect');
  // Without the transport's own listener this would be an uncaught exception.
  session.destroy(new Error('the connection was ended'));
  await new Promise((resolve) => stream.once('close', resolve));
  assert.equal(stream.errored?.message, 'the connection was ended');
  server.close();
});
