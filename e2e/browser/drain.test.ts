import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { build, stop } from 'esbuild';
import { Client } from '../../client/client.ts';
import { createServer } from '../../process/http.ts';
import { until } from '../deadline.ts';
import { freePort } from '../processes/free-port.ts';
import { GatewayProcess } from '../processes/gateway-process.ts';
import { type RedisServer, startRedis } from '../processes/redis-server.ts';
import { agreed } from '../processes/ring-view.ts';
import { traffic } from '../ring/testing/reader.ts';
import { Browser, chromiumProblem } from './chromium.ts';

const HEARTBEAT_MS = 300;
const ROOM = join(import.meta.dirname, 'room');
const SOME = 300;

describe('a page in Chromium whose gateway is asked to leave', { skip: chromiumProblem() }, () => {
  let redis: RedisServer;
  let gateways: readonly GatewayProcess[];
  let web: Server;
  let browser: Browser;
  let publisher: Client | undefined;
  let origin = '';

  before(async () => {
    redis = await startRedis();
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    web = await serveRoom(port);
    gateways = await GatewayProcess.startAll(['a', 'b', 'c'].map(optionsOf));
    await agreed(gateways);
    browser = await Browser.open();
  });
  after(async () => {
    await publisher?.close();
    await browser.close();
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    web.close();
    await redis.stop();
  });

  const optionsOf = (name: string) => ({
    name,
    settings: {
      redis: { url: redis.url },
      ring: { heartbeatMs: HEARTBEAT_MS },
      edge: { drainGraceMs: 3 * HEARTBEAT_MS, drainDeadlineMs: 60_000 },
      placement: { podEndpoint: 'address' },
      auth: { allowedOrigins: [origin] },
    },
  });

  const noted = (name: 'rendered' | 'shown' | 'moves') =>
    browser.page.evaluate((of) => window[of], name);

  /** The one that serves the page. */
  async function homeOf(): Promise<GatewayProcess> {
    const counts = await Promise.all(
      gateways.map((gateway) => gateway.metric('wscluster_connections')),
    );
    const home = gateways[counts.indexOf(1)];
    assert.ok(home, `connections: ${counts}`);
    return home;
  }

  it('stays connected, and renders every message once and in order', async (t) => {
    const [first] = gateways as [GatewayProcess];
    await browser.page.goto(`${origin}/?url=${encodeURIComponent(first.url)}`);
    await until(async () => (await noted('shown')).at(-1) === 'connected', {
      for: 'the page to be connected',
      deadlineMs: 10_000,
    });
    // It is anonymous: its session belongs where it arrived.
    const home = await homeOf();
    // From then on it misses nothing.
    await until(async () => (await home.metric('wscluster_subscriptions')) === 1, {
      for: 'the page to be in the room',
      deadlineMs: 10_000,
    });
    const other = gateways.find((gateway) => gateway !== home);
    const states = (await noted('shown')).length;
    const ending = new AbortController();
    const client = new Client({ url: other?.url ?? '' });
    publisher = client;
    await client.connect();
    const sending = traffic('room', client, ending.signal);
    try {
      await renderedMore(SOME);
      assert.equal((await home.terminate(50_000))?.code, 0);
      await renderedMore(SOME);
    } finally {
      ending.abort();
    }
    const sent = await sending;
    const last = sent.at(-1);
    await until(async () => (await noted('rendered')).at(-1) === last, {
      for: `${last} to be rendered`,
      deadlineMs: 15_000,
    });
    assert.deepEqual(await noted('rendered'), sent);
    assert.deepEqual((await noted('shown')).slice(states), []);
    const moves = await noted('moves');
    t.diagnostic(`${sent.length} messages, moves: ${moves}`);
    assert.ok(moves.includes('drain'), `moves: ${moves}`);
    assert.deepEqual(browser.errors, []);
  });

  async function renderedMore(count: number): Promise<void> {
    const before = (await noted('rendered')).length;
    await until(async () => (await noted('rendered')).length >= before + count, {
      for: `${count} more messages than ${before}`,
      deadlineMs: 30_000,
      everyMs: 50,
    });
  }
});

async function serveRoom(port: number): Promise<Server> {
  const built = await build({
    entryPoints: [join(ROOM, 'room.ts')],
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  await stop();
  const script = built.outputFiles[0]?.text ?? '';
  const html = readFileSync(join(ROOM, 'index.html'), 'utf8');
  const server = createServer(({ url }, response) => {
    const isScript = url === '/room.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(isScript ? script : html);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}
