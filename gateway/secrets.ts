import type { Clock } from '../protocol/clock.ts';
import { type AuthSecrets, openAdminKeys, openAuthSecrets } from './edge/auth/auth-secrets.ts';
import { type AuthCounts, silentAuthCounts } from './edge/auth/counts.ts';
import type { KeySource } from './edge/auth/key-source.ts';
import type { Logger } from './logger.ts';
import { openRedisFiles, type RedisFile, type RedisFiles } from './redis-files.ts';
import type { Settings } from './settings/declaration.ts';
import { openAll } from './settings/open-all.ts';
import { type Problem, SettingsError } from './settings/problem.ts';

const READ_MS = 2_000;

export interface SecretsParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counts: SecretsCounts;
}

export interface SecretsCounts {
  readonly auth: AuthCounts;
  /** A file with a secret of Redis changed. */
  readonly redisFileReread: (file: RedisFile, outcome: 'changed' | 'refused') => void;
}

/** What a gateway keeps secret and has to read first. */
export interface Secrets {
  readonly auth: AuthSecrets;
  /** Of whoever may command this gateway. */
  readonly adminKeys: KeySource | undefined;
  readonly redis: RedisFiles;
  close(): void;
}

/** Reads what the settings name. Rejects with a SettingsError that has everything that is wrong. */
export async function openSecrets({ auth, admin, redis }: Settings, parts: SecretsParts) {
  const { clock, logger, counts } = parts;
  const opened = await openAll({
    auth: openAuthSecrets(auth, { clock, logger, counts: counts.auth }),
    adminKeys: openAdminKeys(admin, { clock, logger, counts: counts.auth }),
    redis: openRedisFiles(redis, { clock, logger, onRead: counts.redisFileReread }),
  });
  const secrets: Secrets = {
    ...opened,
    close: () => {
      opened.auth.close();
      opened.adminKeys?.close();
      opened.redis.close();
    },
  };
  return secrets;
}

/**
 * What is wrong with the secrets that settings name which cannot serve for another reason. What
 * cannot be read in time (a pipe) is left to the start that follows.
 */
export async function wrongSecrets(
  settings: Settings,
  parts: Omit<SecretsParts, 'counts'>,
): Promise<readonly Problem[]> {
  const counts = { auth: silentAuthCounts, redisFileReread: () => {} };
  const problems = openSecrets(settings, { ...parts, counts }).then(
    (secrets) => {
      secrets.close();
      return [];
    },
    (error: unknown) => {
      if (error instanceof SettingsError) return error.problems;
      throw error;
    },
  );
  const late = new Promise<[]>((resolve) => parts.clock.after(READ_MS, () => resolve([])));
  return Promise.race([problems, late]);
}
