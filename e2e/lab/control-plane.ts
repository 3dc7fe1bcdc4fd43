import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiServer } from './api-server.ts';
import type { ComponentOptions } from './component.ts';
import type { Machine } from './machine.ts';
import { CONTROL_PLANE_ADDRESS, POD_RANGE, SERVICE_RANGE } from './network.ts';

/** Where a component finds its files, as its machine sees them. */
export interface Paths {
  readonly programs: string;
  readonly certificates: string;
  readonly kubeconfigs: string;
  readonly logs: string;
  /** Configuration files of the lab. */
  readonly configuration: string;
}

export const API_SERVER_PORT = 6443;
const CONTROLLER_MANAGER_PORT = 10_257;
const SCHEDULER_PORT = 10_259;
const ETCD_PORT = 2379;
const ETCD = `http://127.0.0.1:${ETCD_PORT}`;

/** Users of the control plane itself, who would fill the audit log, are left out. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', users: ['system:apiserver'] },
    { level: 'None', userGroups: ['system:nodes'] },
    { level: 'Metadata' },
  ],
};

/** As `folder` is outside. */
export async function writeControlPlaneFiles(folder: string): Promise<void> {
  await writeFile(join(folder, 'audit-policy.json'), JSON.stringify(AUDIT_POLICY));
}

export interface ControlPlane {
  readonly machine: Machine;
  readonly api: ApiServer;
  readonly paths: Paths;
}

export function etcd({ machine }: ControlPlane): ComponentOptions {
  return {
    name: 'etcd',
    machine,
    command: [
      'etcd',
      // On a file system in memory, which lives as long as the machine: nobody waits for a disk.
      ...['--data-dir', '/var/lib/etcd'],
      ...['--listen-client-urls', ETCD, '--advertise-client-urls', ETCD],
      ...['--listen-peer-urls', 'http://127.0.0.1:2380'],
    ],
    isReady: () => answers(machine, ETCD_PORT, '/health'),
  };
}

export function kubeApiServer({ machine, api, paths }: ControlPlane): ComponentOptions {
  const certificate = (name: string) => join(paths.certificates, name);
  const flags = {
    'advertise-address': CONTROL_PLANE_ADDRESS,
    'secure-port': String(API_SERVER_PORT),
    'etcd-servers': ETCD,
    'service-cluster-ip-range': SERVICE_RANGE,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
    'client-ca-file': certificate('ca.crt'),
    'tls-cert-file': certificate('control-plane.crt'),
    'tls-private-key-file': certificate('control-plane.key'),
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': certificate('service-accounts.pub'),
    'service-account-signing-key-file': certificate('service-accounts.key'),
    'kubelet-certificate-authority': certificate('ca.crt'),
    'kubelet-client-certificate': certificate('kube-apiserver-kubelet-client.crt'),
    'kubelet-client-key': certificate('kube-apiserver-kubelet-client.key'),
    // Without it, logs and exec look up the node's name.
    'kubelet-preferred-address-types': 'InternalIP',
    'requestheader-client-ca-file': certificate('front-proxy-ca.crt'),
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'proxy-client-cert-file': certificate('front-proxy-client.crt'),
    'proxy-client-key-file': certificate('front-proxy-client.key'),
    'audit-policy-file': join(paths.configuration, 'audit-policy.json'),
    'audit-log-path': join(paths.logs, 'audit.log'),
  };
  return {
    name: 'kube-apiserver',
    machine,
    command: [join(paths.programs, 'kube-apiserver'), ...asArguments(flags)],
    isReady: () => api.isReady(API_SERVER_PORT, '/readyz'),
  };
}

/** Quicker than the defaults, so that tests of faults and scaling take seconds. */
const SOON = {
  'horizontal-pod-autoscaler-sync-period': '2s',
  'horizontal-pod-autoscaler-downscale-stabilization': '10s',
  'horizontal-pod-autoscaler-initial-readiness-delay': '1s',
  'node-monitor-period': '1s',
  'node-monitor-grace-period': '8s',
};

export function kubeControllerManager({ machine, api, paths }: ControlPlane): ComponentOptions {
  const flags = {
    ...connection(paths, 'kube-controller-manager'),
    'root-ca-file': join(paths.certificates, 'ca.crt'),
    'service-account-private-key-file': join(paths.certificates, 'service-accounts.key'),
    'use-service-account-credentials': 'true',
    ...SOON,
  };
  return {
    name: 'kube-controller-manager',
    machine,
    command: [join(paths.programs, 'kube-controller-manager'), ...asArguments(flags)],
    isReady: () => api.isReady(CONTROLLER_MANAGER_PORT, '/healthz'),
  };
}

export function kubeScheduler({ machine, api, paths }: ControlPlane): ComponentOptions {
  const flags = connection(paths, 'kube-scheduler');
  return {
    name: 'kube-scheduler',
    machine,
    command: [join(paths.programs, 'kube-scheduler'), ...asArguments(flags)],
    isReady: () => api.isReady(SCHEDULER_PORT, '/healthz'),
  };
}

function connection(paths: Paths, user: string): Record<string, string> {
  const kubeconfig = join(paths.kubeconfigs, user);
  return {
    kubeconfig,
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    // There is one of each, and one that was killed is to work at once when it is back.
    'leader-elect': 'false',
    'tls-cert-file': join(paths.certificates, 'control-plane.crt'),
    'tls-private-key-file': join(paths.certificates, 'control-plane.key'),
  };
}

/** What makes Services work: one on each node, and one where the API server calls webhooks. */
export function kubeProxyConfiguration(name: string, paths: Paths): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    hostnameOverride: name,
    clientConnection: { kubeconfig: join(paths.kubeconfigs, 'kube-proxy') },
    clusterCIDR: POD_RANGE,
    // These limits are the whole kernel's.
    conntrack: { maxPerCore: 0, min: 0 },
  };
}

export interface ProxyPlace {
  readonly machine: Machine;
  readonly paths: Paths;
  /** Its configuration file, as the machine sees it. */
  readonly configuration: string;
}

export function kubeProxy(place: ProxyPlace): ComponentOptions {
  const { machine, paths, configuration } = place;
  return {
    name: `kube-proxy-${machine.name}`,
    machine,
    command: [join(paths.programs, 'kube-proxy'), '--config', configuration],
    isReady: () => answers(machine, 10_256, '/healthz'),
  };
}

/** GET, on a port of the machine's own loopback. */
const GET = `exec 3<> "/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "$2" >&3
read -r -t 3 version status rest <&3
[ "$status" = 200 ]`;

/** Whether a component says within the machine that it is ready. */
export async function answers(machine: Machine, port: number, path: string): Promise<boolean> {
  const command = ['bash', '-c', GET, 'bash', String(port), path];
  const { code } = await machine.attempt(command, { deadlineMs: 5_000 });
  return code === 0;
}

function asArguments(flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}
