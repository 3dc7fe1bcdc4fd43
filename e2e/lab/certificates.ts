import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import { CONTROL_PLANE_ADDRESS, type NodePlan, SERVICE_ADDRESS } from './network.ts';

/** Who issues: what serves and connects, or those who speak for others through the API server. */
const authorities = ['ca', 'front-proxy-ca'] as const;

export interface Certificate {
  /** Its files are `<name>.crt` and `<name>.key`. */
  readonly name: string;
  readonly issuer: (typeof authorities)[number];
  /** To Kubernetes the user, or what serves. */
  readonly commonName: string;
  /** To Kubernetes the group. */
  readonly organization?: string;
  /** `subjectAltName`s, as openssl writes them: `DNS:…`, `IP:…`. */
  readonly subjects?: readonly string[];
}

const client = (name: string, commonName: string, organization?: string): Certificate => ({
  name,
  issuer: 'ca',
  commonName,
  ...(organization !== undefined && { organization }),
});

const API_SERVER_NAMES = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'localhost',
];

/** All that a cluster needs. `address`: where this host reaches the control plane. */
export function certificatesOf(address: string, nodes: readonly NodePlan[]): Certificate[] {
  const addresses = [address, CONTROL_PLANE_ADDRESS, SERVICE_ADDRESS, '127.0.0.1'];
  return [
    {
      name: 'control-plane',
      issuer: 'ca',
      commonName: 'kube-apiserver',
      subjects: [
        ...API_SERVER_NAMES.map((name) => `DNS:${name}`),
        ...addresses.map((ip) => `IP:${ip}`),
      ],
    },
    client('admin', 'admin', 'system:masters'),
    client('kube-apiserver-kubelet-client', 'kube-apiserver-kubelet-client', 'system:masters'),
    client('kube-controller-manager', 'system:kube-controller-manager'),
    client('kube-scheduler', 'system:kube-scheduler'),
    client('kube-proxy', 'system:kube-proxy'),
    { name: 'front-proxy-client', issuer: 'front-proxy-ca', commonName: 'front-proxy-client' },
    ...nodes.map((node) => ({
      ...client(node.name, `system:node:${node.name}`, 'system:nodes'),
      subjects: [`DNS:${node.name}`, `IP:${node.address}`],
    })),
  ];
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const DAYS = '365';
/** Without the machine's own, which may say anything. */
const CONFIGURATION = '[req]\ndistinguished_name = dn\nprompt = no\n[dn]\n';

/** Writes authorities, certificates and the key that signs tokens of service accounts. */
export async function writeCertificates(
  folder: string,
  certificates: readonly Certificate[],
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'openssl.cnf'), CONFIGURATION);
  await Promise.all(authorities.map((name) => writeAuthority(folder, name)));
  await Promise.all(certificates.map((certificate) => writeCertificate(folder, certificate)));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret = privateKey.export({ type: 'sec1', format: 'pem' });
  await writeFile(join(folder, 'service-accounts.key'), secret, { mode: 0o600 });
  const open = publicKey.export({ type: 'spki', format: 'pem' });
  await writeFile(join(folder, 'service-accounts.pub'), open);
}

async function writeAuthority(folder: string, name: string): Promise<void> {
  await openssl(folder, name, [
    ...['-subj', `/CN=${name}`],
    ...['-addext', 'basicConstraints=critical,CA:TRUE'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
  ]);
}

async function writeCertificate(folder: string, certificate: Certificate): Promise<void> {
  const { name, issuer, commonName, organization, subjects = [] } = certificate;
  const group = organization === undefined ? '' : `/O=${organization}`;
  const alternatives = subjects.length === 0 ? [] : [`subjectAltName=${subjects.join(',')}`];
  await openssl(folder, name, [
    ...['-CA', join(folder, `${issuer}.crt`), '-CAkey', join(folder, `${issuer}.key`)],
    ...['-subj', `${group}/CN=${commonName}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
    ...alternatives.flatMap((alternative) => ['-addext', alternative]),
  ]);
}

async function openssl(folder: string, name: string, args: readonly string[]): Promise<void> {
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)];
  const config = ['-config', join(folder, 'openssl.cnf')];
  await run('openssl', ['req', '-x509', ...config, '-days', DAYS, ...NEW_KEY, ...files, ...args]);
}
