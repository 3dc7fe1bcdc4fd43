import type { Clock } from '../../../protocol/clock.ts';
import type { Logger } from '../../logger.ts';
import type { AdminSettings, AuthSettings } from '../../settings/declaration.ts';
import { openAll } from '../../settings/open-all.ts';
import { unusable } from '../../settings/problem.ts';
import { BadContent, type Reading } from '../../settings/secret-file.ts';
import { ApiKeys } from './api-keys.ts';
import type { AuthCounts, KeyFile } from './counts.ts';
import { FileKeys, FixedKeys, type KeySource } from './key-source.ts';

/** The keys that this machine holds. Those of a URL are none: nothing waits for them. */
export interface AuthSecrets {
  readonly keys: KeySource | undefined;
  readonly apiKeys: ApiKeys | undefined;
  close(): void;
}

export interface AuthSecretsParts {
  readonly clock: Clock;
  readonly counts: AuthCounts;
  readonly logger: Logger;
}

type Named = Pick<AuthSettings, 'keys' | 'keysFile' | 'apiKeysFile'>;

/** Reads what the settings name. Rejects with a SettingsError that has everything that is wrong. */
export async function openAuthSecrets(settings: Named, parts: AuthSecretsParts) {
  const { clock } = parts;
  const { keys, keysFile, apiKeysFile } = settings;
  const opened = await openAll<{
    fixed: KeySource | undefined;
    file: KeySource | undefined;
    apiKeys: ApiKeys | undefined;
  }>({
    fixed: fixedKeys(keys),
    file: optional(keysFile, (path) =>
      FileKeys.open({
        ...{ setting: 'auth.keysFile', path, clock, secrets: true },
        onRead: noted(parts, 'keys'),
      }),
    ),
    apiKeys: optional(apiKeysFile, (path) =>
      ApiKeys.open({ setting: 'auth.apiKeysFile', path, clock, onRead: noted(parts, 'api_keys') }),
    ),
  });
  const { fixed, file, apiKeys } = opened;
  const secrets: AuthSecrets = {
    keys: fixed ?? file,
    apiKeys,
    close: () => {
      for (const one of [fixed, file, apiKeys]) one?.close();
    },
  };
  return secrets;
}

/** The public keys of whoever may command this gateway. Rejects with a SettingsError. */
export function openAdminKeys(
  { keysFile }: Pick<AdminSettings, 'keysFile'>,
  parts: AuthSecretsParts,
): Promise<FileKeys | undefined> {
  const { clock } = parts;
  return optional(keysFile, (path) =>
    FileKeys.open({
      ...{ setting: 'admin.keysFile', path, clock, secrets: false },
      onRead: noted(parts, 'admin_keys'),
    }),
  );
}

async function fixedKeys(text: string | undefined): Promise<FixedKeys | undefined> {
  if (text === undefined) return undefined;
  try {
    return await FixedKeys.read(text);
  } catch (error) {
    if (!(error instanceof BadContent)) throw error;
    throw unusable('auth.keys', undefined, error.message);
  }
}

async function optional<T>(
  path: string | undefined,
  open: (path: string) => Promise<T>,
): Promise<T | undefined> {
  return path === undefined ? undefined : open(path);
}

function noted({ counts, logger }: AuthSecretsParts, file: KeyFile) {
  return (reading: Reading) => {
    counts.reread(file, reading.outcome);
    if (reading.outcome === 'changed') logger.info({ file }, 'keys were read again');
    else logger.error({ file, reason: reading.reason }, 'new keys are refused, the old ones stay');
  };
}
