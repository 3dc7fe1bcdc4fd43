/** Objects that the suites of the cluster itself are made of. */

/** Answers every request with its name and version. */
const SERVER = `require('node:http').createServer((request, response) => {
  console.log(request.url);
  response.end(process.env.HOSTNAME + ' ' + process.env.VERSION);
}).listen(8080, () => console.log('listening'));`;

/** What Pod Security `restricted` asks for. */
export const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 1000,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

export interface Workload {
  readonly namespace: string;
  readonly image: string;
}

/** One in which pods must be `restricted`. */
export function namespace(name: string): object {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export interface DeploymentOptions extends Workload {
  readonly replicas: number;
  readonly version: string;
  /** One on each node. */
  readonly spread?: boolean;
}

/** HTTP servers named `web`, with probes and a Service before them. */
export function web(options: DeploymentOptions): object[] {
  const { namespace, image, replicas, version, spread = false } = options;
  const metadata = { name: 'web', namespace };
  const labels = { app: 'web' };
  const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 };
  const container = {
    name: 'web',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', '-e', SERVER],
    env: [{ name: 'VERSION', value: version }],
    readinessProbe: probe,
    livenessProbe: { ...probe, failureThreshold: 30 },
    securityContext: RESTRICTED,
  };
  const template = {
    metadata: { labels },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [container],
      topologySpreadConstraints: spread ? [oneEach(labels)] : [],
    },
  };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas, selector: { matchLabels: labels }, template },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ];
}

const oneEach = (matchLabels: object): object => ({
  maxSkew: 1,
  topologyKey: 'kubernetes.io/hostname',
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels },
});

/** A pod that waits for commands. `privileged`: as `restricted` forbids it. */
export function shell({ namespace, image }: Workload, { privileged = false } = {}): object {
  const container = {
    name: 'shell',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', '-e', 'setInterval(() => undefined, 1000)'],
    securityContext: privileged ? { privileged } : RESTRICTED,
  };
  const spec = { terminationGracePeriodSeconds: 1, containers: [container] };
  const name = privileged ? 'privileged' : 'shell';
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec };
}

/** All pods of `web` must stay. */
export function noDisruption(namespace: string): object {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace },
    spec: { maxUnavailable: 0, selector: { matchLabels: { app: 'web' } } },
  };
}

/** A Redis, ready when it answers on its port. */
export function redis({ namespace, image }: Workload): object {
  const container = {
    name: 'redis',
    image,
    imagePullPolicy: 'IfNotPresent',
    readinessProbe: { tcpSocket: { port: 6379 }, periodSeconds: 1 },
    securityContext: { ...RESTRICTED, runAsUser: 999 },
    args: ['--save', '', '--appendonly', 'no'],
  };
  const metadata = { name: 'redis', namespace };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [container] } };
}
