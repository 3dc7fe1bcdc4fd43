import { z } from 'zod';

/**
 * Every setting of a gateway, declared once: unit, default, bounds and text. From here come the
 * environment names (`WSCLUSTER_REDIS_URL`), the command-line options (`--redis-url`), `--help`
 * and `docs/settings.md`; later the CRD and the chart.
 *
 * A name's last word is its unit where it has one: `Ms`, `S`, `Bytes`.
 */

const ms = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ unit: 'ms', description: text });
const seconds = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ unit: 's', description: text });
const bytes = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ unit: 'bytes', description: text });
const count = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ unit: 'count', description: text });
const flag = (fallback: boolean, text: string) =>
  z.boolean().default(fallback).meta({ description: text });
const words = (text: string) =>
  z.array(z.string().min(1).max(512)).max(64).default([]).meta({ description: text });
const optional = (text: string, extra: { secret?: true } = {}) =>
  z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .meta({ description: text, ...extra });

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY = 86_400;

export const redisSettings = z.strictObject({
  url: optional('Redis to use, `redis://` or `rediss://`; absent: memory, one process only.', {
    secret: true,
  }),
  urlFile: optional('File that holds the Redis URL; re-read when it changes.'),
  sentinels: words('`host:port` of each Sentinel; then `sentinelName` is needed too.'),
  sentinelName: optional('Name of the master group that the Sentinels watch.'),
  keyPrefix: z
    .string()
    .regex(/^[\w./-]{1,128}$/)
    .default('wscluster')
    .meta({ description: 'Begins every key and channel. Two clusters on one Redis need two.' }),
  replicas: count(0, [0, 10], 'Replicas that must have a publish at level `replicas`.'),
  connectTimeoutMs: ms(5_000, [100, 60_000], 'Longest wait for a connection to be set up.'),
  socketTimeoutMs: ms(3_000, [200, 60_000], 'Silence after which a connection counts as dead.'),
});

export const streamSettings = z.strictObject({
  retentionS: seconds(3_600, [1, 30 * DAY], 'How long messages stay in the log at least.'),
  retentionEntries: count(10_000, [10, 10_000_000], 'How many of a topic stay at least.'),
  inlineBytes: bytes(16 * KIB, [0, MIB], 'Largest batch that PUBLISH carries; larger: announced.'),
  idempotencyWindowS: seconds(120, [1, DAY], 'How long a (producer, seq) is surely remembered.'),
  idempotencyEntries: count(100_000, [100, 10_000_000], 'Remembered per topic and window.'),
  publishTimeoutMs: ms(5_000, [100, 60_000], 'After that a publish is answered failed or unknown.'),
  publishQueueBytes: bytes(32 * MIB, [64 * KIB, 1024 * MIB], 'Publishes that wait for Redis.'),
  waitTimeoutMs: ms(1_000, [10, 60_000], 'Longest wait for replicas, per batch.'),
  probeIntervalMs: ms(1_000, [20, 60_000], 'How often the live connection is proven alive.'),
  settleMs: ms(5_000, [20, 60_000], 'Pods report what they knew within this after a failover.'),
  parkedBytes: bytes(MIB, [KIB, 64 * MIB], 'Live entries of a topic held while it catches up.'),
  pageEntries: count(100, [1, 10_000], 'Entries read from the log at a time.'),
  pageBytes: bytes(256 * KIB, [KIB, 16 * MIB], 'Bytes read from the log at a time.'),
});

export const hubSettings = z.strictObject({
  lingerMs: ms(5_000, [0, 600_000], 'How long a topic is followed after its last subscriber.'),
  recentTopicBytes: bytes(256 * KIB, [0, 64 * MIB], 'Recent entries kept in memory per topic.'),
  recentBytes: bytes(64 * MIB, [0, 8192 * MIB], 'Recent entries kept in memory in all.'),
  coalesceMs: ms(4, [0, 100], 'Under load, what arrives within this leaves together.'),
});

