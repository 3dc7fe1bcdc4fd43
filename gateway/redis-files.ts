import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from '../protocol/clock.ts';
import type { Logger } from './logger.ts';
import type { RedisSettings } from './settings/declaration.ts';
import { openAll } from './settings/open-all.ts';
import { readRedisUrl } from './settings/redis-url.ts';
import { BadContent, type Reading, SecretFile } from './settings/secret-file.ts';

/** What a gateway on Redis reads from files; undefined where no setting names one. */
export interface RedisFiles extends Opened {
  close(): void;
}

type Opened = { readonly [K in keyof typeof kinds]: SecretFile<string> | undefined };

/** In metrics. */
export type RedisFile = (typeof kinds)[keyof typeof kinds]['label'];

export interface RedisFilesParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRead: (file: RedisFile, outcome: Reading['outcome']) => void;
}

interface Kind {
  readonly label: string;
  readonly setting: keyof RedisSettings & `${string}File`;
  /** For the log. */
  readonly what: string;
  /** Throws `BadContent`. */
  readonly parse: (text: string) => string;
}

const kinds = {
  url: { label: 'url', setting: 'urlFile', what: 'Redis URL', parse: readUrl },
  password: {
    label: 'password',
    setting: 'passwordFile',
    what: 'password of Redis',
    parse: readPassword,
  },
  sentinelPassword: {
    label: 'sentinel_password',
    setting: 'sentinelPasswordFile',
    what: 'password of the Sentinels',
    parse: readPassword,
  },
  ca: { label: 'ca', setting: 'caFile', what: 'CA of Redis', parse: readCertificates },
  certificate: {
    label: 'certificate',
    setting: 'certificateFile',
    what: 'certificate shown to Redis',
    parse: readCertificates,
  },
  key: { label: 'key', setting: 'keyFile', what: 'key of that certificate', parse: readKey },
} as const satisfies { readonly [file: string]: Kind };

const names = Object.keys(kinds) as readonly (keyof typeof kinds)[];

/** Opens those that are named. Rejects with a SettingsError that has everything that is wrong. */
export async function openRedisFiles(
  redis: Pick<RedisSettings, Kind['setting']>,
  parts: RedisFilesParts,
): Promise<RedisFiles> {
  const opening = names.map((name) => [name, opened(kinds[name], redis, parts)] as const);
  const files = await openAll<Opened>(
    Object.fromEntries(opening) as { [K in keyof Opened]: Promise<Opened[K]> },
  );
  const close = () => {
    for (const name of names) files[name]?.close();
  };
  return { ...files, close };
}

async function opened(
  { label, setting, what, parse }: Kind & { readonly label: RedisFile },
  redis: Pick<RedisSettings, Kind['setting']>,
  { clock, logger, onRead }: RedisFilesParts,
): Promise<SecretFile<string> | undefined> {
  const path = redis[setting];
  if (path === undefined) return undefined;
  return SecretFile.open({
    ...{ setting: `redis.${setting}`, path, clock, parse },
    onRead: (reading) => {
      onRead(label, reading.outcome);
      if (reading.outcome === 'changed') logger.info({}, `the ${what} was read again`);
      else logger.error({ reason: reading.reason }, `the new ${what} is refused`);
    },
  });
}

function readUrl(text: string): string {
  const url = text.trim();
  const read = readRedisUrl(url);
  if ('target' in read) return url;
  throw new BadContent(read.problems.join('; '));
}

const MAX_PASSWORD = 2_048;

/** Editors end a file with a line break; a password has none. */
function readPassword(text: string): string {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new BadContent('it is empty');
  if (password.length > MAX_PASSWORD)
    throw new BadContent(`longer than ${MAX_PASSWORD} characters`);
  if (/\p{Cc}/u.test(password)) throw new BadContent('it has more than one line');
  return password;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** TLS would take what is no certificate for an empty list, and trust nobody. */
function readCertificates(text: string): string {
  const all = text.match(CERTIFICATE) ?? [];
  if (all.length === 0) throw new BadContent('it holds no certificate (PEM)');
  for (const [index, one] of all.entries()) {
    if (!can(() => new X509Certificate(one))) {
      throw new BadContent(`its certificate ${index + 1} of ${all.length} cannot be read`);
    }
  }
  return text;
}

function readKey(text: string): string {
  if (can(() => createPrivateKey(text))) return text;
  throw new BadContent('it holds no private key (PEM) without a passphrase');
}

/** What it throws might quote the content. */
function can(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}
