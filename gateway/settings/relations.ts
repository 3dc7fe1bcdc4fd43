import type { Settings } from './declaration.ts';
import type { Problem } from './problem.ts';

/** What must hold between settings, beyond the bounds of each. */
interface Relation {
  /** The settings that it looks at; the message names the first. */
  readonly names: readonly [string, ...string[]];
  readonly holds: (settings: Settings) => boolean;
  readonly value?: (settings: Settings) => string;
  readonly wanted: (settings: Settings) => string;
}

type NumberOf = (settings: Settings) => number;

/** `field` < `limit`, both in the same unit. */
function below(field: string, limit: string, [a, b]: readonly [NumberOf, NumberOf]): Relation {
  return {
    names: [field, limit],
    holds: (settings) => a(settings) < b(settings),
    value: (settings) => String(a(settings)),
    wanted: (settings) => `must be below ${limit}, which is ${b(settings)}`,
  };
}

/** At most one of these may be given. */
function exclusive(names: readonly [string, ...string[]], values: ValuesOf): Relation {
  return {
    names,
    holds: (settings) => values(settings).filter((value) => value !== undefined).length <= 1,
    wanted: () => `only one of ${names.join(', ')} may be given`,
  };
}

type ValuesOf = (settings: Settings) => readonly (string | undefined)[];

const relations: readonly Relation[] = [
  {
    names: ['adminPort', 'port'],
    holds: ({ port, adminPort }) => port === 0 || port !== adminPort,
    value: ({ adminPort }) => String(adminPort),
    wanted: ({ port }) => `must differ from port, which is ${port}`,
  },
  {
    names: ['adminPort', 'port'],
    holds: ({ adminPort }) => adminPort <= 65_535,
    value: ({ adminPort }) => String(adminPort),
    wanted: () => 'port + 1000 is above 65535: give an adminPort too',
  },
  exclusive(['redis.url', 'redis.urlFile'], ({ redis }) => [redis.url, redis.urlFile]),
  exclusive(['redis.password', 'redis.passwordFile'], ({ redis }) => [
    redis.password,
    redis.passwordFile,
  ]),
  {
    names: ['redis.user', 'redis.password', 'redis.passwordFile'],
    holds: ({ redis }) =>
      redis.user === undefined || (redis.password ?? redis.passwordFile) !== undefined,
    wanted: () => 'needs redis.password or redis.passwordFile',
  },
  {
    names: ['redis.certificateFile', 'redis.keyFile'],
    holds: ({ redis }) => (redis.certificateFile === undefined) === (redis.keyFile === undefined),
    wanted: () => 'redis.certificateFile and redis.keyFile are given together or not at all',
  },
  {
    names: ['redis.sentinelName', 'redis.sentinels'],
    holds: ({ redis }) => redis.sentinels.length > 0 === (redis.sentinelName !== undefined),
    wanted: () => 'redis.sentinels and redis.sentinelName are given together or not at all',
  },
  exclusive(['redis.sentinelPassword', 'redis.sentinelPasswordFile'], ({ redis }) => [
    redis.sentinelPassword,
    redis.sentinelPasswordFile,
  ]),
  {
    names: ['redis.sentinelUser', 'redis.sentinelPassword', 'redis.sentinelPasswordFile'],
    holds: ({ redis }) =>
      redis.sentinelUser === undefined ||
      (redis.sentinelPassword ?? redis.sentinelPasswordFile) !== undefined,
    wanted: () => 'needs redis.sentinelPassword or redis.sentinelPasswordFile',
  },
  {
    names: [
      'redis.sentinels',
      'redis.sentinelUser',
      'redis.sentinelPassword',
      'redis.sentinelPasswordFile',
      'redis.sentinelTls',
    ],
    holds: ({ redis }) =>
      redis.sentinels.length > 0 ||
      !(
        redis.sentinelUser ??
        redis.sentinelPassword ??
        redis.sentinelPasswordFile ??
        redis.sentinelTls
      ),
    wanted: () => 'needed where a user, a password or TLS of Sentinels is given',
  },
  exclusive(['auth.keys', 'auth.keysFile', 'auth.jwksUrl'], ({ auth }) => [
    auth.keys,
    auth.keysFile,
    auth.jwksUrl,
  ]),
  {
    names: ['auth.anonymousPublish', 'auth.anonymous'],
    holds: ({ auth }) => auth.anonymous || !auth.anonymousPublish,
    wanted: () => 'means nothing without auth.anonymous',
  },
  {
    names: ['ring.file', 'ring.source'],
    holds: ({ ring }) => ring.file === undefined || ring.source === 'given',
    wanted: () => 'means nothing unless ring.source is given',
  },
  below('edge.pongTimeoutMs', 'edge.heartbeatMs', [
    ({ edge }) => edge.pongTimeoutMs,
    ({ edge }) => edge.heartbeatMs,
  ]),
  below('edge.drainGraceMs', 'edge.drainDeadlineMs', [
    ({ edge }) => edge.drainGraceMs,
    ({ edge }) => edge.drainDeadlineMs,
  ]),
  below('stream.waitTimeoutMs', 'stream.publishTimeoutMs', [
    ({ stream }) => stream.waitTimeoutMs,
    ({ stream }) => stream.publishTimeoutMs,
  ]),
  below('redis.reconnectMaxMs', 'stream.settleMs', [
    ({ redis }) => redis.reconnectMaxMs,
    ({ stream }) => stream.settleMs,
  ]),
  below('stream.probeIntervalMs', 'redis.socketTimeoutMs', [
    ({ stream }) => stream.probeIntervalMs,
    ({ redis }) => redis.socketTimeoutMs,
  ]),
  {
    names: ['auth.jwksMaxAgeS', 'auth.jwksStaleS'],
    holds: ({ auth }) => auth.jwksMaxAgeS <= auth.jwksStaleS,
    value: ({ auth }) => String(auth.jwksMaxAgeS),
    wanted: ({ auth }) => `must not be above auth.jwksStaleS, which is ${auth.jwksStaleS}`,
  },
  {
    names: ['edge.sessionTopics', 'edge.maxTopics'],
    holds: ({ edge }) => edge.maxTopics <= edge.sessionTopics,
    value: ({ edge }) => String(edge.sessionTopics),
    wanted: ({ edge }) => `must not be below edge.maxTopics, which is ${edge.maxTopics}`,
  },
  {
    names: ['hub.recentTopicBytes', 'hub.recentBytes'],
    holds: ({ hub }) => hub.recentTopicBytes <= hub.recentBytes,
    value: ({ hub }) => String(hub.recentTopicBytes),
    wanted: ({ hub }) => `must not be above hub.recentBytes, which is ${hub.recentBytes}`,
  },
];

