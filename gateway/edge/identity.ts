/** Who is on the other side of a connection or an HTTP request, and what it may do. */
export interface Identity {
  /** The token's `sub`, `key:<n>` for an API key, or empty for anonymous. */
  readonly name: string;
  readonly maySubscribe: (topic: string) => boolean;
  readonly mayPublish: (topic: string) => boolean;
  /** It may see where users are, and end their connections: an application, none of its users. */
  readonly mayManageUsers: boolean;
  /** What the token says in the claim by which connections are placed, if any. */
  readonly key?: string | undefined;
  /** Wall-clock milliseconds after which it no longer holds; undefined: never ends. */
  readonly expiresAt: number | undefined;
}

export type Authentication =
  | { readonly ok: true; readonly identity: Identity }
  | {
      readonly ok: false;
      /**
       * `token_expired`: a token that was valid and is no longer. `keys_unavailable`: nobody can
       * tell, because the keys cannot be had now: the peer may come back with the same token
       * (close with `try_later`, answer 503), and is not told that its token is wrong.
       */
      readonly code: 'unauthenticated' | 'token_expired' | 'keys_unavailable';
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
  /**
   * Whether it was decided who may come: by keys, by API keys, or by serving anonymous clients
   * from everywhere. Without any of these only loopback is served. Never changes.
   */
  readonly configured: boolean;
}
