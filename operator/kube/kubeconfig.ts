import type { RequestOptions } from 'node:https';
import type { Cluster, KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../protocol/clock.ts';
import { type Credentials, type Proof, sameOrNew, splitServer } from './credentials.ts';
import type { TlsMaterial } from './transport.ts';

/** How long what client-node said last is used: it reads files, at each question anew. */
const FRESH_MS = 10_000;

export interface KubeconfigOptions {
  readonly clock: Clock;
  /** Default: `KUBECONFIG`, then `~/.kube/config`. */
  readonly file?: string;
  /** Default: the file's current context. */
  readonly context?: string;
}

/** The kubeconfig cannot be used; the message says which, and why. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

/**
 * Certificates, tokens, token files, OIDC and exec plugins of a kubeconfig, by client-node, which
 * remembers a plugin's answer until it expires. Loaded only here: its import takes most of a second
 * and 80 MB, which an operator in its pod does not pay.
 *
 * @throws KubeconfigError for a file that is missing or cannot be read, a context that does not
 * exist, and a proxy, which is not supported.
 */
export async function kubeconfig(options: KubeconfigOptions): Promise<Credentials> {
  const config = await load(options);
  const cluster = clusterOf(config);
  const source = new ConfigSource(options, config);
  return {
    ...splitServer(cluster.server),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    current: () => source.current(),
    forget: () => source.forget(),
  };
}

async function load({ file, context }: KubeconfigOptions): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (error) {
    const which = file ?? process.env['KUBECONFIG'] ?? '~/.kube/config';
    const why = error instanceof Error ? error.message : String(error);
    throw new KubeconfigError(`the kubeconfig ${which} cannot be used: ${why}`, { cause: error });
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

/** What client-node makes up where there is no file at all. */
const MADE_UP = 'http://localhost:8080';

function clusterOf(config: KubeConfig): Cluster {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const known = config.getContexts().map(({ name }) => name);
    const context = config.getCurrentContext();
    throw new KubeconfigError(
      `the kubeconfig has no cluster for the context ${context}; its contexts: ${known.join(', ')}`,
    );
  }
  if (cluster.server === MADE_UP && cluster.name === 'cluster') {
    throw new KubeconfigError('there is no kubeconfig, neither KUBECONFIG nor ~/.kube/config');
  }
  if (cluster.proxyUrl !== undefined) {
    throw new KubeconfigError(`proxy-url of the cluster ${cluster.name} is not supported`);
  }
  return cluster;
}

class ConfigSource {
  readonly #options: KubeconfigOptions;
  #config: KubeConfig | undefined;
  #proof: Proof | undefined;
  #tls: TlsMaterial | undefined;
  #askedAt = 0;
  #asking: Promise<Proof> | undefined;

  constructor(options: KubeconfigOptions, config: KubeConfig) {
    this.#options = options;
    this.#config = config;
  }

  async current(): Promise<Proof> {
    const { clock } = this.#options;
    if (this.#proof !== undefined && clock.now() - this.#askedAt < FRESH_MS) return this.#proof;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The file is read anew, and with it goes what client-node remembers of a plugin. */
  forget(): void {
    this.#proof = undefined;
    this.#config = undefined;
  }

  async #ask(): Promise<Proof> {
    const at = this.#options.clock.now();
    this.#config ??= await load(this.#options);
    const asked: Asked = {};
    await this.#config.applyToHTTPSOptions(asked);
    this.#tls = sameOrNew(this.#tls, tlsOf(asked));
    this.#proof = { headers: headersOf(asked), tls: this.#tls };
    this.#askedAt = at;
    return this.#proof;
  }
}

/** What client-node writes into; its own type is a union that hides half of it. */
type Asked = RequestOptions;

function headersOf({ headers, auth }: Asked): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value !== undefined) out[name.toLowerCase()] = String(value).trim();
  }
  if (typeof auth === 'string') {
    out['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  }
  return out;
}

function tlsOf({ ca, cert, key, passphrase, servername, rejectUnauthorized }: Asked): TlsMaterial {
  return {
    ...material('ca', ca),
    ...material('cert', cert),
    ...material('key', key),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function material(name: 'ca' | 'cert' | 'key', value: unknown): TlsMaterial {
  return typeof value === 'string' || Buffer.isBuffer(value) ? { [name]: value } : {};
}