/** Every relation that these settings break; none that looks at one of `unusable`. */
export function brokenRelations(settings: Settings, unusable: ReadonlySet<string>): Problem[] {
  return relations
    .filter(({ names, holds }) => !names.some((name) => unusable.has(name)) && !holds(settings))
    .map(({ names, value, wanted }) => ({
      field: names[0],
      ...(value === undefined ? {} : { value: value(settings) }),
      wanted: wanted(settings),
    }));
}

/** What is allowed and may still surprise somebody, in words for the log. */
export function settingsWarnings({ auth }: Settings): string[] {
  const warnings: string[] = [];
  if (auth.jwksUrl !== undefined && (auth.issuer === undefined || auth.audience === undefined)) {
    warnings.push(
      'auth.jwksUrl without auth.issuer and auth.audience: every token that its keys signed, for ' +
        'whatever application, is accepted',
    );
  }
  if (auth.jwksUrl?.startsWith('http:') && !isLoopback(new URL(auth.jwksUrl).hostname)) {
    warnings.push('auth.jwksUrl is not https: whoever sits on the way can forge tokens');
  }
  if (auth.anonymous) {
    const may = auth.anonymousPublish ? 'read and publish to' : 'read';
    warnings.push(`auth.anonymous: everybody who reaches the port may ${may} every topic`);
  }
  if (auth.allowedOrigins.includes('*')) {
    warnings.push(
      'auth.allowedOrigins has *: every page that a user opens may connect, and use the HTTP API',
    );
  }
  return warnings;
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
