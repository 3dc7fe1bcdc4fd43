import type { RedisSettings } from '../../settings/declaration.ts';

/** How Redis is reached: the settings, and what they name in files. */
export interface RedisAccess extends RedisSettings {
  /** Read anew for each connection. Default: what Node trusts, and no certificate of our own. */
  readonly certificates?: RedisCertificates;
}

/** For connections over TLS, to servers and to Sentinels. All PEM. */
export interface RedisCertificates {
  /** Who is trusted instead of the public ones. */
  readonly ca: string | undefined;
  /** Who we are. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}
