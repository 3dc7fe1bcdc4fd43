import type { Clock } from '../../../protocol/clock.ts';
import type { Logger } from '../../logger.ts';
import type { AuthSettings } from '../../settings/declaration.ts';
import type { Authentication, Authenticator } from '../identity.ts';
import type { ApiKeys } from './api-keys.ts';
import type { AuthSecrets } from './auth-secrets.ts';
import type { AuthCounts, Credential } from './counts.ts';
import type { KeySource } from './key-source.ts';
import { application, full, PermissionReader, type Permissions, readOnly } from './permissions.ts';
import { RemoteKeys } from './remote-keys.ts';
import { TokenVerifier } from './tokens.ts';

export interface AuthParts {
  readonly settings: AuthSettings;
  /** Somebody else's to close. */
  readonly secrets: AuthSecrets;
  /** The claim by which connections are placed. */
  readonly keyClaim?: string | undefined;
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
  readonly #remote: RemoteKeys | undefined;

  constructor(parts: AuthParts) {
    const { settings, secrets, clock } = parts;
    this.#settings = settings;
    this.#counts = parts.counts;
    this.#remote = remoteKeys(parts);
    const keys = secrets.keys ?? this.#remote;
    this.#keys = keys;
    this.#apiKeys = secrets.apiKeys;
    this.configured = keys !== undefined || secrets.apiKeys !== undefined || settings.anonymous;
    if (keys === undefined) return;
    const fallback = { sub: settings.defaultSubscribe, pub: settings.defaultPublish };
    this.#tokens = new TokenVerifier({
      keys,
      permissions: new PermissionReader(fallback),
      rules: settings,
      keyClaim: parts.keyClaim,
      clock,
    });
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
    const answer = name === undefined ? refused('no such API key') : granted(application, name);
    return this.#counted('api_key', answer);
  }

  anonymous({ loopback }: { readonly loopback: boolean }): Authentication {
    return this.#counted('anonymous', this.#judgeAnonymous(loopback));
  }

  close(): void {
    this.#remote?.close();
  }

  #judgeAnonymous(loopback: boolean): Authentication {
    // With keys, loopback is nobody special: a proxy on the same machine looks like that too.
    const keyless = this.#keys === undefined && this.#apiKeys === undefined;
    const { anonymous } = this.#settings;
    // Where everybody is served, everybody may come from here: through a proxy.
    if (keyless && loopback) return granted(anonymous ? full : application, '');
    if (!anonymous) return refused('a token is required');
    return granted(this.#settings.anonymousPublish ? full : readOnly, '');
  }

  #counted(by: Credential, answer: Authentication): Authentication {
    this.#counts.authenticated(by, answer.ok ? 'ok' : answer.code);
    return answer;
  }
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

function remoteKeys(parts: AuthParts): RemoteKeys | undefined {
  const { settings, clock, counts, logger, fetch } = parts;
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
