import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings, type StreamSettings } from '../../settings/declaration.ts';
import { logConformance } from '../testing/log.conformance.ts';
import { chainConformance } from '../testing/log-chain.conformance.ts';
import type { LogStore, LogWorld } from '../testing/log-world.ts';
import { redisKeys } from './keys.ts';
import { RedisLog } from './redis-log.ts';

let worlds = 0;

/** A server that holds no file but its snapshot: what is written after SAVE dies with it. */
async function redisStore(): Promise<LogStore> {
  const server = await startRedis();
  return {
    world: (settings) => redisWorld(server, settings),
    close: () => server.stop(),
  };
}

async function redisWorld(server: RedisServer, stream: StreamSettings): Promise<LogWorld> {
  worlds += 1;
  const keyPrefix = `test/${worlds}`;
  const redis = gatewaySettings.parse({ redis: { url: server.url, keyPrefix } }).redis;
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

logConformance('RedisLog', redisStore);
chainConformance('RedisLog', redisStore);
