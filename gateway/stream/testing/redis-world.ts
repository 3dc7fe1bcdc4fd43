import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings, type StreamSettings } from '../../settings/declaration.ts';
import { redisKeys } from '../redis/keys.ts';
import { RedisLog } from '../redis/redis-log.ts';
import type { LogStore, LogWorld } from './log-world.ts';

const IN_MEMORY = ['--save', '', '--appendonly', 'no'];

/** Makes a server that knows a user without INFO, as managed services have it. */
export const HIDING_INFO = ['--user', 'shy', 'on', '>pw', '~*', '&*', '+@all', '-info'];

/** The URL of a server `HIDING_INFO`, as that user. */
export const shyUrl = ({ url }: RedisServer): string => url.replace('//', '//shy:pw@');

/**
 * A server that holds no file but its snapshot: what is written after SAVE dies with it, and a copy
 * of the file is a replica.
 */
export async function redisStore(hidesInfo = false): Promise<LogStore> {
  const server = await startRedis({ args: [...IN_MEMORY, ...(hidesInfo ? HIDING_INFO : [])] });
  let worlds = 0;
  return {
    world: (settings) => {
      worlds += 1;
      const url = hidesInfo ? shyUrl(server) : server.url;
      return redisWorld(server, { url, keyPrefix: `test/${worlds}`, stream: settings });
    },
    close: () => server.stop(),
  };
}

interface RedisWorldOptions {
  /** As which user the gateways come. */
  readonly url: string;
  readonly keyPrefix: string;
  readonly stream: StreamSettings;
}

async function redisWorld(server: RedisServer, options: RedisWorldOptions): Promise<LogWorld> {
  const { url, keyPrefix, stream } = options;
  const { redis } = gatewaySettings.parse({ redis: { url, keyPrefix } });
  const admin = new Redis(server.url, { retryStrategy: () => 20 });
  // While the server is killed this connection breaks, and comes back by itself.
  admin.on('error', () => {});
  await admin.flushall();
  const file = join(server.directory, 'dump.rdb');
  let replicas = 0;
  const kill = async () => {
    await server.kill();
    await server.restart();
  };
  let promote = kill;
  return {
    log: (pod) => new RedisLog({ redis, stream, pod, clock: systemClock, random: Math.random }),
    restart: async () => {
      await admin.save();
      await kill();
    },
    lag: async () => {
      await admin.save();
      replicas += 1;
      const replica = join(server.directory, `replica-${replicas}.rdb`);
      await copyFile(file, replica);
      promote = async () => {
        await server.kill();
        await copyFile(replica, file);
        await server.restart();
      };
      return promote;
    },
    failover: () => promote(),
    flush: async () => {
      await admin.flushall();
    },
    removeLog: async (topic) => {
      await admin.del(redisKeys(keyPrefix).log(topic));
    },
    close: async () => admin.disconnect(),
  };
}
