import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { closeCodes } from '../../../protocol/codes.ts';
import type { Command } from '../../../protocol/commands.ts';
import { msgpackCodec } from '../../../protocol/msgpack.ts';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import type { Authenticator } from '../identity.ts';
import { STAY_MS } from '../movable.ts';
import { type Owner, type Placement, servedInPlace } from '../placement.ts';
import { PodKeys, publicHalf } from '../pod-keys.ts';
import {
  type EdgeFixture,
  everything,
  openAuthenticator,
  startEdge,
} from '../testing/edge-fixture.ts';
import type { FakeStream } from '../testing/fake-stream.ts';
import { RawPeer, upgradeRequest } from '../testing/raw-peer.ts';
import { type ConnectOptions, TestClient } from '../testing/test-client.ts';
import { HopProofs } from './hop-proofs.ts';

const names = ['a', 'b', 'stranger'] as const;
type Name = (typeof names)[number];
const pairs = new Map(names.map((name) => [name, generateKeyPairSync('ed25519')]));
const keyOf = (name: string) => {
  const pair = name === 'stranger' ? undefined : pairs.get(name as Name);
  return pair && publicHalf(pair.privateKey);
};

function proofsOf(pod: Name): HopProofs {
  const { privateKey } = pairs.get(pod) ?? assert.fail(pod);
  const keys = new PodKeys(keyOf);
  return new HopProofs({ pod, cluster: 'chat', privateKey, keys, clock: systemClock });
}

/** A gateway's edge, and to whom it passes everybody on. */
interface Pod extends EdgeFixture<FakeStream> {
  owner: Owner | undefined;
  /** All its connections end without a word. */
  kill(): void;
}

interface PodOptions {
  readonly proxyConnections?: number;
  readonly proxyTimeoutMs?: number;
  readonly homeAfterMs?: number;
  readonly authenticator?: Authenticator;
  /** Default: it passes clients on, and takes those of others. */
  readonly proxies?: boolean;
  readonly settings?: object;
  readonly clock?: ManualClock;
}

async function startPod(name: 'a' | 'b', options: PodOptions): Promise<Pod> {
  const { proxyConnections = 100, proxyTimeoutMs = 2_000, proxies = true } = options;
  const { authenticator, clock, homeAfterMs = 60_000 } = options;
  let pod: Pod | undefined;
  const placement: Placement = {
    ...{ ...servedInPlace(), proxies, owner: () => pod?.owner },
    elsewhere: () => pod?.owner && { pod: pod.owner.pod, to: undefined },
  };
  const limits = { proxyConnections, proxyTimeoutMs };
  const proxy = { proofs: proofsOf(name), settings: limits, homeAfterMs };
  const fixture = await startEdge<FakeStream>({
    parts: {
      ...{ pod: name, placement, proxy },
      ...(authenticator && { authenticator }),
      ...(clock && { clock }),
    },
    settings: options.settings ?? {},
  });
  const sockets = new Set<Socket>();
  fixture.server.on('connection', (socket: Socket) => sockets.add(socket));
  const kill = () => {
    for (const socket of sockets) socket.destroy();
  };
  pod = Object.assign(fixture, { owner: undefined, kill });
  return pod;
}

/** So much that buffers of sockets do not hold it. */
const LARGE = {
  encoding: 'json',
  bytes: Buffer.from(JSON.stringify('x'.repeat(1_000_000))),
} as const;

