import { full, minimal } from '../../operator/api/testing/samples.ts';
import type { WsClusterSpecInput } from '../../operator/api/wscluster.ts';

/** A WsCluster that breaks one rule and nothing else. */
export interface RuleCase {
  /** The message of the rule. */
  readonly message: string;
  /** Where the API server says it. */
  readonly path: string;
  readonly spec: WsClusterSpecInput;
  /** Default: one that is allowed. */
  readonly name?: string;
  /** What it is changed from, for rules about changes. */
  readonly from?: WsClusterSpecInput;
}

const redis = minimal.redis;
const { autoscaling, service, pod, networkPolicy } = full;
const jwks = { url: 'https://id.example.com/jwks.json' };
const secret = { name: 'chat-keys' };

/** The minimal one, and one part of it. */
const also = (part: Partial<WsClusterSpecInput>): WsClusterSpecInput => ({ ...minimal, ...part });

const KEY = 'must be a name such as example.com/name';
const RESERVED = 'wscluster.io/ or app.kubernetes.io/: the operator sets those';

const keys = (what: string, specOf: (labels: Record<string, string>) => WsClusterSpecInput) => ({
  message: `each key of ${what} ${KEY}`,
  path: `spec.${what}`,
  spec: specOf({ 'not a key': 'x' }),
});

/** The same, and what nobody but the operator may say. */
const ownKeys = (
  what: string,
  specOf: (labels: Record<string, string>) => WsClusterSpecInput,
): RuleCase[] => [
  keys(what, specOf),
  {
    message: `no key of ${what} may begin with ${RESERVED}`,
    path: `spec.${what}`,
    spec: specOf({ 'app.kubernetes.io/name': 'x' }),
  },
];

const selected = (labelSelector: object): WsClusterSpecInput => {
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector };
  const terms = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
  return also({ pod: { affinity: { podAffinity: terms } } });
};

const SELECTOR =
  'spec.pod.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector';
const NODE_TERMS =
  'spec.pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';

const onNodes = (requirement: {
  readonly operator: 'Gt' | 'In' | 'Exists';
  readonly values?: string[];
}): WsClusterSpecInput => {
  const terms = [{ matchExpressions: [{ key: 'cores', ...requirement }] }];
  const required = { nodeSelectorTerms: terms };
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: required };
  return also({ pod: { affinity: { nodeAffinity } } });
};

const nodeCase = (requirement: Parameters<typeof onNodes>[0]): RuleCase => ({
  message:
    'values: at least one with the operators In and NotIn, exactly one with Gt and Lt, none with ' +
    'Exists and DoesNotExist',
  path: `${NODE_TERMS}[0].matchExpressions[0]`,
  spec: onNodes(requirement),
});

const KEY_PREFIX =
  'redis.keyPrefix cannot be changed, given or taken away: every log, session and position stays ' +
  'under the old one; make another WsCluster';

const prefixed = (keyPrefix: string) => also({ redis: { ...redis, keyPrefix } });

const redisCases: readonly RuleCase[] = [
  {
    message: 'redis.username needs redis.passwordSecretRef',
    path: 'spec.redis',
    spec: also({ redis: { ...redis, username: 'gateways' } }),
  },
  { message: KEY_PREFIX, path: 'spec.redis', from: prefixed('one'), spec: prefixed('two') },
  { message: KEY_PREFIX, path: 'spec.redis', from: minimal, spec: prefixed('two') },
  { message: KEY_PREFIX, path: 'spec.redis', from: prefixed('one'), spec: minimal },
  {
    message: 'redis.sentinel.username needs redis.sentinel.passwordSecretRef',
    path: 'spec.redis.sentinel',
    spec: also({
      redis: {
        ...redis,
        sentinel: { addresses: ['sentinel:26379'], masterName: 'chat', username: 'gateways' },
      },
    }),
  },
];

const ONE_OF = 'auth needs exactly one of jwks, keysSecretRef and anonymous: true';

