/** What authentication counts. Labels are bounded sets of names. */
export interface AuthCounts {
  authenticated(by: Credential, outcome: AuthOutcome): void;
  /** The JWK Set of the URL was fetched, or could not be. */
  fetched(outcome: 'ok' | 'failed'): void;
  /** The JWK Set of the URL was too old and could not be fetched: it is used no longer. */
  expired(): void;
  /** A file with keys changed: the new content is in force, or was refused. */
  reread(file: KeyFile, outcome: 'changed' | 'refused'): void;
}

/** Of tokens, of API keys, of tokens for commands. */
export type KeyFile = 'keys' | 'api_keys' | 'admin_keys';
export type Credential = 'token' | 'api_key' | 'anonymous';
export type AuthOutcome = 'ok' | 'unauthenticated' | 'token_expired' | 'keys_unavailable';

const nothing = () => {};

/** Counts nothing. */
export const silentAuthCounts: AuthCounts = {
  authenticated: nothing,
  fetched: nothing,
  expired: nothing,
  reread: nothing,
};
