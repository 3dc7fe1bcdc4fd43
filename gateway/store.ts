import type { Clock, Random } from '../protocol/clock.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { RedisSettings, Settings } from './settings/declaration.ts';
import type { Log } from './stream/log.ts';
import { MemoryLog } from './stream/memory/memory-log.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';
import { RedisLog } from './stream/redis/redis-log.ts';
import type { UrlFile } from './url-file.ts';

/** Where the messages are. */
export interface Store {
  readonly kind: 'memory' | 'redis';
  readonly log: Log;
}

export interface StoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly store?: MemoryStore;
  /** Somebody else's to close. */
  readonly redisUrl: UrlFile | undefined;
}

/** What the settings name; memory when they name no Redis. */
export function makeStore(settings: Settings, parts: StoreParts): Store {
  const { redis } = settings;
  const { redisUrl: file } = parts;
  if (redis.url === undefined && file === undefined && redis.sentinels.length === 0) {
    return memory(settings, parts);
  }
  const log = redisLog(settings, parts, { ...redis, url: file?.value ?? redis.url });
  file?.onChange((url) => log.useUrl(url));
  return { kind: 'redis', log };
}

function memory({ stream, pod }: Settings, { clock, random, store }: StoreParts): Store {
  const shared = store ?? new MemoryStore({ clock, random, settings: stream });
  return { kind: 'memory', log: new MemoryLog(shared, pod) };
}

function redisLog({ stream, pod }: Settings, parts: StoreParts, redis: RedisSettings): RedisLog {
  const { clock, random, metrics } = parts;
  return new RedisLog({ redis, stream, pod, clock, random, counts: metrics.redis });
}
