import { z } from 'zod';
import * as limits from '../../protocol/limits.ts';
import {
  bytes,
  count,
  DAY,
  flag,
  hostAndPort,
  KIB,
  MIB,
  ms,
  optional,
  seconds,
  words,
} from './fields.ts';
import { REDIS_URL_FORM, readRedisUrl } from './redis-url.ts';
import { disruptionSettings, placementSettings, ringSettings } from './ring-declaration.ts';

/**
 * Every setting of a gateway, declared once: unit, default, bounds and text. From here come the
 * environment names (`WSCLUSTER_REDIS_URL`), the command-line options (`--redis-url`), `--help`
 * and `docs/settings.md`; later the CRD and the chart.
 *
 * A name's last word is its unit where it has one: `Ms`, `S`, `Bytes`. `form` says in words what a
 * pattern wants; `absent` what is done without the setting; `alias` is a shorter option.
 */

const address = (text: string) =>
  z
    .string()
    .regex(/^[0-9A-Za-z.:_-]{1,255}$/)
    .default('127.0.0.1')
    .meta({ form: 'an IP address or a host name', description: text });
const origin = z
  .string()
  .max(300)
  .regex(/^(\*|[a-z][a-z0-9+.-]*:\/\/[^\s/?#,]{1,255})$/)
  .meta({ form: 'an origin such as https://app.example.com, or *' });
const pattern = z
  .string()
  .min(1)
  .max(256)
  // As a list is written: with a comma it would be two patterns, which allow something else.
  .regex(/^[^,\s]([^,]*[^,\s])?$/)
  .meta({ form: 'a topic pattern of 1 to 256 characters such as room.*, without commas' });

const redisSettings = z.strictObject({
  url: z
    .string()
    .superRefine((text, context) => {
      const read = readRedisUrl(text);
      for (const message of 'problems' in read ? read.problems : []) context.addIssue(message);
    })
    .optional()
    .meta({
      secret: true,
      alias: 'redis',
      form: REDIS_URL_FORM,
      description: 'Redis to use, `redis://` or `rediss://`.',
      absent: 'memory, for one process only',
    }),
  urlFile: optional('File that holds the Redis URL; re-read when it changes.', {
    form: `a file that holds ${REDIS_URL_FORM}`,
  }),
  user: optional('User at Redis, instead of the one in the URL.'),
  password: optional('Password at Redis, instead of the one in the URL.', { secret: true }),
  passwordFile: optional('File that holds that password; re-read when it changes.', {
    form: 'a file that holds a password on one line',
  }),
  caFile: optional(
    'File with the certificates by which servers and Sentinels are trusted; re-read on change.',
    { form: 'a file with certificates (PEM)', absent: 'those that Node trusts' },
  ),
  certificateFile: optional('File with the certificate shown to them; re-read when it changes.', {
    form: 'a file with a certificate (PEM) and those between it and its CA',
  }),
  keyFile: optional('File with the key of that certificate; re-read when it changes.', {
    form: 'a file with a private key (PEM) without a passphrase',
  }),
  sentinels: words('`host:port` of each Sentinel; then `sentinelName` is needed too.', hostAndPort),
  sentinelName: optional('Name of the master group that the Sentinels watch.'),
  sentinelUser: optional(
    'User at the Sentinels. Without it, a password is that of the default one.',
  ),
  sentinelPassword: optional('Password at the Sentinels; that of the URL is the servers’.', {
    secret: true,
  }),
  sentinelPasswordFile: optional('File that holds that password; re-read when it changes.', {
    form: 'a file that holds a password on one line',
  }),
  sentinelTls: flag(
    false,
    'Connections to the Sentinels are encrypted; to servers, with rediss://.',
  ),
  keyPrefix: z
    .string()
    .min(1)
    .max(160)
    .regex(/^[\w./-]+$/)
    .default('wscluster')
    .meta({
      form: '1 to 160 of 0-9 A-Z a-z _ . / -',
      description: 'Begins every key and channel. Two clusters on one Redis need two.',
    }),
  replicas: count(0, [0, 10], 'Replicas that a publish of level `replicas` waits for; 0: refused.'),
  connectTimeoutMs: ms(5_000, [100, 60_000], 'Longest wait for a connection to be set up.'),
  socketTimeoutMs: ms(3_000, [200, 60_000], 'Silence after which a connection counts as dead.'),
  reconnectMaxMs: ms(
    2_000,
    [50, 60_000],
    'Longest wait between two tries. Who is back too late cannot say what a failover lost.',
  ),
});

export const streamSettings = z.strictObject({
  retentionS: seconds(3_600, [1, 30 * DAY], 'Messages older than this leave the log, even if few.'),
  retentionEntries: count(
    10_000,
    [10, 10_000_000],
    'Messages of a topic beyond this many leave the log, even if young.',
  ),
  inlineBytes: bytes(16 * KIB, [0, MIB], 'Largest batch that PUBLISH carries; larger: announced.'),
  idempotencyWindowS: seconds(
    120,
    [1, DAY],
    'How long a (producer, seq) is surely remembered; longer where heartbeats are rare, 7.5 of ' +
      'them or until a silent client is given up.',
  ),
  idempotencyEntries: count(
    100_000,
    [100, 10_000_000],
    'Ids, and producers, of a topic and window.',
  ),
  sessionsPerIdentity: count(
    100,
    [1, 1_000_000],
    'Sessions kept for an identity. Beyond, those that were opened or saved longest ago are ' +
      'forgotten.',
  ),
  publishTimeoutMs: ms(5_000, [100, 60_000], 'After that a publish is answered failed or unknown.'),
  publishQueueBytes: bytes(32 * MIB, [64 * KIB, 1024 * MIB], 'Publishes that wait for Redis.'),
  waitTimeoutMs: ms(1_000, [10, 60_000], 'Longest wait for replicas, per batch.'),
  probeIntervalMs: ms(1_000, [20, 60_000], 'How often the live connection is proven alive.'),
  settleMs: ms(5_000, [20, 60_000], 'Pods report what they knew within this after a failover.'),
  parkedBytes: bytes(MIB, [KIB, 64 * MIB], 'Live entries of a topic held while it catches up.'),
  knownTopics: count(
    50_000,
    [100, 10_000_000],
    'Topics whose last position a failover may ask for.',
  ),
  pageEntries: count(100, [1, 10_000], 'Entries read from the log at a time.'),
  pageBytes: bytes(256 * KIB, [KIB, 16 * MIB], 'Bytes read from the log at a time.'),
});

export const hubSettings = z.strictObject({
  lingerMs: ms(5_000, [0, 600_000], 'How long a topic is followed after its last subscriber.'),
  recentTopicBytes: bytes(256 * KIB, [0, 64 * MIB], 'Recent entries kept in memory per topic.'),
  recentBytes: bytes(64 * MIB, [0, 8192 * MIB], 'Recent entries kept in memory in all.'),
  coalesceMs: ms(4, [0, 100], 'Under load, what arrives within this leaves together.'),
  openTimeoutMs: ms(15_000, [100, 600_000], 'A topic not open by then: subscribing is refused.'),
  catchUpTimeoutMs: ms(
    120_000,
    [100, 3_600_000],
    'A subscription whose history cannot be read this long is refused.',
  ),
});

export const edgeSettings = z.strictObject({
  maxConnections: count(15_000, [1, 1_000_000], 'More are refused with 503.'),
  maxTopics: count(1_000, [1, 100_000], 'Subscriptions of one connection.'),
  sessionTopics: count(
    2_000,
    [1, 200_000],
    'Cursors kept for a session. Beyond, those of topics that it left longest ago are forgotten.',
  ),
  frameBytes: bytes(MIB, [limits.helloBytes, 64 * MIB], 'Largest frame a client may send.'),
  outboxBytes: bytes(MIB, [16 * KIB, 256 * MIB], 'Unsent bytes after which a client is slow.'),
  slowTimeoutMs: ms(60_000, [100, 3_600_000], 'A client that reads nothing this long is closed.'),
  messageTimeoutMs: ms(
    30_000,
    [100, 3_600_000],
    'Time to complete a message, from the first heartbeat that falls into it.',
  ),
  helloTimeoutMs: ms(5_000, [100, 60_000], 'Deadline of the handshake and of hello.'),
  heartbeatMs: ms(15_000, [100, 300_000], 'Ping interval; also how often something is sent.'),
  pongTimeoutMs: ms(10_000, [50, 300_000], 'Time to answer a ping.'),
  missedPings: count(3, [1, 10], 'Unanswered pings after which a connection is ended.'),
  idleAfterMs: ms(30_000, [100, 3_600_000], 'Without traffic this long a connection is idle.'),
  markerMs: ms(1_000, [20, 60_000], 'Shortest time between two marker pings of a session.'),
  messagesPerSecond: count(200, [1, 1_000_000], 'Frames per second and connection, sustained.'),
  messagesBurst: count(400, [1, 1_000_000], 'Frames at once, per connection.'),
  identityPerSecond: count(2_000, [1, 10_000_000], 'Frames per second and identity, sustained.'),
  identityBurst: count(4_000, [1, 10_000_000], 'Frames at once, per identity.'),
  userConnections: count(
    0,
    [0, 1_000_000],
    'Connections of a user (`sub`), a session counted once; beyond, the oldest end. 0: any number.',
  ),
  publishesInFlight: count(64, [1, 10_000], 'Unanswered publishes at which reading pauses.'),
  refreshMs: ms(10_000, [0, 600_000], 'A token may be renewed this long after it expired.'),
  drainGraceMs: ms(5_000, [0, 120_000], 'Serves on after it became not ready.'),
  drainDeadlineMs: ms(300_000, [100, 3_600_000], 'A drain is over by then.'),
});

const httpSettings = z.strictObject({
  bodyBytes: bytes(MIB, [KIB, 64 * MIB], 'Largest body of a request.'),
  publishMessages: count(100, [1, 1_000], 'Messages in one publish request.'),
  historyEntries: count(1_000, [1, 10_000], 'Most entries that one page of history may ask for.'),
  requestTimeoutMs: ms(10_000, [100, 300_000], 'Time to send a whole request.'),
  requestsPerSecond: count(
    2_000,
    [1, 10_000_000],
    'Requests per second and identity, or address without one, sustained. A publish of several ' +
      'messages counts as many.',
  ),
  requestsBurst: count(4_000, [1, 10_000_000], 'Requests at once, per identity or address.'),
});

const authSettings = z.strictObject({
  keys: optional('Keys that verify tokens, as a JWK Set; secret ones (HS256) included.', {
    secret: true,
    form: 'a JWK Set, at most 4096 characters',
  }),
  keysFile: optional('File that holds the JWK Set; re-read when it changes.', {
    form: 'a file that holds a JWK Set',
  }),
  jwksUrl: z
    .string()
    .max(4096)
    .regex(/^https?:\/\/\S+$/)
    .refine((text) => URL.canParse(text))
    .optional()
    .meta({
      form: 'https://… (or http://…)',
      description: 'URL of a JWK Set of public keys; re-read when a key is unknown.',
    }),
  jwksTimeoutMs: ms(5_000, [100, 60_000], 'Longest wait for the JWK Set of `jwksUrl`.'),
  jwksMaxAgeS: seconds(600, [1, DAY], 'The JWK Set of `jwksUrl` is fetched again after this.'),
  jwksStaleS: seconds(
    DAY,
    [1, 30 * DAY],
    'Keys of `jwksUrl` that cannot be fetched again for this long are given up.',
  ),
  jwksCooldownMs: ms(10_000, [10, 600_000], 'Unknown keys do not fetch more often than this.'),
  issuer: optional('Required `iss` of a token.'),
  audience: optional('Required `aud` of a token.'),
  leewayS: seconds(30, [0, 300], 'Clock difference that `exp` and `nbf` may have.'),
  defaultSubscribe: words(
    'What a token without the claim `wsc` may subscribe to: topic patterns. None: nothing.',
    pattern,
  ),
  defaultPublish: words(
    'What a token without the claim `wsc` may publish to: topic patterns. None: nothing.',
    pattern,
  ),
  apiKeysFile: optional('File with one API key for the HTTP API per line; re-read.', {
    form: 'a file with one key of 16 to 512 characters per line',
  }),
  anonymous: flag(false, 'Serve clients without a token from everywhere, read only.'),
  anonymousPublish: flag(false, 'Anonymous clients may publish too.'),
  allowedOrigins: words(
    'Origins of pages that may connect and use the HTTP API (CORS); `*` allows every one.',
    origin,
  ),
});

const adminSettings = z.strictObject({
  keysFile: optional(
    'File with the public keys of whoever may command this gateway; re-read when it changes.',
    { form: 'a file that holds a JWK Set without secrets', absent: 'nobody may' },
  ),
  audience: optional('What `aud` of a token for a command must say.', {
    absent: 'the name of the gateway, `pod`',
  }),
});

/** All settings of one gateway, as they are given. */
export const gatewaySettings = z.strictObject({
  pod: z
    .string()
    .regex(/^[\w.-]{1,63}$/)
    .optional()
    .meta({
      form: '1 to 63 of 0-9 A-Z a-z _ . -',
      description: 'Name of this gateway in logs, metrics, `welcome` and the ring.',
      absent: 'host name and port',
    }),
  host: address('Address to listen on; `::` for all.'),
  port: count(8001, [0, 65_535], 'Port for clients and the HTTP API; 0: any free one.'),
  adminHost: address('Address of `/livez`, `/readyz` and `/metrics`.'),
  adminPort: z.int().min(0).max(65_535).optional().meta({
    description: 'Port of `/livez`, `/readyz` and `/metrics`; 0: any free one.',
    absent: '`port` + 1000',
  }),
  peers: words(
    '`host:port` of the admin ports of other gateways; none: of the members of a `given` ring.',
    hostAndPort,
  ),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({ description: 'Lines below this level are not written.' }),
  startWaitS: seconds(
    0,
    [0, 7 * DAY],
    'How long a start waits, not ready, for files and a Redis that cannot be used yet; 0: it ends.',
  ),
  redis: redisSettings.prefault({}),
  stream: streamSettings.prefault({}),
  hub: hubSettings.prefault({}),
  edge: edgeSettings.prefault({}),
  http: httpSettings.prefault({}),
  auth: authSettings.prefault({}),
  admin: adminSettings.prefault({}),
  ring: ringSettings.prefault({}),
  placement: placementSettings.prefault({}),
  disruption: disruptionSettings.prefault({}),
});

/** What may be given, everything optional. */
export type SettingsInput = z.input<typeof gatewaySettings>;

/** Each right by itself, with its default. */
export type GivenSettings = z.infer<typeof gatewaySettings>;

/** All settings of one gateway, in force: checked against each other and completed. */
export type Settings = Omit<GivenSettings, 'pod' | 'adminPort' | 'admin' | 'ring'> & {
  readonly pod: string;
  readonly adminPort: number;
  readonly admin: AdminSettings;
  readonly ring: RingSettings;
};
export type RedisSettings = z.infer<typeof redisSettings>;
export type StreamSettings = z.infer<typeof streamSettings>;
export type HubSettings = z.infer<typeof hubSettings>;
export type EdgeSettings = z.infer<typeof edgeSettings>;
export type HttpSettings = z.infer<typeof httpSettings>;
export type AdminSettings = Omit<z.infer<typeof adminSettings>, 'audience'> & {
  readonly audience: string;
};
export type RingSettings = Omit<z.infer<typeof ringSettings>, 'cluster' | 'zone'> & {
  readonly cluster: string;
  /** Empty when it is not known. */
  readonly zone: string;
};
export type PlacementSettings = z.infer<typeof placementSettings>;
export type AuthSettings = z.infer<typeof authSettings>;
