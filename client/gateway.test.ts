import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { WebSocket as WsSocket } from 'ws';
import { until } from '../e2e/deadline.ts';
import { Gateway } from '../gateway/gateway.ts';
import { silentLogger } from '../gateway/logger.ts';
import { MemoryBoard } from '../gateway/ring/memory-board.ts';
import type { SettingsInput } from '../gateway/settings/declaration.ts';
import { settingsFrom } from '../gateway/settings/load.ts';
import { MemoryStore } from '../gateway/stream/memory/memory-store.ts';
import { systemClock } from '../protocol/clock.ts';
import { Client } from './client.ts';
import type { ClientOptions } from './options.ts';
import type { SocketFactory } from './platform.ts';

const shared = { clock: systemClock, random: Math.random, logger: silentLogger };
const running: Gateway[] = [];
const clients: Client[] = [];

/** Starts real gateways, one with each call: on one store, with one ring. Resolves to its URL. */
function cluster(input: SettingsInput = {}): () => Promise<string> {
  const store = new MemoryStore({ ...shared, settings: settingsFrom(input).stream });
  const board = new MemoryBoard(systemClock);
  let count = 0;
  return async () => {
    const settings = settingsFrom({ port: 0, adminPort: 0, pod: `pod-${count++}`, ...input });
    const gateway = new Gateway(settings, { ...shared, store, board });
    await gateway.start();
    running.push(gateway);
    return `ws://127.0.0.1:${gateway.address?.port}/ws`;
  };
}

async function gateways(count: number, input: SettingsInput = {}): Promise<string[]> {
  const start = cluster(input);
  const urls: string[] = [];
  while (urls.length < count) urls.push(await start());
  return urls;
}

function clientOf(url: string | string[], options: Partial<ClientOptions> = {}): Client {
  const client = new Client({ url, backoffBaseMs: 20, backoffCapMs: 200, ...options });
  clients.push(client);
  return client;
}

/** Sockets of `ws` that can be torn off, as a network does. */
function breakable(): { readonly webSocket: SocketFactory; readonly tear: () => void } {
  let last: WsSocket | undefined;
  return {
    webSocket: (url, protocols) => {
      last = new WsSocket(url, protocols);
      return last;
    },
    tear: () => last?.terminate(),
  };
}

