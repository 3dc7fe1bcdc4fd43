import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import { StoreRefused } from '../log.ts';
import { HeardBell, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { RedisLog } from './redis-log.ts';

const IN_MEMORY = ['--save', '', '--appendonly', 'no'];

describe('The database that the URL names', () => {
  let server: RedisServer;
  let admin: Redis;
  let open: RedisLog[] = [];

  before(async () => {
    server = await startRedis({ args: [...IN_MEMORY, '--databases', '8'] });
    admin = new Redis(server.url);
  });

  after(async () => {
    admin.disconnect();
    await server.stop();
  });

  beforeEach(() => admin.flushall());

  afterEach(async () => {
    for (const log of open) await log.stop();
    open = [];
  });

  const at = (db: number) => `${server.url}/${db}`;

  function log(url: string): RedisLog {
    const { redis } = gatewaySettings.parse({ redis: { url } });
    const parts = { redis, stream: streamSettings(), clock: systemClock, random: Math.random };
    const one = new RedisLog({ ...parts, pod: 'pod-a' });
    open.push(one);
    return one;
  }

  async function started(url: string): Promise<RedisLog> {
    const one = log(url);
    await one.start(new HeardBell(), WAIT_MS);
    await one.probe('first');
    return one;
  }

  /** Databases that hold something. */
  async function inUse(): Promise<string[]> {
    const found = (await admin.info('keyspace')).matchAll(/^db(\d+):/gm);
    return [...found].map(([, db = '']) => db);
  }

  async function cut(): Promise<void> {
    await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await admin.client('KILL', 'TYPE', 'pubsub');
  }

  const probes = (one: RedisLog) =>
    until(() => one.probe('again').then(Boolean, () => false), {
      for: 'Redis to be reached again',
      deadlineMs: WAIT_MS,
    });

  test('is the only one that is written to, after a reconnect too', async () => {
    const one = await started(at(3));
    await cut();
    await probes(one);
    assert.deepEqual(await inUse(), ['3']);
  });

  test('is refused in words where there is none, and no other is taken', async () => {
    const one = log(at(8));
    await assert.rejects(one.start(new HeardBell(), WAIT_MS), (error) => {
      assert.ok(error instanceof StoreRefused, String(error));
      assert.match(error.message, /^Redis refuses database 8: ERR DB index is out of range$/);
      return true;
    });
    assert.deepEqual(await inUse(), []);
  });

  test('changes with the URL at the next connection, and a wrong one is mended', async () => {
    const one = await started(at(3));
    one.useUrl(at(8));
    await cut();
    await until(
      () =>
        one.probe('x').then(
          () => false,
          () => true,
        ),
      {
        for: 'the wrong database to be refused',
        deadlineMs: WAIT_MS,
      },
    );
    await admin.flushall();
    one.useUrl(at(5));
    await probes(one);
    assert.deepEqual(await inUse(), ['5']);
  });
});
