import { X509Certificate } from 'node:crypto';
import { type Certificates, renewed } from '../../operator/metrics-api/certificates.ts';
import { attempt, type Outcome, run } from '../lab/command.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import type { Lab } from '../lab/lab.ts';
import { Repetition } from '../load/repetition.ts';

/** What suites about External metrics ask, and find. */

export const API_SERVICE = 'apiservice/v1beta1.external.metrics.k8s.io';
const GROUP = '/apis/external.metrics.k8s.io/v1beta1';

export const metricPath = (namespace: string, metric: string): string =>
  `${GROUP}/namespaces/${namespace}/${metric}?labelSelector=wscluster.io%2Fcluster%3Dchat`;

/** Another adapter, of which nobody answers. */
export const foreignApiService = {
  ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
  metadata: { name: 'v1beta1.external.metrics.k8s.io', labels: { app: 'keda' } },
  spec: {
    ...{ group: 'external.metrics.k8s.io', version: 'v1beta1', insecureSkipTLSVerify: true },
    ...{ groupPriorityMinimum: 100, versionPriority: 100 },
    service: { namespace: 'default', name: 'keda-operator-metrics-apiserver' },
  },
};

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const ENTRIES = ['ca.crt', 'ca.key', 'tls.crt', 'tls.key'] as const;

/**
 * Certificates in the middle of a rotation: an authority took the place of another ten minutes ago,
 * less this, and what is served with is still by the old one.
 */
export function rotating(names: readonly string[], leftMs: number): Certificates {
  const now = Date.now();
  const at = (held: Certificates | undefined, wallMs: number) => renewed(held, { names, wallMs });
  const old = at(undefined, now - 500 * DAY_MS);
  const served = at(old, now - 20 * DAY_MS);
  const both = { ...served, authorities: served.authorities.slice(-1) };
  return at(both, now - 10 * MINUTE_MS + leftMs);
}

export function secretOf(namespace: string, held: Certificates): object {
  const values = [held.authorities.join(''), held.authorityKey, held.certificate, held.key];
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'Opaque' },
    metadata: { name: 'wscluster-operator-metrics', namespace },
    stringData: Object.fromEntries(ENTRIES.map((entry, place) => [entry, values[place]])),
  };
}

export const serialOf = (certificate: string): string =>
  new X509Certificate(certificate).serialNumber;

export interface Asked {
  readonly address: string;
  readonly servername: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM; without it any server is believed. */
  readonly ca?: string;
}

export interface Answered {
  readonly code: number;
  readonly text: string;
  /** Of what served. */
  readonly serial: string;
}

const SCRIPT = `const { address: host, ca, ...rest } = JSON.parse(process.argv[1]);
const tls = ca === undefined ? { rejectUnauthorized: false } : { ca };
require('node:https').get({ host, port: 443, timeout: 9000, ...tls, ...rest }, (response) => {
  const serial = response.socket.getPeerCertificate().serialNumber;
  let text = '';
  response.on('data', (part) => { text += part; });
  const code = response.statusCode;
  response.on('end', () => console.log(JSON.stringify({ code, text, serial })));
});`;

/** Asks over TLS from within the network of the control plane, past the API server. */
export async function askPast(lab: Lab, asked: Asked): Promise<Answered> {
  const within = [`--net=/proc/${lab.component('kube-apiserver').pid}/ns/net`, '--'];
  const program = [process.execPath, '-e', SCRIPT, JSON.stringify(asked)];
  return JSON.parse(await run('nsenter', [...within, ...program])) as Answered;
}

/** Whether it is believed at all. */
export async function isBelieved(lab: Lab, asked: Asked): Promise<boolean> {
  const within = [`--net=/proc/${lab.component('kube-apiserver').pid}/ns/net`, '--'];
  const program = [process.execPath, '-e', SCRIPT, JSON.stringify(asked)];
  return (await attempt('nsenter', [...within, ...program])).code === 0;
}

/** The same question again and again, while other things go on. */
export class Questions {
  answers = 0;
  /** What was said instead. */
  refusals = '';
  readonly #asking: Repetition;

  constructor(ask: () => Promise<Outcome>) {
    this.#asking = new Repetition({
      everyMs: 500,
      round: async () => {
        const { code, stderr } = await ask();
        if (code === 0) this.answers += 1;
        else this.refusals += stderr;
      },
    });
  }

  start(): void {
    this.#asking.start();
  }

  stop(): Promise<void> {
    return this.#asking.stop();
  }
}

/** Token of an account that may read WsClusters there, as one that KEDA comes with. */
export async function tokenOfReader(kubectl: Kubectl, namespace: string): Promise<string> {
  const metadata = { name: 'keda-reader', namespace };
  const group = 'rbac.authorization.k8s.io';
  await kubectl.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      ...{ apiVersion: `${group}/v1`, kind: 'Role', metadata },
      rules: [{ apiGroups: ['wscluster.io'], resources: ['wsclusters'], verbs: ['get'] }],
    },
    {
      ...{ apiVersion: `${group}/v1`, kind: 'RoleBinding', metadata },
      roleRef: { apiGroup: group, kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  );
  return (await kubectl('-n', namespace, 'create', 'token', metadata.name)).trim();
}
