/** Who is on the other side of a connection or an HTTP request, and what it may do. */
export interface Identity {
  /** The token's `sub`, `key:<n>` for an API key, or empty for anonymous. */
  readonly name: string;
  readonly maySubscribe: (topic: string) => boolean;
  readonly mayPublish: (topic: string) => boolean;
  /** Wall-clock milliseconds after which it no longer holds; undefined: never ends. */
  readonly expiresAt: number | undefined;
}

export type Authentication =
  | { readonly ok: true; readonly identity: Identity }
  | {
      readonly ok: false;
      /** `token_expired` for a token that was valid and is no longer. */
      readonly code: 'unauthenticated' | 'token_expired';
      /** For the log only: never sent to the peer, never contains the token. */
      readonly detail: string;
    };

/** Turns what a peer shows into an identity. Constant cost, never throws. */
export interface Authenticator {
  /** Checks a JWT. */
  token(jwt: string): Promise<Authentication>;
  /** An API key of the HTTP API. */
  apiKey(key: string): Authentication;
  /** What a peer without any credential is; `loopback`: it connected from this machine. */
  anonymous(peer: { readonly loopback: boolean }): Authentication;
  /** Whether any key or API key is configured. Without one only loopback is served. */
  readonly configured: boolean;
}
