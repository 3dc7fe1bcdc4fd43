import type { TlsMaterial } from './transport.ts';

/** What proves to the API server who calls, at this moment. */
export interface Proof {
  readonly headers: Readonly<Record<string, string>>;
  /** The same object as long as nothing in it changed: connections are kept as long as it is. */
  readonly tls: TlsMaterial;
}

/** Where the API server is, and how to be let in. Asked before every call: it must be cheap. */
export interface Credentials {
  /** `https://host:port`. */
  readonly origin: string;
  /** Stands before every path; empty unless the server is behind a proxy with paths. */
  readonly basePath: string;
  /** Of the pod or the kubeconfig's context. */
  readonly namespace: string | undefined;
  /** Rejects when a file cannot be read or a plugin fails. */
  current(): Promise<Proof>;
  /** The API server said 401: what was remembered is worth nothing. */
  forget(): void;
}

/** Splits `https://host:port/some/path/`. Throws for what is no URL of http or https. */
export function splitServer(server: string): { origin: string; basePath: string } {
  const url = new URL(server);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new TypeError(`${server}: neither https nor http`);
  }
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, '') };
}

/** The old one when nothing changed, so that its connections are kept. */
export function sameOrNew(old: TlsMaterial | undefined, now: TlsMaterial): TlsMaterial {
  if (old === undefined) return now;
  const fields = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized'] as const;
  const same = fields.every((field) => String(old[field]) === String(now[field]));
  return same ? old : now;
}
