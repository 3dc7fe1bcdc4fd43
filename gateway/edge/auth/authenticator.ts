import type { Clock } from '../../../protocol/clock.ts';
import type { Logger } from '../../logger.ts';
import type { AuthSettings } from '../../settings/declaration.ts';
import type { Reading } from '../../settings/secret-file.ts';
import type { Authentication, Authenticator } from '../identity.ts';
import { ApiKeys } from './api-keys.ts';
import type { AuthCounts, Credential } from './counts.ts';
import { FileKeys, FixedKeys, type KeySource } from './key-source.ts';
import { full, PermissionReader, type Permissions, readOnly } from './permissions.ts';
import { RemoteKeys } from './remote-keys.ts';
import { TokenVerifier } from './tokens.ts';

export interface AuthParts {
  readonly settings: AuthSettings;
  readonly clock: Clock;
  readonly counts: AuthCounts;
  readonly logger: Logger;
  readonly fetch: typeof globalThis.fetch;
}

/** Who may come, as the settings say. */
export class ConfiguredAuthenticator implements Authenticator {
  readonly configured: boolean;
  readonly #settings: AuthSettings;
  readonly #counts: AuthCounts;
  readonly #keys: KeySource | undefined;
  readonly #tokens: TokenVerifier | undefined;
  readonly #apiKeys: ApiKeys | undefined;

  private constructor(parts: AuthParts, sources: Sources) {
    const { settings, clock } = parts;
    this.#settings = settings;
    this.#counts = parts.counts;
    this.#keys = sources.keys;
    this.#apiKeys = sources.apiKeys;
    this.configured =
      sources.keys !== undefined || sources.apiKeys !== undefined || settings.anonymous;
    if (sources.keys === undefined) return;
    const fallback = { sub: settings.defaultSubscribe, pub: settings.defaultPublish };
    this.#tokens = new TokenVerifier({
      keys: sources.keys,
      permissions: new PermissionReader(fallback),
      rules: settings,
      clock,
    });
  }

  /** Reads what the settings name. Rejects with `BadContent`. */
  static async open(parts: AuthParts): Promise<ConfiguredAuthenticator> {
    const keys = await openKeys(parts);
    try {
      return new ConfiguredAuthenticator(parts, { keys, apiKeys: await openApiKeys(parts) });
    } catch (error) {
      keys?.close();
      throw error;
    }
  }

  /**
   * Whether the keys were had once: until then tokens cannot be told right from wrong. Keys that
   * are lost later do not change it: who needs none of them is served on.
   */
  get ready(): boolean {
    return this.#keys?.ready ?? true;
  }

  async token(jwt: string): Promise<Authentication> {
    const answer = await (this.#tokens?.verify(jwt) ?? noKeys('tokens'));
    return this.#counted('token', answer);
  }

  apiKey(key: string): Authentication {
    if (this.#apiKeys === undefined) return this.#counted('api_key', noKeys('API keys'));
    const name = this.#apiKeys.find(key);
    const answer = name === undefined ? refused('no such API key') : granted(full, name);
    return this.#counted('api_key', answer);
  }

  anonymous({ loopback }: { readonly loopback: boolean }): Authentication {
    return this.#counted('anonymous', this.#judgeAnonymous(loopback));
  }

  close(): void {
    this.#keys?.close();
    this.#apiKeys?.close();
  }

  #judgeAnonymous(loopback: boolean): Authentication {
    // With keys, loopback is nobody special: a proxy on the same machine looks like that too.
    const keyless = this.#keys === undefined && this.#apiKeys === undefined;
    if (keyless && loopback) return granted(full, '');
    if (!this.#settings.anonymous) return refused('a token is required');
    return granted(this.#settings.anonymousPublish ? full : readOnly, '');
  }

  #counted(by: Credential, answer: Authentication): Authentication {
    this.#counts.authenticated(by, answer.ok ? 'ok' : answer.code);
    return answer;
  }
}

interface Sources {
  readonly keys: KeySource | undefined;
  readonly apiKeys: ApiKeys | undefined;
}

const refused = (detail: string): Authentication => ({
  ok: false,
  code: 'unauthenticated',
  detail,
});

const noKeys = (what: string) => refused(`no keys for ${what} are configured`);

const granted = (permissions: Permissions, name: string): Authentication => ({
  ok: true,
  identity: { name, ...permissions, expiresAt: undefined },
});

async function openKeys(parts: AuthParts): Promise<KeySource | undefined> {
  const { settings, clock, counts, logger, fetch } = parts;
  if (settings.keys !== undefined) return FixedKeys.read(settings.keys);
  if (settings.keysFile !== undefined) {
    return FileKeys.open({ path: settings.keysFile, clock, onRead: noted(parts, 'keys') });
  }
  if (settings.jwksUrl === undefined) return undefined;
  return new RemoteKeys({
    url: settings.jwksUrl,
    timeoutMs: settings.jwksTimeoutMs,
    maxAgeMs: settings.jwksMaxAgeS * 1_000,
    maxStaleMs: settings.jwksStaleS * 1_000,
    cooldownMs: settings.jwksCooldownMs,
    clock,
    counts,
    logger,
    fetch,
  });
}

async function openApiKeys(parts: AuthParts): Promise<ApiKeys | undefined> {
  const { settings, clock } = parts;
  if (settings.apiKeysFile === undefined) return undefined;
  return ApiKeys.open({ path: settings.apiKeysFile, clock, onRead: noted(parts, 'api_keys') });
}

function noted({ counts, logger }: AuthParts, file: 'keys' | 'api_keys') {
  return (reading: Reading) => {
    counts.reread(file, reading.outcome);
    if (reading.outcome === 'changed') logger.info({ file }, 'keys were read again');
    else logger.error({ file, reason: reading.reason }, 'new keys are refused, the old ones stay');
  };
}
