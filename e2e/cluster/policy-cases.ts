/** What a WsCluster asks for, and whether the policy of the chart lets it. */

/** `policy.allow` of an administrator who allows something of everything. */
export const generous = {
  images: ['example.com/app', 'example.com/pinned:1', 'example.com/team/'],
  secrets: ['shared'],
  keyPrefixes: ['theirs/'],
  hosts: ['keys.example.com', '*.ws.example.com', 'sentinel', '10.0.0.1', 'fd00::1'],
  serviceTypes: ['ClusterIP', 'LoadBalancer'],
  loadBalancerClasses: ['example.com/internal'],
  serviceAnnotations: ['example.com/', 'external-dns.alpha.kubernetes.io/hostname'],
  podLabels: ['team'],
  podAnnotations: ['example.com/note'],
  nodeLabels: ['pool', 'metadata.name'],
  tolerations: ['dedicated'],
  priorityClasses: ['system-cluster-critical'],
  affinityAcrossNamespaces: true,
};

export interface PolicyCase {
  /** The value that allows. */
  readonly value: string;
  readonly spec: object;
  /** What the refusal names. */
  readonly offender: string;
}

const given = (value: string, spec: object, offender: string): PolicyCase => ({
  ...{ value, spec, offender },
});
const anywhere = { anonymous: false };
const jwks = (url: string) => ({ auth: { ...anywhere, jwks: { url } } });
const redis = (more: object) => ({
  redis: { urlSecretRef: { name: 'chat-redis', key: 'url' }, ...more },
});
const sentinels = (...addresses: readonly string[]) =>
  redis({ sentinel: { addresses, masterName: 'm' } });
const nodes = (matchExpressions: readonly object[]) => ({
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
});
const balancer = (more: object = {}) => ({ service: { type: 'LoadBalancer', ...more } });
const podTerm = {
  topologyKey: 'kubernetes.io/hostname',
  labelSelector: {},
  namespaceSelector: {},
};

/** Refused where nothing was allowed; allowed by who is generous. */
export const guarded: readonly PolicyCase[] = [
  given('images', { image: 'example.com/app:1.2' }, 'example.com/app:1.2'),
  given('images', { image: 'example.com/app@sha256:00' }, 'example.com/app@sha256:00'),
  given('images', { image: 'example.com/pinned:1' }, 'example.com/pinned:1'),
  given('images', { image: 'example.com/team/any:x' }, 'example.com/team/any:x'),
  given('keyPrefixes', redis({ keyPrefix: 'theirs/chat' }), 'theirs/chat'),
  given('serviceTypes', balancer(), 'LoadBalancer'),
  given(
    'serviceAnnotations',
    { service: { annotations: { 'example.com/a': 'b' } } },
    'example.com/a',
  ),
  given('podLabels', { pod: { labels: { team: 'a' } } }, 'team'),
  given(
    'podAnnotations',
    { pod: { annotations: { 'example.com/note': 'a' } } },
    'example.com/note',
  ),
  given('nodeLabels', { pod: { nodeSelector: { pool: 'a' } } }, 'pool'),
  given(
    'nodeLabels',
    { pod: { affinity: { nodeAffinity: nodes([{ key: 'pool', operator: 'Exists' }]) } } },
    'pool',
  ),
  given(
    'nodeLabels',
    {
      pod: {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 1,
                preference: {
                  matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }],
                },
              },
            ],
          },
        },
      },
    },
    'metadata.name',
  ),
  given(
    'tolerations',
    { pod: { tolerations: [{ key: 'dedicated', operator: 'Exists' }] } },
    'dedicated',
  ),
  given(
    'priorityClasses',
    { pod: { priorityClassName: 'system-cluster-critical' } },
    'system-cluster-critical',
  ),
  given(
    'affinityAcrossNamespaces',
    {
      pod: {
        affinity: {
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [podTerm] },
        },
      },
    },
    'namespaceSelector',
  ),
  given(
    'affinityAcrossNamespaces',
    {
      pod: {
        affinity: {
          podAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, podAffinityTerm: podTerm },
            ],
          },
        },
      },
    },
    'namespaceSelector',
  ),
];

/** Refused although something like it is allowed. */
export const nearMisses: readonly PolicyCase[] = [
  given('images', { image: 'example.com/app-evil:1' }, 'example.com/app-evil:1'),
  given('images', { image: 'example.com/app/evil:1' }, 'example.com/app/evil:1'),
  given('images', { image: 'example.com/pinned:12' }, 'example.com/pinned:12'),
  given('images', { image: 'evil.com/example.com/team/a' }, 'evil.com/example.com/team/a'),
  given('keyPrefixes', redis({ keyPrefix: 'theirs' }), 'theirs'),
  given('hosts', jwks('https://evil.com/keys.example.com'), 'evil.com'),
  given('hosts', jwks('https://keys.example.com.evil.com/'), 'keys.example.com.evil.com'),
  given('hosts', { placement: { podEndpoint: 'wss://{pod}.evil.com' } }, 'pod.evil.com'),
  given('hosts', { placement: { podEndpoint: 'wss://{ip}.evil.com' } }, 'ip.evil.com'),
  given(
    'hosts',
    { placement: { podEndpoint: 'wss://evil.com/?{pod}.ws.example.com' } },
    'evil.com',
  ),
  given('hosts', sentinels('sentinel:1', 'evil:2'), 'evil'),
  given('serviceTypes', { service: { type: 'NodePort' } }, 'NodePort'),
  given(
    'loadBalancerClasses',
    balancer({ loadBalancerClass: 'example.com/public' }),
    'example.com/public',
  ),
  given(
    'serviceAnnotations',
    { service: { annotations: { 'example.com/a': '', 'example.org/a': '' } } },
    'example.org/a',
  ),
  given('podLabels', { pod: { labels: { team: 'a', app: 'payments' } } }, 'app'),
  given(
    'podAnnotations',
    { pod: { annotations: { 'example.com/notes': '' } } },
    'example.com/notes',
  ),
  given('nodeLabels', { pod: { nodeSelector: { pool: 'a', 'kubernetes.io/role': 'b' } } }, 'role'),
  given('tolerations', { pod: { tolerations: [{ operator: 'Exists' }] } }, '*'),
  given(
    'priorityClasses',
    { pod: { priorityClassName: 'system-node-critical' } },
    'system-node-critical',
  ),
];

/** Allowed to everybody. */
export const harmless: readonly object[] = [
  {},
  { image: 'docker.io/wscluster/gateway:0.1.0' },
  { service: { type: 'ClusterIP', port: 8080 } },
  { pod: { nodeSelector: { 'kubernetes.io/arch': 'amd64' } } },
  { pod: { tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists' }] } },
  {
    pod: {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'kubernetes.io/hostname', labelSelector: {} },
          ],
        },
      },
    },
  },
  jwks('https://keys.example.com:8443/jwks'),
];

/** Allowed by who is generous, besides `guarded`: alone, none of these is refused by its value. */
export const furtherAllowed: readonly object[] = [
  balancer({ loadBalancerClass: 'example.com/internal' }),
  jwks('https://keys.example.com:8443/jwks'),
  { placement: { podEndpoint: 'wss://{pod}.ws.example.com:443/ws' } },
  { placement: { podEndpoint: 'wss://{ip}.ws.example.com/ws' } },
  sentinels('sentinel:26379', '10.0.0.1:26379', '[fd00::1]:26379'),
];
