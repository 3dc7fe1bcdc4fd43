import type { Clock } from '../protocol/clock.ts';
import type { Logger } from './logger.ts';
import type { RedisSettings } from './settings/declaration.ts';
import { openAll } from './settings/open-all.ts';
import { readRedisUrl } from './settings/redis-url.ts';
import { BadContent, type Reading, SecretFile } from './settings/secret-file.ts';

/** What a gateway on Redis reads from files. */
export interface RedisFiles {
  readonly url: SecretFile<string> | undefined;
  readonly sentinelPassword: SecretFile<string> | undefined;
  close(): void;
}

export type RedisFile = 'url' | 'sentinel_password';

export interface RedisFilesParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRead: (file: RedisFile, outcome: Reading['outcome']) => void;
}

/** Opens those that are named. Rejects with a SettingsError that has everything that is wrong. */
export async function openRedisFiles(
  { urlFile, sentinelPasswordFile }: Pick<RedisSettings, 'urlFile' | 'sentinelPasswordFile'>,
  parts: RedisFilesParts,
): Promise<RedisFiles> {
  const { url, sentinelPassword } = await openAll<Pick<RedisFiles, 'url' | 'sentinelPassword'>>({
    url: opened('redis.urlFile', urlFile, {
      ...{ ...parts, file: 'url', what: 'Redis URL', parse: readUrl },
    }),
    sentinelPassword: opened('redis.sentinelPasswordFile', sentinelPasswordFile, {
      ...{ ...parts, file: 'sentinel_password', what: 'password of the Sentinels' },
      parse: readPassword,
    }),
  });
  const close = () => {
    url?.close();
    sentinelPassword?.close();
  };
  return { url, sentinelPassword, close };
}

interface Kind extends RedisFilesParts {
  readonly file: RedisFile;
  /** For the log. */
  readonly what: string;
  readonly parse: (text: string) => string;
}

async function opened(
  setting: string,
  path: string | undefined,
  { file, what, parse, clock, logger, onRead }: Kind,
): Promise<SecretFile<string> | undefined> {
  if (path === undefined) return undefined;
  return SecretFile.open({
    ...{ setting, path, clock, parse },
    onRead: (reading) => {
      onRead(file, reading.outcome);
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

/** Editors end a file with a line break; a password has none. */
function readPassword(text: string): string {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new BadContent('it is empty');
  if (/\p{Cc}/u.test(password)) throw new BadContent('it has more than one line');
  return password;
}