const reach = (condition: () => boolean | Promise<boolean>, what: string) =>
  until(condition, { for: what, deadlineMs: 15_000 });
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('a client of real gateways', () => {
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  it('publishes, and gets what is published, with the WebSocket of the platform', async () => {
    const urls = await gateways(1);
    const client = clientOf(urls);
    const room = client.subscribe<{ hi: number }>('room.1');
    await room.ready;
    const { position, duplicate } = await client.publish('room.1', { hi: 1 });
    assert.equal(duplicate, false);
    for await (const message of room) {
      assert.deepEqual(message.data, { hi: 1 });
      assert.equal(message.position, position);
      break;
    }
    assert.equal(client.welcome?.pod, 'pod-0');
    assert.ok((await client.ping()) >= 0);
  });

  it('loses and doubles nothing while its connections are torn off', async () => {
    const urls = await gateways(2);
    const [hear, speak] = [breakable(), breakable()];
    const subscriber = clientOf(urls, { webSocket: hear.webSocket });
    const publisher = clientOf([...urls].reverse(), { webSocket: speak.webSocket });
    const room = subscriber.subscribe<number>('t');
    const got: number[] = [];
    let reconnects = 0;
    room.on('message', ({ data }) => got.push(data));
    room.on('gap', (gap) => assert.fail(`a gap: ${gap.reason}`));
    for (const client of [subscriber, publisher]) {
      client.on('state', (change) => {
        if (change.new === 'waiting') reconnects += 1;
      });
    }
    await room.ready;
    const published: Promise<unknown>[] = [];
    for (const n of upTo(400)) {
      published.push(publisher.publish('t', n));
      if (n % 40 === 0) await reach(() => got.length >= n - 60, `${n - 60} messages`);
      if (n % 40 === 20) hear.tear();
      if (n % 100 === 50) speak.tear();
    }
    await Promise.all(published);
    await reach(() => got.length >= 400, 'all messages');
    assert.deepEqual(got, upTo(400));
    assert.ok(reconnects >= 8, `${reconnects} reconnects: the fault did not bite`);
  });

  it('goes on at another gateway when its own stops', async () => {
    const urls = await gateways(2);
    const client = clientOf(urls);
    const room = client.subscribe<number>('t');
    const got: number[] = [];
    room.on('message', ({ data }) => got.push(data));
    await room.ready;
    await client.publish('t', 1);
    await running[0]?.stop();
    await client.publish('t', 2);
    await reach(() => got.length === 2, 'both messages');
    assert.equal(client.welcome?.pod, 'pod-1');
    assert.deepEqual(got, [1, 2]);
  });

  it('connects where its key belongs, and elsewhere when that gateway is gone', async () => {
    const urls = await gateways(2, {
      ring: { heartbeatMs: 20 },
      placement: { podEndpoint: 'address' },
    });
    const [first = ''] = urls;
    const routeOf = (key: string) =>
      `${first.replace(/^ws/, 'http').replace(/ws$/, '')}v1/route?key=${key}`;
    const ownerOf = async (key: string) => {
      const { owner } = (await (await fetch(routeOf(key))).json()) as { owner?: string };
      return owner;
    };
    const keys = upTo(20).map((n) => `user-${n}`);
    const far = await until(
      async () => {
        const owners = await Promise.all(keys.map(ownerOf));
        return keys[owners.indexOf('pod-1')];
      },
      { for: 'a ring of both', deadlineMs: 15_000 },
    );
    const client = clientOf(first, { routeUrl: routeOf(far) });
    await client.connect();
    assert.equal(client.welcome?.pod, 'pod-1');
    await running.pop()?.stop();
    await reach(() => client.welcome?.pod === 'pod-0', 'the other gateway');
  });

  it('moves as gateways come and go: always connected, nothing lost, nothing twice', async () => {
    const start = cluster({
      ring: { heartbeatMs: 20 },
      placement: { podEndpoint: 'address' },
      edge: { drainGraceMs: 20, markerMs: 20 },
    });
    const urls = [await start(), await start()];
    const reasons: string[] = [];
    const wrong: unknown[] = [];
    const open = async (n: number) => {
      const client = clientOf(n % 2 === 0 ? [...urls] : [...urls].reverse());
      await client.connect();
      client.on('state', (change) => wrong.push(change));
      client.on('error', (error) => wrong.push(error));
      client.on('moved', ({ reason }) => reasons.push(reason));
      return client;
    };
    const everybody = await Promise.all(upTo(16).map(open));
    const heard = await Promise.all(
      everybody.map(async (client) => {
        const room = client.subscribe<string>('t');
        const got: string[] = [];
        room.on('message', ({ data }) => got.push(data));
        room.on('gap', (gap) => wrong.push(gap));
        room.on('state', ({ reason }) => wrong.push(...(reason === 'hole' ? [reason] : [])));
        await room.ready;
        return got;
      }),
    );
    const published: string[] = [];
    const publishUntil = (done: () => boolean, what: string) =>
      reach(async () => {
        const data = upTo(20).map((n) => `${published.length + n}`);
        published.push(...data);
        const by = (n: number) => everybody[n % everybody.length] as Client;
        await Promise.all(data.map((text, n) => by(n).publish('t', text)));
        return done();
      }, what);
    urls.push(await start());
    await publishUntil(() => reasons.includes('rebalance'), 'moves to the new gateway');
    const [first] = running;
    let left = false;
    void first?.drain().then(() => {
      left = true;
    });
    await publishUntil(() => left, 'the end of the drain');
    assert.ok(reasons.includes('drain'), String(reasons));
    await reach(() => heard.every((got) => got.length >= published.length), 'all messages');
    const [order = []] = heard;
    assert.deepEqual([...order].sort(), [...published].sort());
    for (const got of heard) assert.deepEqual(got, order);
    assert.deepEqual(wrong, []);
    assert.ok(everybody.every((client) => client.welcome?.pod !== 'pod-0'));
  });

  it('that reads slowly gets everything, from the log', async () => {
    const urls = await gateways(1);
    const client = clientOf(urls, { bufferCount: 10 });
    const room = client.subscribe<number>('t');
    await room.ready;
    await Promise.all(upTo(200).map((n) => client.publish('t', n)));
    await reach(() => room.state === 'behind', 'the buffer to be full');
    const got: number[] = [];
    for await (const { data } of room) {
      got.push(data);
      if (data === 200) break;
    }
    assert.deepEqual(got, upTo(200));
  });

  it('is told a gap when it was away for too long, and resyncs', async () => {
    const urls = await gateways(1, { stream: { retentionEntries: 10 } });
    const writer = clientOf(urls);
    const first = await writer.publish('t', 0);
    await Promise.all(upTo(400).map((n) => writer.publish('t', n)));
    const state = await writer.publish('t', 401);
    const reader = clientOf(urls);
    const resync = () => state.position;
    const position = first.position ?? assert.fail('no position');
    const room = reader.subscribe<number>('t', { position, resync });
    const reasons: string[] = [];
    const got: number[] = [];
    room.on('gap', ({ reason }) => reasons.push(reason));
    room.on('message', ({ data }) => got.push(data));
    await reach(() => reasons.length > 0 && room.state === 'subscribed', 'the resync');
    await writer.publish('t', 402);
    await reach(() => got.length > 0, 'the message behind it');
    assert.deepEqual([reasons, got], [['trimmed'], [402]]);
  });

  it('subscribes to hundreds of topics, and resumes them, where frames are small', async () => {
    const urls = await gateways(1, { edge: { frameBytes: 16_384 } });
    const torn = breakable();
    const client = clientOf(urls, { webSocket: torn.webSocket });
    const rooms = upTo(600).map((n) => client.subscribe(`${n}-`.padEnd(100, 'x')));
    const subscribed = () => rooms.every(({ state }) => state === 'subscribed');
    await reach(subscribed, 'all subscriptions');
    torn.tear();
    await reach(() => !subscribed(), 'the loss');
    await reach(subscribed, 'all subscriptions again');
  });

  it('is told what was wrong with what it asked for', async () => {
    const urls = await gateways(1, { edge: { frameBytes: 16_384, maxTopics: 1 } });
    const client = clientOf(urls);
    await client.connect();
    await assert.rejects(client.publish('t', 'x'.repeat(20_000)), { code: 'too_large' });
    await client.subscribe('a').ready;
    await assert.rejects(client.subscribe('b').ready, { code: 'too_many_topics' });
    assert.equal(client.state, 'connected');
  });
});