const authCases: readonly RuleCase[] = [
  { message: ONE_OF, path: 'spec.auth', spec: also({ auth: {} }) },
  { message: ONE_OF, path: 'spec.auth', spec: also({ auth: { anonymous: false } }) },
  { message: ONE_OF, path: 'spec.auth', spec: also({ auth: { jwks, keysSecretRef: secret } }) },
  { message: ONE_OF, path: 'spec.auth', spec: also({ auth: { jwks, anonymous: true } }) },
  {
    message: 'auth.anonymousPublish means nothing without auth.anonymous: true',
    path: 'spec.auth',
    spec: also({ auth: { jwks, anonymousPublish: true } }),
  },
  {
    message: 'auth.issuer and auth.audience mean nothing with auth.anonymous: true',
    path: 'spec.auth',
    spec: also({ auth: { anonymous: true, issuer: 'https://id.example.com/' } }),
  },
  {
    message: 'auth.jwks.maxAgeSeconds must not be above auth.jwks.staleSeconds',
    path: 'spec.auth.jwks',
    spec: also({ auth: { jwks: { ...jwks, maxAgeSeconds: 61, staleSeconds: 60 } } }),
  },
  {
    message: "auth.jwks.url must be a URL with a host, and nobody's name before it",
    path: 'spec.auth.jwks.url',
    spec: also({ auth: { jwks: { url: 'https://%zz/' } } }),
  },
];

const trafficCases: readonly RuleCase[] = [
  {
    message:
      'autoscaling.targetConnectionsPerPod must be below limits.connectionsPerPod: gateways ' +
      'would refuse clients before there are more of them',
    path: 'spec',
    spec: also({
      autoscaling: { maxReplicas: 9, targetConnectionsPerPod: 500 },
      limits: { connectionsPerPod: 500 },
    }),
  },
  {
    message: 'autoscaling.minReplicas must not be above autoscaling.maxReplicas',
    path: 'spec.autoscaling',
    spec: also({ autoscaling: { ...autoscaling, minReplicas: 4, maxReplicas: 3 } }),
  },
  {
    message: 'limits.topicsPerSession must not be below limits.topicsPerConnection',
    path: 'spec.limits',
    spec: also({ limits: { topicsPerConnection: 10, topicsPerSession: 9 } }),
  },
  {
    message: 'heartbeat.timeoutSeconds must be below heartbeat.intervalSeconds',
    path: 'spec.heartbeat',
    spec: also({ heartbeat: { intervalSeconds: 10 } }),
  },
  {
    message: 'disruption.drainGraceSeconds must be below disruption.drainDeadlineSeconds',
    path: 'spec.disruption',
    spec: also({ disruption: { drainDeadlineSeconds: 5 } }),
  },
  ...['0%', '101%', '5', '-1%', '1.5', ''].map((maxSurge) => ({
    message: 'rollout.maxSurge must be a number from 1 to 500, or from 1% to 100%',
    path: 'spec.rollout.maxSurge',
    spec: also({ rollout: { maxSurge } }),
  })),
  ...['101%', '5', '-1%'].flatMap((share) => [
    {
      message: 'rollout.partition must be a number from 0 to 500, or from 0% to 100%',
      path: 'spec.rollout.partition',
      spec: also({ rollout: { partition: share } }),
    },
    {
      message: 'rollout.maxResumeFailures must be a number from 0 to 1000000, or from 0% to 100%',
      path: 'spec.rollout.maxResumeFailures',
      spec: also({ rollout: { maxResumeFailures: share } }),
    },
    {
      message: 'rollout.maxRequestFailures must be a number from 0 to 1000000, or from 0% to 100%',
      path: 'spec.rollout.maxRequestFailures',
      spec: also({ rollout: { maxRequestFailures: share } }),
    },
  ]),
];

