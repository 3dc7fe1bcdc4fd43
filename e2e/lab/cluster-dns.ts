import { DNS_ADDRESS } from './network.ts';

/** CoreDNS as a cluster has it, as objects to apply. Names outside the cluster are not resolved. */

const NAME = 'coredns';
const NAMESPACE = 'kube-system';
const LABELS = { 'k8s-app': 'kube-dns' };
const CONFIGURATION = `.:53 {
  errors
  health
  ready
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    ttl 1
  }
  cache 1
}
`;

const metadata = { name: NAME, namespace: NAMESPACE };
const port = (name: string, protocol: 'UDP' | 'TCP') => ({ name, protocol, port: 53 });

export function clusterDns(image: string): object[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { Corefile: CONFIGURATION },
    },
    ...permissions(),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace: NAMESPACE, labels: LABELS },
      spec: {
        selector: LABELS,
        clusterIP: DNS_ADDRESS,
        ports: [port('dns', 'UDP'), port('dns-tcp', 'TCP')],
      },
    },
    deployment(image),
  ];
}

function permissions(): object[] {
  const rbac = 'rbac.authorization.k8s.io';
  const role = { name: 'system:coredns' };
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: role,
      rules: [
        {
          apiGroups: [''],
          resources: ['services', 'pods', 'namespaces'],
          verbs: ['list', 'watch'],
        },
        {
          apiGroups: ['discovery.k8s.io'],
          resources: ['endpointslices'],
          verbs: ['list', 'watch'],
        },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: role,
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role.name },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  ];
}

function deployment(image: string): object {
  const container = {
    name: NAME,
    image,
    imagePullPolicy: 'IfNotPresent',
    args: ['-conf', '/etc/coredns/Corefile'],
    ports: [
      { containerPort: 53, protocol: 'UDP' },
      { containerPort: 53, protocol: 'TCP' },
    ],
    volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
    readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
    resources: { requests: { cpu: '10m', memory: '32Mi' } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata, labels: LABELS },
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: NAME,
          // Not its own answers.
          dnsPolicy: 'Default',
          priorityClassName: 'system-cluster-critical',
          containers: [container],
          volumes: [{ name: 'config', configMap: { name: NAME } }],
        },
      },
    },
  };
}