export const edgeSettings = z.strictObject({
  maxConnections: count(15_000, [1, 1_000_000], 'More are refused with 503.'),
  maxTopics: count(1_000, [1, 100_000], 'Subscriptions of one connection.'),
  frameBytes: bytes(MIB, [KIB, 64 * MIB], 'Largest frame a client may send.'),
  outboxBytes: bytes(MIB, [16 * KIB, 256 * MIB], 'Unsent bytes after which a client is slow.'),
  slowTimeoutMs: ms(60_000, [100, 3_600_000], 'A client that reads nothing this long is closed.'),
  helloTimeoutMs: ms(5_000, [100, 60_000], 'Deadline of the handshake and of hello.'),
  heartbeatMs: ms(15_000, [100, 300_000], 'Ping interval; also how often something is sent.'),
  pongTimeoutMs: ms(10_000, [50, 300_000], 'Time to answer a ping.'),
  missedPings: count(3, [1, 10], 'Unanswered pings after which a connection is ended.'),
  idleAfterMs: ms(30_000, [100, 3_600_000], 'Without traffic this long a connection is idle.'),
  markerMs: ms(1_000, [20, 60_000], 'Shortest time between two marker pings of a session.'),
  messagesPerSecond: count(200, [1, 1_000_000], 'Frames per second and connection, sustained.'),
  messagesBurst: count(400, [1, 1_000_000], 'Frames at once, per connection.'),
  drainGraceMs: ms(5_000, [0, 120_000], 'Serves on after it became not ready.'),
  drainDeadlineMs: ms(300_000, [100, 3_600_000], 'A drain is over by then.'),
  movesPerSecond: count(200, [1, 1_000_000], 'Connections that a drain disturbs per second.'),
});

export const authSettings = z.strictObject({
  keys: optional('Keys that verify tokens, as a JWK Set; secret ones (HS256) included.', {
    secret: true,
  }),
  keysFile: optional('File that holds the JWK Set; re-read when it changes.'),
  jwksUrl: optional('URL of a JWK Set.'),
  issuer: optional('Required `iss` of a token.'),
  audience: optional('Required `aud` of a token.'),
  leewayS: seconds(30, [0, 300], 'Clock difference that `exp` and `nbf` may have.'),
  apiKeysFile: optional('File with one API key for the HTTP API per line; re-read.'),
  anonymous: flag(false, 'Serve clients without a token from everywhere, read only.'),
  anonymousPublish: flag(false, 'Anonymous clients may publish too.'),
  allowedOrigins: words('Origins of pages that may connect; `*` allows every one.'),
});

/** All settings of one gateway. */
export const gatewaySettings = z.strictObject({
  pod: z
    .string()
    .regex(/^[\w.-]{1,63}$/)
    .optional()
    .meta({ description: 'Name of this gateway. Default: host name and port.' }),
  host: z
    .string()
    .min(1)
    .max(255)
    .default('127.0.0.1')
    .meta({ description: 'Address to listen on; `::` for all.' }),
  port: count(8001, [1, 65_535], 'Port for clients and the HTTP API.'),
  adminHost: z
    .string()
    .min(1)
    .max(255)
    .default('127.0.0.1')
    .meta({ description: 'Address of `/livez`, `/readyz` and `/metrics`.' }),
  adminPort: count(9001, [1, 65_535], 'Port of `/livez`, `/readyz` and `/metrics`.'),
  peers: words('`host:port` of the admin ports of other gateways.'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({ description: 'Lines below this level are not written.' }),
  redis: redisSettings.prefault({}),
  stream: streamSettings.prefault({}),
  hub: hubSettings.prefault({}),
  edge: edgeSettings.prefault({}),
  auth: authSettings.prefault({}),
});

export type Settings = z.infer<typeof gatewaySettings>;
export type RedisSettings = z.infer<typeof redisSettings>;
export type StreamSettings = z.infer<typeof streamSettings>;
export type HubSettings = z.infer<typeof hubSettings>;
export type EdgeSettings = z.infer<typeof edgeSettings>;
export type AuthSettings = z.infer<typeof authSettings>;
