import type { Clock, Random } from '../protocol/clock.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { RedisSettings, Settings } from './settings/declaration.ts';
import { REDIS_URL_FORM, readRedisUrl } from './settings/redis-url.ts';
import { BadContent, SecretFile } from './settings/secret-file.ts';
import type { Log } from './stream/log.ts';
import { MemoryLog } from './stream/memory/memory-log.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';
import { RedisLog } from './stream/redis/redis-log.ts';

/** Where the messages are. */
export interface Store {
  readonly kind: 'memory' | 'redis';
  readonly log: Log;
  /** Of the file with the URL; the log itself is stopped by the stream. */
  close(): void;
}

export interface StoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store?: MemoryStore;
}

/** What the settings name; memory when they name no Redis. Rejects with `BadContent`. */
export async function openStore(settings: Settings, parts: StoreParts): Promise<Store> {
  const { url, urlFile, sentinels } = settings.redis;
  if (url === undefined && urlFile === undefined && sentinels.length === 0) {
    return memory(settings, parts);
  }
  if (urlFile === undefined) {
    return { kind: 'redis', log: redisLog(settings, parts, settings.redis), close() {} };
  }
  let log: RedisLog | undefined;
  const file = await openUrlFile(urlFile, parts, () => log?.useUrl(file.value));
  log = redisLog(settings, parts, { ...settings.redis, url: file.value });
  return { kind: 'redis', log, close: () => file.close() };
}

function memory({ stream, pod }: Settings, { clock, random, store }: StoreParts): Store {
  const shared = store ?? new MemoryStore({ clock, random, settings: stream });
  return { kind: 'memory', log: new MemoryLog(shared, pod), close() {} };
}

function redisLog({ stream, pod }: Settings, parts: StoreParts, redis: RedisSettings): RedisLog {
  const { clock, random, metrics } = parts;
  return new RedisLog({ redis, stream, pod, clock, random, counts: metrics.redis });
}

function openUrlFile(path: string, parts: StoreParts, onChange: () => void) {
  const { clock, logger, metrics } = parts;
  return SecretFile.open({
    path,
    clock,
    parse: readUrl,
    onRead: (reading) => {
      metrics.redisUrlReread(reading.outcome);
      if (reading.outcome === 'changed') {
        logger.info({}, 'the Redis URL was read again');
        onChange();
      } else {
        logger.error({ reason: reading.reason }, 'the new Redis URL is refused');
      }
    },
  });
}

function readUrl(text: string): string {
  const url = text.trim();
  const read = readRedisUrl(url);
  if ('target' in read) return url;
  throw new BadContent(`${REDIS_URL_FORM} is needed: ${read.problems.join('; ')}`);
}
