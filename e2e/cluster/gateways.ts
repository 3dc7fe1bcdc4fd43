import { RESTRICTED, type Workload } from './workload.ts';

export const CLIENT_PORT = 8001;
export const ADMIN_PORT = 9001;
/** Holds the Redis URL, and need not be there. */
export const SECRET = 'redis';

const fromPod = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});

const settings = {
  WSCLUSTER_REDIS_URL_FILE: '/etc/redis/url',
  WSCLUSTER_START_WAIT_S: '3600',
  WSCLUSTER_AUTH_ANONYMOUS: 'true',
  WSCLUSTER_AUTH_ANONYMOUS_PUBLISH: 'true',
  WSCLUSTER_PLACEMENT_POD_ENDPOINT: 'address',
  WSCLUSTER_EDGE_DRAIN_GRACE_MS: '2000',
};

/** Gateways from their image, by hand as an operator would make them, and their Service. */
export function gateways({ namespace, image }: Workload, replicas: number): object[] {
  const metadata = { name: 'gateway', namespace };
  const labels = { app: 'gateway' };
  const probe = (path: string) => ({ httpGet: { path, port: ADMIN_PORT }, periodSeconds: 1 });
  const container = {
    name: 'gateway',
    image,
    imagePullPolicy: 'IfNotPresent',
    env: [
      fromPod('WSCLUSTER_POD', 'metadata.name'),
      fromPod('POD_IP', 'status.podIP'),
      ...Object.entries(settings).map(([name, value]) => ({ name, value })),
    ],
    readinessProbe: probe('/readyz'),
    livenessProbe: { ...probe('/livez'), failureThreshold: 30 },
    // The image says who it runs as.
    securityContext: { ...RESTRICTED, runAsUser: undefined },
    volumeMounts: [{ name: 'redis', mountPath: '/etc/redis', readOnly: true }],
  };
  const volumes = [{ name: 'redis', secret: { secretName: SECRET, optional: true } }];
  const spec = { terminationGracePeriodSeconds: 60, containers: [container], volumes };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ port: CLIENT_PORT }] },
    },
  ];
}