describe('passing clients on', () => {
  const pods: Pod[] = [];
  const clients: TestClient[] = [];
  const servers: NetServer[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.ws.terminate();
    for (const server of servers.splice(0)) server.close();
    await Promise.all(pods.splice(0).map((pod) => pod.stop()));
  });

  async function start(name: 'a' | 'b', options: PodOptions = {}): Promise<Pod> {
    const pod = await startPod(name, options);
    pods.push(pod);
    return pod;
  }

  /** `a` passes everybody on to `b`. */
  async function pair(options: PodOptions = {}): Promise<readonly [Pod, Pod]> {
    const [a, b] = [await start('a', options), await start('b', options)] as const;
    a.owner = { pod: 'b', address: `127.0.0.1:${b.port}` };
    return [a, b];
  }

  async function greeted(
    pod: Pod,
    { session = 's', ...options }: ConnectOptions & { readonly session?: string } = {},
  ): Promise<TestClient> {
    const client = await TestClient.ready(pod.port, options, { session });
    clients.push(client);
    return client;
  }

  /** Where the owner would be. */
  async function standIn(server: NetServer): Promise<Owner> {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return { pod: 'b', address: `127.0.0.1:${(server.address() as { port: number }).port}` };
  }

  const podOf = (client: TestClient) => client.of('welcome')[0]?.pod;

  it('never passes a client on twice, when two gateways disagree on its owner', async () => {
    const [a, b] = await pair();
    b.owner = { pod: 'a', address: `127.0.0.1:${a.port}` };
    assert.equal(podOf(await greeted(a)), 'b');
    assert.equal(podOf(await greeted(b)), 'a');
    assert.deepEqual([a.edge.status().proxied, b.edge.status().proxied], [1, 1]);
  });

  it('closes who was passed on to the wrong one after a minute: it comes back', async () => {
    const clock = new ManualClock();
    const [a, b] = [await start('a'), await start('b', { clock })];
    a.owner = { pod: 'b', address: `127.0.0.1:${b.port}` };
    b.owner = { pod: 'a', address: `127.0.0.1:${a.port}` };
    const misled = await greeted(a);
    assert.equal(podOf(misled), 'b');
    const began = clock.now();
    const gone = async () => {
      await clock.advance(200);
      return misled.closed !== undefined;
    };
    await until(gone, { for: 'it to be closed', deadlineMs: 20_000, everyMs: 1 });
    const took = clock.now() - began;
    assert.ok(took >= STAY_MS && took < STAY_MS + 10_000, `${took} ms`);
    assert.equal(misled.closed?.code, closeCodes.moved.code);
  });

  it('tells nobody of the client who is not its owner, and serves it in place', async () => {
    const [a] = await pair();
    let told = '';
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        told += String(chunk);
        const lines = ['HTTP/1.1 101 x', 'Connection: Upgrade', 'Upgrade: wscluster-hop'];
        socket.write(`${lines.join('\r\n')}\r\nwscluster-hop: ${'A'.repeat(86)}\r\n\r\n`);
      });
    });
    a.owner = await standIn(server);
    const client = await greeted(a, { headers: { authorization: 'Bearer secret-of-a-client' } });
    assert.equal(podOf(client), 'a');
    assert.equal(a.counted.get('proxied:stranger'), 1);
    assert.match(told, /^GET \/ws HTTP\/1\.1/);
    assert.doesNotMatch(told, /secret-of-a-client/);
  });

  it('serves in place when the owner does not answer, and leaves it in peace then', async () => {
    const [a] = await pair({ proxyTimeoutMs: 50 });
    const server = createServer(() => {
      // It takes the connection and says nothing.
    });
    a.owner = await standIn(server);
    assert.equal(podOf(await greeted(a)), 'a');
    assert.equal(podOf(await greeted(a)), 'a');
    assert.deepEqual([a.counted.get('proxied:timeout'), a.counted.get('proxied:resting')], [1, 1]);
  });

  it('serves in place what the owner does not take, and when it passes on enough', async () => {
    const [a, b] = await pair({ proxyConnections: 1 });
    assert.equal(podOf(await greeted(a)), 'b');
    assert.equal(podOf(await greeted(a)), 'a');
    assert.equal(a.counted.get('proxied:full'), 1);
    assert.equal(b.edge.size, 1);
  });

  it('brings home who was served in place once its owner can be had, and nobody else', async () => {
    const [a, b] = await pair({ homeAfterMs: 200, settings: { maxConnections: 2 } });
    const way = { there: true };
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      if (!way.there) socket.destroy();
      else
        socket.pipe(connect(b.port, '127.0.0.1').on('error', () => socket.destroy())).pipe(socket);
    });
    a.owner = await standIn(server);
    const first = await greeted(a, { session: 's1' });
    assert.equal(podOf(await greeted(a, { session: 's2' })), 'b');
    const declined = await greeted(a, { session: 's3' });
    assert.deepEqual([podOf(first), podOf(declined)], ['b', 'a']);
    first.ws.close();
    await until(() => b.edge.size === 1, { for: 'room at the owner' });
    way.there = false;
    const waiting = await greeted(a, { session: 's4' });
    assert.equal(podOf(waiting), 'a');
    assert.equal(waiting.closed, undefined);
    way.there = true;
    const began = performance.now();
    assert.equal((await waiting.closing()).code, closeCodes.moved.code);
    assert.ok(performance.now() - began >= 200, 'not at the first sign of life');
    assert.equal(podOf(await greeted(a, { session: 's4' })), 'b');
    assert.equal(declined.closed, undefined, 'who is no trouble of its owner stays');
  });

  it('gives a client one deadline for its hello, whoever serves it', async () => {
    const a = await start('a', { settings: { helloTimeoutMs: 1_000 } });
    a.owner = { pod: 'b', address: '127.0.0.1:1' };
    const began = performance.now();
    const client = await new TestClient(a.port).opened();
    clients.push(client);
    assert.equal((await client.closing()).code, closeCodes.helloTimeout.code);
    const took = performance.now() - began;
    assert.ok(took >= 990 && took < 1_990, `${took} ms`);
  });

  it('passes binary clients on as it does those that speak JSON', async () => {
    const [a, b] = await pair();
    const headers = ['Sec-WebSocket-Protocol: wscluster.v1.msgpack'];
    const binary = await RawPeer.upgraded(a.port, { headers });
    const say = (command: Command) =>
      binary.send({ opcode: 2, payload: Buffer.from(msgpackCodec.encodeCommand(command)) });
    say({ type: 'hello', session: 's' });
    say({ type: 'sub', id: 1, topics: [{ topic: 't' }] });
    const events = () =>
      binary.frames.flatMap(({ opcode, payload }) => {
        const event = opcode === 2 ? msgpackCodec.decodeEvent(payload) : undefined;
        return event?.ok ? [event.value] : [];
      });
    await until(() => events().length === 2, { for: 'two answers' });
    assert.deepEqual(
      events().map(({ type }) => type),
      ['welcome', 'subbed'],
    );
    assert.deepEqual([a.edge.status().proxied, b.edge.size], [1, 1]);
    binary.socket.destroy();
    const wrong = await RawPeer.upgraded(a.port, { headers });
    wrong.say({ type: 'hello', session: 's' });
    assert.equal(await wrong.closeCode(), closeCodes.unsupported.code);
    wrong.socket.destroy();
  });

  it('passes the end of a client on, whether or not it also takes no more', async () => {
    const [a, b] = await pair();
    for (const stubborn of [true, false]) {
      const peer = await RawPeer.upgraded(a.port, { stubborn });
      peer.say({ type: 'hello', session: 's' });
      await until(() => b.edge.size === 1, { for: 'the owner to serve it' });
      peer.socket.end();
      await until(() => peer.ended || peer.socket.readableEnded, {
        for: 'the end of the other side',
      });
      await until(() => b.edge.size + a.edge.status().proxied === 0, { for: 'both to be gone' });
      peer.socket.destroy();
    }
  });

  it('cuts a client off when its owner dies, as if it had been connected there', async () => {
    const [a, b] = await pair();
    const client = await greeted(a);
    b.kill();
    assert.equal((await client.closing()).code, 1006);
    await until(() => a.edge.status().proxied === 0, { for: 'nobody to be passed on' });
  });

  it('gives a client up whose owner is silent for four heartbeats', async () => {
    const a = await start('a', { settings: { heartbeatMs: 100, pongTimeoutMs: 50 } });
    const server = createServer((socket) => {
      let said = '';
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => {
        said += String(chunk);
        const proof = /wscluster-hop: (\S+)\r\n/.exec(said)?.[1];
        const checked = proof === undefined ? undefined : proofsOf('b').check(proof);
        const answer = checked?.outcome === 'ok' ? `wscluster-hop: ${checked.answer}\r\n` : '';
        const subprotocol = answer === '' ? 'sec-websocket-protocol: wscluster.v1\r\n' : '';
        if (!said.endsWith('\r\n\r\n')) return;
        socket.write(
          `HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n${answer}${subprotocol}\r\n`,
        );
        said = '';
      });
    });
    a.owner = await standIn(server);
    const client = await new TestClient(a.port).opened();
    clients.push(client);
    client.send({ type: 'hello', session: 's' });
    await until(() => a.edge.status().proxied === 1, { for: 'the client to be passed on' });
    const began = performance.now();
    assert.equal((await client.closing()).code, 1006);
    assert.ok(performance.now() - began >= 300, 'not before four heartbeats');
    assert.equal(a.counted.get('tunnelCut:silent'), 1);
  });

  it('serves in place what would go to a gateway of another mode, or one that drains', async () => {
    const a = await start('a');
    const other = await start('b', { proxies: false });
    a.owner = { pod: 'b', address: `127.0.0.1:${other.port}` };
    assert.equal(podOf(await greeted(a)), 'a');
    assert.equal(other.counted.get('hop:unwanted'), 1);
    const [from, leaving] = await pair();
    const drained = leaving.edge.drain();
    assert.equal(podOf(await greeted(from)), 'a');
    assert.equal(from.counted.get('proxied:refused'), 1);
    await leaving.edge.stop();
    assert.equal((await drained).forced, 0, 'it is stopped in the middle of its drain');
  });

  it('counts against the limits of the owner alone', async () => {
    const a = await start('a', { settings: { maxConnections: 1 } });
    const b = await start('b', { settings: { maxConnections: 2 } });
    a.owner = { pod: 'b', address: `127.0.0.1:${b.port}` };
    const servedBy: (string | undefined)[] = [];
    for (let n = 0; n < 3; n += 1) {
      const client = await new TestClient(a.port).opened();
      clients.push(client);
      client.send({ type: 'hello', session: `s${n}` });
      await client.heard('welcome');
      servedBy.push(podOf(client));
    }
    assert.deepEqual(servedBy, ['b', 'b', 'a']);
    await assert.rejects(new TestClient(a.port).opened(), /503/, 'both are full');
    assert.equal(a.counted.get('proxied:declined'), 1);
  });

  it('believes the address of a client from a gateway, and from nobody else', async () => {
    const seen: boolean[] = [];
    const authenticator: Authenticator = {
      ...openAuthenticator,
      anonymous({ loopback }) {
        seen.push(loopback);
        return { ok: true, identity: everything };
      },
    };
    const b = await start('b', { authenticator });
    const elsewhere = ['wscluster-client-address: 203.0.113.7', 'x-forwarded-for: 203.0.113.7'];
    const stranger = await RawPeer.upgraded(b.port, { headers: elsewhere });
    stranger.say({ type: 'hello' });
    await until(() => seen.length === 1, { for: 'the first hello' });
    const gateway = new RawPeer(b.port);
    gateway.socket.write(hopRequest(proofsOf('a').ask('b').proof));
    await until(() => gateway.text.includes('\r\n\r\n'), { for: 'the answer to a proof' });
    gateway.socket.write(upgradeRequest(b.port, elsewhere));
    await until(() => gateway.text.split('\r\n\r\n').length > 2, { for: 'the handshake' });
    gateway.say({ type: 'hello' });
    await until(() => seen.length === 2, { for: 'the second hello' });
    assert.deepEqual(seen, [true, false]);
    stranger.socket.destroy();
    gateway.socket.destroy();
  });

  it('refuses who does not prove to be a gateway, and counts why', async () => {
    const b = await start('b');
    const good = proofsOf('a').ask('b').proof;
    const [claims = '', signature = ''] = good.split('.');
    const bad: readonly (readonly [string, string])[] = [
      ['invalid', ''],
      ['invalid', 'x'.repeat(5_000)],
      ['invalid', `${claims}.${signature.slice(0, -4)}AAAA`],
      ['invalid', `${claims}.`],
      ['invalid', proofsOf('a').ask('c').proof],
      ['invalid', proofsOf('b').ask('b').proof],
      ['unknown_pod', proofsOf('stranger').ask('b').proof],
    ];
    for (const [, proof] of bad) assert.match(await hop(b.port, proof), /^HTTP\/1\.1 403 /);
    assert.match(await hop(b.port, good), /^HTTP\/1\.1 101 /);
    assert.match(await hop(b.port, good), /^HTTP\/1\.1 403 /);
    assert.deepEqual(
      ['invalid', 'unknown_pod', 'ok', 'replayed'].map((one) => b.counted.get(`hop:${one}`)),
      [6, 1, 1, 1],
    );
    assert.equal(b.counted.get('refused:hop'), 8);
  });

  it('serves a hostile gateway like any peer: requests, one proof, deadlines', async () => {
    const b = await start('b', { settings: { helloTimeoutMs: 200 } });
    for (const bytes of ['\0\0\0\0garbage\r\n\r\n', upgradeRequest(b.port, [], '/nowhere')]) {
      const peer = await proven(b);
      peer.socket.write(bytes);
      await until(() => peer.text.includes('HTTP/1.1 40'), { for: 'a refusal' });
      peer.socket.destroy();
    }
    const twice = await proven(b);
    twice.socket.write(hopRequest(proofsOf('a').ask('b').proof));
    await until(() => twice.text.includes(' 403 '), { for: 'the second proof to be refused' });
    const early = hopRequest(proofsOf('a').ask('b').proof);
    const eager = new RawPeer(b.port);
    eager.socket.write(`${early}${upgradeRequest(b.port, [])}`);
    await until(() => eager.text.startsWith('HTTP/1.1 403 '), { for: 'a refusal' });
    const silent = await proven(b);
    await until(() => silent.ended, { for: 'a gateway that says nothing to be cut off' });
    assert.equal(b.edge.size, 0);
  });

  it('holds little of what a slow client does not read, and slows its owner down', async () => {
    const [a, b] = await pair({ settings: { outboxBytes: 1_048_576 } });
    const client = await greeted(a);
    client.send({ type: 'sub', id: 1, topics: [{ topic: 't' }] });
    await client.heard('subbed');
    client.ws.pause();
    let most = 0;
    for (let n = 0; n < 40 && (b.edge.status().slow === 0 || n < 20); n += 1) {
      await b.stream.publish({ topic: 't', data: LARGE, identity: '', ack: 'leader' });
      await new Promise((resolve) => setTimeout(resolve, 5));
      most = Math.max(most, a.edge.status().inTransit);
    }
    assert.equal(b.edge.status().slow, 1, 'the owner knows that it is slow');
    assert.ok(most > 0 && most <= 256 * 1024, `held ${most} bytes`);
    client.ws.resume();
    await until(() => b.edge.status().slow === 0, { for: 'the client to have read' });
  });

  it('gives a client up that reads nothing, though nobody hears that its owner has', async () => {
    const settings = { heartbeatMs: 100, pongTimeoutMs: 50, slowTimeoutMs: 300 };
    const [a, b] = await pair({ settings: { ...settings, outboxBytes: 262_144 } });
    const client = await greeted(a);
    client.send({ type: 'sub', id: 1, topics: [{ topic: 't' }] });
    await client.heard('subbed');
    client.ws.pause();
    const served = async () => {
      await b.stream.publish({ topic: 't', data: LARGE, identity: '', ack: 'leader' });
      return b.edge.size > 0;
    };
    await until(async () => !(await served()), { for: 'its owner to close it', everyMs: 20 });
    await until(() => a.edge.status().proxied === 0, { for: 'nobody to be passed on' });
    assert.equal(a.counted.get('tunnelCut:slow'), 1);
  });

  it('ends a drain when the last one goes of whom nobody knows yet who serves it', async () => {
    const settings = { drainGraceMs: 0, drainDeadlineMs: 60_000 };
    const [a] = await pair({ settings });
    const dialled: Socket[] = [];
    const server = createServer((socket) => dialled.push(socket));
    a.owner = await standIn(server);
    const peer = await RawPeer.upgraded(a.port, { path: '/ws?topics=t&session=s' });
    const drained = a.edge.drain();
    await until(() => a.edge.drainPhase === 'leaving', { for: 'the drain to wait for it' });
    peer.socket.resetAndDestroy();
    await once(peer.socket, 'close');
    await new Promise((resolve) => setImmediate(resolve));
    await until(() => dialled.length === 1, { for: 'its owner to be dialled' });
    dialled[0]?.resetAndDestroy();
    await until(() => a.edge.drainPhase === 'empty', { for: 'the end, long before the deadline' });
    assert.deepEqual(await drained, { forced: 0, cancelled: false });
    assert.equal(a.counted.get('proxied:gone'), 1);
  });

  it('passes on all that it read of a client, and keeps other peers here', async () => {
    const [a] = await pair();
    const peer = await RawPeer.upgraded(a.port);
    const hello = JSON.stringify({ type: 'hello', session: 's', id: 7 });
    const frame = Buffer.concat([
      Buffer.from([0x81, 0x80 | hello.length, 0, 0, 0, 0]),
      Buffer.from(hello),
    ]);
    for (const byte of frame) peer.socket.write(Buffer.from([byte]));
    await until(() => peer.events.some(({ type }) => type === 'welcome'), { for: 'a welcome' });
    assert.equal(a.edge.status().proxied, 1);
    peer.socket.destroy();
    const odd = await RawPeer.upgraded(a.port);
    odd.send({ opcode: 1, payload: hello, mask: false });
    assert.equal(await odd.closeCode(), 1002);
    const large = await RawPeer.upgraded(a.port);
    large.send({ opcode: 1, payload: 'x'.repeat(16_385) });
    assert.equal(await large.closeCode(), 1009);
  });

  async function proven(pod: Pod): Promise<RawPeer> {
    const peer = new RawPeer(pod.port);
    peer.socket.write(hopRequest(proofsOf('a').ask('b').proof));
    await until(() => peer.text.startsWith('HTTP/1.1 101'), { for: 'the answer to a proof' });
    return peer;
  }
});

const hopRequest = (proof: string) =>
  upgradeRequest(0, [`wscluster-hop: ${proof}`]).replace('websocket', 'wscluster-hop');

async function hop(port: number, proof: string): Promise<string> {
  const peer = new RawPeer(port);
  peer.socket.write(hopRequest(proof));
  await until(() => peer.text.includes('\r\n\r\n'), { for: 'the answer to a proof' });
  peer.socket.destroy();
  return peer.text;
}
