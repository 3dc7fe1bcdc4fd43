import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../e2e/processes/redis-server.ts';
import { systemClock } from '../../protocol/clock.ts';
import { gatewaySettings, type StreamSettings } from '../settings/declaration.ts';
import { redisKeys } from './redis/keys.ts';
import { RedisLog } from './redis/redis-log.ts';
import type { LogStore, LogWorld } from './testing/log-world.ts';
import { streamConformance } from './testing/stream.conformance.ts';

let worlds = 0;

const IN_MEMORY = ['--save', '', '--appendonly', 'no'];
const SHY = ['--user', 'shy', 'on', '>pw', '~*', '&*', '+@all', '-info'];

/** A server that holds no file but its snapshot: what is written after SAVE dies with it. */
async function redisStore(user = ''): Promise<LogStore> {
  const server = await startRedis({ args: [...IN_MEMORY, ...SHY] });
  return {
    world: (settings) => redisWorld(server, settings, user),
    close: () => server.stop(),
  };
}

async function redisWorld(
  server: RedisServer,
  stream: StreamSettings,
  user: string,
): Promise<LogWorld> {
  worlds += 1;
  const keyPrefix = `stream-test/${worlds}`;
  const url = server.url.replace('//', `//${user}`);
  const redis = gatewaySettings.parse({ redis: { url, keyPrefix } }).redis;
  const admin = new Redis(server.url, { retryStrategy: () => 20 });
  admin.on('error', () => {});
  await admin.flushall();
  const kill = async () => {
    await server.kill();
    await server.restart();
  };
  return {
    log: (pod) => new RedisLog({ redis, stream, pod, clock: systemClock, random: Math.random }),
    restart: async () => {
      await admin.save();
      await kill();
    },
    lag: async () => {
      await admin.save();
    },
    failover: kill,
    flush: async () => {
      await admin.flushall();
    },
    removeLog: async (topic) => {
      await admin.del(redisKeys(keyPrefix).log(topic));
    },
    close: async () => admin.disconnect(),
  };
}

streamConformance('Redis', () => redisStore());
// A restart without loss is not seen there, and need not be.
streamConformance('Redis that hides INFO', () => redisStore('shy:pw@'));
