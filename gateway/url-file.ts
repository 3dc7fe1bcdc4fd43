import type { Clock } from '../protocol/clock.ts';
import type { Logger } from './logger.ts';
import type { RedisSettings } from './settings/declaration.ts';
import { readRedisUrl } from './settings/redis-url.ts';
import { BadContent, SecretFile } from './settings/secret-file.ts';

export type UrlFile = SecretFile<string>;

export interface UrlFileParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRead: (outcome: 'changed' | 'refused') => void;
}

/** The file with the Redis URL, if one is named. Rejects with a SettingsError. */
export async function openUrlFile(
  { urlFile: path }: Pick<RedisSettings, 'urlFile'>,
  { clock, logger, onRead }: UrlFileParts,
): Promise<UrlFile | undefined> {
  if (path === undefined) return undefined;
  return SecretFile.open({
    ...{ setting: 'redis.urlFile', path, clock, parse: readUrl },
    onRead: (reading) => {
      onRead(reading.outcome);
      if (reading.outcome === 'changed') logger.info({}, 'the Redis URL was read again');
      else logger.error({ reason: reading.reason }, 'the new Redis URL is refused');
    },
  });
}

function readUrl(text: string): string {
  const url = text.trim();
  const read = readRedisUrl(url);
  if ('target' in read) return url;
  throw new BadContent(read.problems.join('; '));
}