const podCases: readonly RuleCase[] = [
  {
    message: 'each of resources.requests must be at most that of resources.limits',
    path: 'spec.resources',
    spec: also({ resources: { requests: { memory: '1025Mi' }, limits: { memory: '1Gi' } } }),
  },
  {
    message: 'each of resources.requests must be at most that of resources.limits',
    path: 'spec.resources',
    spec: also({ resources: { requests: { cpu: 2 }, limits: { cpu: '1999m' } } }),
  },
  keys('resources.requests', () => also({ resources: { requests: { 'not a key': 1 } } })),
  keys('resources.limits', () => also({ resources: { limits: { 'not a key': 1 } } })),
  ...ownKeys('pod.labels', (labels) => also({ pod: { ...pod, labels } })),
  ...ownKeys('pod.annotations', (annotations) => also({ pod: { annotations } })),
  keys('pod.nodeSelector', (nodeSelector) => also({ pod: { nodeSelector } })),
  {
    message: 'a toleration with the operator Exists has no value',
    path: 'spec.pod.tolerations[0]',
    spec: also({ pod: { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] } }),
  },
  {
    message: 'a toleration without a key has the operator Exists',
    path: 'spec.pod.tolerations[0]',
    spec: also({ pod: { tolerations: [{ value: 'b' }] } }),
  },
  {
    message: 'tolerationSeconds needs the effect NoExecute',
    path: 'spec.pod.tolerations[0]',
    spec: also({
      pod: { tolerations: [{ key: 'a', effect: 'NoSchedule', tolerationSeconds: 5 }] },
    }),
  },
  nodeCase({ operator: 'Gt', values: ['1', '2'] }),
  nodeCase({ operator: 'In' }),
  nodeCase({ operator: 'Exists', values: ['1'] }),
  {
    message: `each key of matchLabels ${KEY}`,
    path: `${SELECTOR}.matchLabels`,
    spec: selected({ matchLabels: { 'not a key': 'x' } }),
  },
  ...[{ operator: 'In' }, { operator: 'Exists', values: ['x'] }].map((expression) => ({
    message: 'values must be given with the operators In and NotIn, and with no other',
    path: `${SELECTOR}.matchExpressions[0]`,
    spec: selected({ matchExpressions: [{ key: 'tier', ...expression }] }),
  })),
];

const PEER = 'a peer is either an ipBlock or has a podSelector or a namespaceSelector';
const FAMILIES =
  'two service.ipFamilies must differ, and need service.ipFamilyPolicy: PreferDualStack or ' +
  'RequireDualStack';

const networkCases: readonly RuleCase[] = [
  {
    message:
      'service.loadBalancerClass and service.loadBalancerSourceRanges need service.type: ' +
      'LoadBalancer',
    path: 'spec.service',
    spec: also({ service: { ...service, type: 'NodePort' } }),
  },
  {
    message: 'service.externalTrafficPolicy needs service.type: NodePort or LoadBalancer',
    path: 'spec.service',
    spec: also({ service: { externalTrafficPolicy: 'Local' } }),
  },
  {
    message: FAMILIES,
    path: 'spec.service',
    spec: also({ service: { ipFamilies: ['IPv4', 'IPv6'] } }),
  },
  {
    message: FAMILIES,
    path: 'spec.service',
    spec: also({ service: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'SingleStack' } }),
  },
  {
    message: FAMILIES,
    path: 'spec.service',
    spec: also({ service: { ipFamilies: ['IPv4', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' } }),
  },
  ...ownKeys('service.annotations', (annotations) => also({ service: { annotations } })),
  {
    message: PEER,
    path: 'spec.networkPolicy.clientsFrom[0]',
    spec: also({ networkPolicy: { ...networkPolicy, clientsFrom: [{}] } }),
  },
  {
    message: PEER,
    path: 'spec.networkPolicy.egressTo[0]',
    spec: also({
      networkPolicy: { egressTo: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] },
    }),
  },
  ...ownKeys('metrics.podMonitor.labels', (labels) =>
    also({ metrics: { podMonitor: { labels } } }),
  ),
];

const NAME =
  'metadata.name must be at most 40 of a-z 0-9 -, beginning with a letter: Services are named ' +
  'after it';

const nameCases: readonly RuleCase[] = ['9chat', 'chat.room', 'c'.repeat(41)].map((name) => ({
  message: NAME,
  path: '<nil>',
  name,
  spec: minimal,
}));

/** At least one for each rule of the definition. */
export const ruleCases: readonly RuleCase[] = [
  ...redisCases,
  ...authCases,
  ...trafficCases,
  ...podCases,
  ...networkCases,
  ...nameCases,
];
