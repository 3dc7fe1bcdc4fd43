/** One exchange with the API server, below what Kubernetes means. */
export interface HttpRequest {
  readonly method: Method;
  /** With its query, from the root of the server. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tls: TlsMaterial;
  /** Ends it, whatever it does, its body too. */
  readonly signal: AbortSignal;
  /**
   * Asked when a connection takes it, right before it is written there: it may have waited for one
   * until then. What this throws, `send` rejects with, and nothing is written.
   */
  readonly before?: (() => void) | undefined;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Read to its end or left early; either way what holds the connection is freed. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** How the server is known, and who we are to it. The same object as long as nothing changed. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
  /** False only where a kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized?: boolean;
}

/** The reason of a signal that ends a request because nothing came for too long. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/**
 * Carries requests over few connections.
 *
 * - Connections are shared: a request opens one only when none can take it.
 * - Whoever aborts with an `Unanswered` says that a connection may be dead without its end being
 *   known (half open). Requests that begin afterwards go over new connections; those under way
 *   stay where they are.
 * - With other `tls`, requests go over other connections.
 */
export interface Transport {
  /** Rejects with the signal's reason, or with what the network says. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Ends all connections, and what goes over them. */
  close(): Promise<void>;
}
