import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { until } from '../e2e/deadline.ts';
import { freePort } from '../e2e/processes/free-port.ts';
import { type RedisServer, startRedis } from '../e2e/processes/redis-server.ts';
import { systemClock } from '../protocol/clock.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { settingsFrom } from './settings/load.ts';

const WAIT_MS = 15_000;
const ALL = ['bell', 'control', 'publish', 'ring', 'wire'];
/** Tries of all connections together, none of which may be worth a line of its own. */
const TRIES = 40;
/** A label has at most 63 letters: nobody is asked where this is. */
const NO_SUCH_HOST = `${'x'.repeat(64)}.invalid`;

describe('a gateway whose connections to Redis cannot be made', () => {
  let server: RedisServer;
  let admin: Redis;
  let folder = '';
  let urlFile = '';
  let gateway: Gateway;
  /** Every warning, as one text. */
  let warned: { connection: string; reason: string; text: string }[] = [];
  let reread = 0;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-redis-outage-'));
    urlFile = join(folder, 'url');
    const args = ['--save', '', '--appendonly', 'no', '--databases', '2'];
    server = await startRedis({ args });
    admin = new Redis(server.url);
    warned = [];
    reread = 0;
    await writeFile(urlFile, server.url);
    const settings = settingsFrom({
      ...{ port: 0, adminPort: 0, pod: 'one' },
      redis: { urlFile, reconnectMaxMs: 50, socketTimeoutMs: 500 },
      stream: { probeIntervalMs: 100 },
    });
    const logger = {
      ...silentLogger,
      info: (_: object, text: string) => {
        if (text === 'the Redis URL was read again') reread += 1;
      },
      warn: (fields: object, text: string) => {
        if (text !== 'a connection to Redis cannot be made') return;
        const { connection, reason } = fields as { connection: string; reason: string };
        warned.push({ connection, reason, text: JSON.stringify(fields) });
      },
    };
    gateway = new Gateway(settings, { clock: systemClock, random: Math.random, logger });
    await gateway.start();
  });

  afterEach(async () => {
    await gateway.stop();
    admin.disconnect();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  const settles = (what: string, holds: () => boolean | Promise<boolean>) =>
    until(holds, { for: what, deadlineMs: WAIT_MS });

  async function change(url: string): Promise<void> {
    const before = reread;
    await writeFile(urlFile, url);
    await settles('the URL to be read again', () => reread > before);
  }

  async function cut(): Promise<void> {
    await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await admin.client('KILL', 'TYPE', 'pubsub');
  }

  const connections = async () =>
    [...String(await admin.client('LIST')).matchAll(/ name=one-(\w+) /g)].map(([, name]) => name);

  const allThere = () =>
    settles('all connections', async () => {
      const ready = gateway.checks().find(({ name }) => name === 'redis');
      return (await connections()).length === ALL.length && ready?.detail === undefined;
    });

  const tried = async () =>
    Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);

  /** What each connection says of a changed URL, in the order of their names. */
  async function says(): Promise<string[]> {
    await settles('each connection to say why', () => {
      return new Set(warned.map(({ connection }) => connection)).size === ALL.length;
    });
    return warned.map(({ connection, reason }) => `${connection}: ${reason}`).sort();
  }

  const each = (reason: string) => ALL.map((connection) => `${connection}: ${reason}`);

  it('says why, once per connection, however often it tries', async () => {
    await change(`${server.url}/7`);
    await cut();
    const wrongDatabase = each('Redis refuses database 7: ERR DB index is out of range');
    assert.deepEqual(await says(), wrongDatabase);
    const soFar = await tried();
    await settles('many tries', async () => (await tried()) > soFar + TRIES);
    assert.deepEqual(await says(), wrongDatabase);
  });

  it('says it again when the reason is another one, and in the next outage', async () => {
    await change(`redis://127.0.0.1:${await freePort()}`);
    await cut();
    for (const said of await says()) assert.match(said, /^\w+: connect ECONNREFUSED 127\.0\.0\.1/);
    warned = [];
    await change(`redis://${NO_SUCH_HOST}:6379`);
    for (const said of await says()) assert.match(said, /: getaddrinfo \w+ x+\.invalid$/);
    await change(server.url);
    await allThere();
    warned = [];
    await change(`redis://${NO_SUCH_HOST}:6379`);
    await cut();
    assert.equal((await says()).length, ALL.length);
  });

  it('never says a secret, also where the server quotes it', async () => {
    await admin.call('ACL', 'SETUSER', 'gateway', 'on', '>right', '~*', '&*', '+@all');
    await change(server.url.replace('//', '//gateway:canary@'));
    await cut();
    const wrong = each('WRONGPASS invalid username-password pair or user is disabled.');
    assert.deepEqual(await says(), wrong);
    assert.ok(!warned.some(({ text }) => text.includes('canary')));
    await change(server.url);
    await allThere();
    warned = [];
    const args = ['--save', '', '--rename-command', 'AUTH', ''];
    const without = await startRedis({ args });
    try {
      await change(without.url.replace('//', '//gateway:canary@'));
      await cut();
      for (const said of await says()) assert.match(said, /: ERR unknown command .auth.$/i);
      assert.ok(!warned.some(({ text }) => text.includes('canary')));
    } finally {
      await gateway.stop();
      await without.stop();
    }
  });
});
