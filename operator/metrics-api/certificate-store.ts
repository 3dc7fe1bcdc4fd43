import type { V1Secret } from '@kubernetes/client-node';
import type { Clock } from '../../protocol/clock.ts';
import type { ApiServer } from '../kube/connection.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/kube-error.ts';
import type { Raw } from '../kube/objects.ts';
import { pathOf, type Resource } from '../kube/resource.ts';
import { type Certificates, renewed } from './certificates.ts';

const secrets: Resource = {
  ...{ group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true },
};
/** In the operator's own namespace. */
export const METRICS_SECRET = 'wscluster-operator-metrics';

export interface CertificateStoreOptions {
  readonly api: Pick<ApiServer, 'call'>;
  readonly clock: Pick<Clock, 'wall'>;
  readonly namespace: string;
  /** DNS names by which the API server calls. */
  readonly names: readonly string[];
}

const ENTRIES = {
  ...{ authorities: 'ca.crt', authorityKey: 'ca.key' },
  ...{ certificate: 'tls.crt', key: 'tls.key' },
} as const;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;
/** Each time somebody else was quicker. */
const TRIES = 5;

/** What all replicas serve with, in one Secret: whoever finds that it is due renews it for all. */
export class CertificateStore {
  readonly #options: CertificateStoreOptions;

  constructor(options: CertificateStoreOptions) {
    this.#options = options;
  }

  /** As they are to be from now on. Rejects with a `KubeError`, or the reason of the signal. */
  async current(signal: AbortSignal): Promise<Certificates> {
    for (let attempt = 1; ; attempt += 1) {
      const secret = await this.#read(signal);
      const held = secret && certificatesIn(secret);
      const { names, clock } = this.#options;
      const next = renewed(held, { names, wallMs: clock.wall() });
      if (next === held) return next;
      try {
        await this.#write(next, secret, signal);
        return next;
      } catch (error) {
        const outrun = isConflict(error) || isAlreadyExists(error);
        if (!outrun || attempt === TRIES) throw error;
      }
    }
  }

  async #read(signal: AbortSignal): Promise<Raw<V1Secret> | undefined> {
    const { api, namespace } = this.#options;
    const path = pathOf(secrets, { namespace, name: METRICS_SECRET });
    try {
      return (await api.call({ method: 'GET', path, signal })) as Raw<V1Secret>;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #write(
    certificates: Certificates,
    secret: Raw<V1Secret> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { api, namespace } = this.#options;
    const fresh = { name: METRICS_SECRET, namespace };
    const body = {
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'Opaque' },
      ...secret,
      // With the version that was read: who was quicker wins.
      metadata: secret?.metadata ?? fresh,
      data: { ...secret?.data, ...dataOf(certificates) },
    };
    const call =
      secret === undefined
        ? ({ method: 'POST', path: pathOf(secrets, { namespace }) } as const)
        : ({ method: 'PUT', path: pathOf(secrets, fresh) } as const);
    await api.call({ ...call, body, signal });
  }
}

function certificatesIn({ data = {} }: Raw<V1Secret>): Certificates {
  const text = (entry: string) => Buffer.from(data[entry] ?? '', 'base64').toString('utf8');
  return {
    authorities: text(ENTRIES.authorities).match(CERTIFICATE) ?? [],
    authorityKey: text(ENTRIES.authorityKey),
    certificate: text(ENTRIES.certificate),
    key: text(ENTRIES.key),
  };
}

function dataOf({ authorities, authorityKey, certificate, key }: Certificates) {
  const given = { authorities: authorities.join(''), authorityKey, certificate, key };
  const parts = Object.keys(ENTRIES) as (keyof typeof ENTRIES)[];
  return Object.fromEntries(
    parts.map((part) => [ENTRIES[part], Buffer.from(given[part]).toString('base64')]),
  );
}
