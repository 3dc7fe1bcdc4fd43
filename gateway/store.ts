import type { Clock, Random } from '../protocol/clock.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { RedisFiles } from './redis-files.ts';
import { MemoryBoard } from './ring/memory-board.ts';
import type { PodBoard } from './ring/pod-board.ts';
import type { PodWire } from './ring/pod-wire.ts';
import { RedisBoard } from './ring/redis/redis-board.ts';
import { RedisWire } from './ring/redis/redis-wire.ts';
import type { RedisSettings, Settings } from './settings/declaration.ts';
import { withUser } from './settings/redis-url.ts';
import type { Log } from './stream/log.ts';
import { MemoryLog } from './stream/memory/memory-log.ts';
import { MemoryStore } from './stream/memory/memory-store.ts';
import type { RedisAccess, RedisCertificates } from './stream/redis/redis-access.ts';
import { RedisLog } from './stream/redis/redis-log.ts';

/** Where the messages are, and where gateways tell each other of themselves. */
export interface Store {
  readonly kind: 'memory' | 'redis';
  readonly log: Log;
  readonly board: PodBoard;
  readonly wire: PodWire;
}

export interface StoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store?: MemoryStore;
  readonly board?: MemoryBoard;
  /** Somebody else's to close. */
  readonly redisFiles: RedisFiles;
}

/** With Sentinels a URL says only who we are, and which database. */
const SENTINELS_SAY = 'redis://sentinels';

/** What the settings name; memory when they name no Redis. */
export function makeStore(settings: Settings, parts: StoreParts): Store {
  const { redis } = settings;
  const files = parts.redisFiles;
  const sentinelPassword = files.sentinelPassword?.value ?? redis.sentinelPassword;
  const url = () => urlOf(redis, files);
  const first = url();
  if (first === undefined) return memory(settings, parts);
  const certificates = certificatesOf(files);
  const store = onRedis(settings, parts, { ...redis, url: first, sentinelPassword, certificates });
  const { log, board, wire } = store;
  for (const file of [files.url, files.password]) {
    file?.onChange(() => {
      for (const each of [log, board, wire]) each.useUrl(url() ?? first);
    });
  }
  files.sentinelPassword?.onChange((changed) => {
    for (const each of [log, board, wire]) each.useSentinelPassword(changed);
  });
  return { kind: 'redis', ...store };
}

/** Where Redis is and who we are there, as one URL; undefined: no setting names a Redis. */
function urlOf(redis: RedisSettings, files: RedisFiles): string | undefined {
  const password = files.password?.value ?? redis.password;
  const url =
    files.url?.value ?? redis.url ?? (redis.sentinels.length > 0 ? SENTINELS_SAY : undefined);
  if (url === undefined || password === undefined) return url;
  return withUser(url, { user: redis.user, password });
}

/** Its members are what the files hold when they are looked at. */
function certificatesOf({ ca, certificate, key }: RedisFiles): RedisCertificates {
  return {
    get ca() {
      return ca?.value;
    },
    get cert() {
      return certificate?.value;
    },
    get key() {
      return key?.value;
    },
  };
}

function memory({ stream, pod }: Settings, parts: StoreParts): Store {
  const { clock, random } = parts;
  const shared = parts.store ?? new MemoryStore({ clock, random, settings: stream });
  const board = parts.board ?? new MemoryBoard(clock);
  const wire = board.exchange.wire(pod);
  return { kind: 'memory', log: new MemoryLog(shared, pod), board, wire };
}

function onRedis({ stream, pod, ring }: Settings, parts: StoreParts, redis: RedisAccess) {
  const { clock, random, logger, metrics } = parts;
  const shared = { redis, pod, clock, random };
  const onOutage = (connection: string, reason: string) =>
    logger.warn({ connection, reason }, 'a connection to Redis cannot be made');
  const named = (name: 'ring' | 'wire') => ({
    ...{ ...shared, cluster: ring.cluster },
    onOutage: (reason: string) => onOutage(name, reason),
    onLost: () => metrics.redis.disconnected(name),
  });
  const board = new RedisBoard(named('ring'));
  const wire = new RedisWire({ ...named('wire'), speaker: board });
  const onSwitched = (from: string) => {
    for (const each of [board, wire]) each.switched(from);
  };
  const log = new RedisLog({ ...shared, stream, onOutage, onSwitched, counts: metrics.redis });
  return { log, board, wire };
}
