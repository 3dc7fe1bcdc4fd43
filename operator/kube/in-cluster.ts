import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../protocol/clock.ts';
import { type Credentials, type Proof, sameOrNew } from './credentials.ts';
import type { TlsMaterial } from './transport.ts';

/** Where the kubelet mounts the account of a pod. */
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * How long files are taken for what they were. The kubelet writes a new token when a fifth of the
 * old one's life, at least two minutes, is left.
 */
const FRESH_MS = 10_000;

export interface InClusterOptions {
  readonly clock: Clock;
  /** Default: of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly folder?: string;
}

/** Whether this process runs in a pod that has an account. */
export function isInCluster(
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  return env['KUBERNETES_SERVICE_HOST'] !== undefined;
}

/**
 * The account of the pod. Token and CA are read anew as they rotate: a pod lives longer than its
 * token. Needs nothing of client-node, whose import costs 80 MB.
 */
export async function inCluster({
  clock,
  env = process.env,
  folder = FOLDER,
}: InClusterOptions): Promise<Credentials> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (host === undefined || port === undefined) {
    throw new Error('not in a cluster: KUBERNETES_SERVICE_HOST or _PORT is not set');
  }
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  const namespace = await read('namespace').catch(() => undefined);
  const files = new AccountFiles(read, clock);
  return {
    origin: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    basePath: '',
    namespace: namespace?.trim(),
    current: () => files.current(),
    forget: () => files.forget(),
  };
}

class AccountFiles {
  readonly #read: (name: string) => Promise<string>;
  readonly #clock: Clock;
  #proof: Proof | undefined;
  #tls: TlsMaterial | undefined;
  #readAt = 0;
  #reading: Promise<Proof> | undefined;

  constructor(read: (name: string) => Promise<string>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  async current(): Promise<Proof> {
    if (this.#proof !== undefined && this.#clock.now() - this.#readAt < FRESH_MS) {
      return this.#proof;
    }
    this.#reading ??= this.#readFiles().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  forget(): void {
    this.#proof = undefined;
  }

  async #readFiles(): Promise<Proof> {
    const at = this.#clock.now();
    const [token, ca] = await Promise.all([this.#read('token'), this.#read('ca.crt')]);
    if (token.trim() === '') throw new Error('the token of the account is empty');
    this.#tls = sameOrNew(this.#tls, { ca });
    this.#proof = { headers: { authorization: `Bearer ${token.trim()}` }, tls: this.#tls };
    this.#readAt = at;
    return this.#proof;
  }
}
