import { wsClusterSpec } from '../spec.ts';
import {
  kind,
  versions,
  type WsCluster,
  type WsClusterSpec,
  type WsClusterSpecInput,
  type WsClusterStatus,
} from '../wscluster.ts';

/** The least that a WsCluster says. */
export const minimal: WsClusterSpecInput = {
  redis: { urlSecretRef: { name: 'chat-redis', key: 'url' } },
  auth: { anonymous: true },
};

const labelSelector = {
  matchLabels: { app: 'chat' },
  matchExpressions: [{ key: 'tier', operator: 'In' as const, values: ['front'] }],
};

const nodeTerm = {
  matchExpressions: [{ key: 'disk', operator: 'In' as const, values: ['ssd'] }],
  matchFields: [{ key: 'metadata.name', operator: 'NotIn' as const, values: ['node-1'] }],
};

const podTerms = () => {
  const term = {
    labelSelector,
    topologyKey: 'kubernetes.io/hostname',
    namespaceSelector: labelSelector,
  };
  return {
    requiredDuringSchedulingIgnoredDuringExecution: [term],
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm: term }],
  };
};

const peers = [
  { podSelector: labelSelector, namespaceSelector: labelSelector },
  { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
];

/** As much as one WsCluster can say. */
export const full: WsClusterSpecInput = {
  replicas: 4,
  autoscaling: {
    mode: 'External',
    minReplicas: 2,
    maxReplicas: 50,
    targetConnectionsPerPod: 20_000,
    targetCPUUtilizationPercentage: 70,
    targetEventLoopUtilizationPercentage: 60,
    scaleDownStabilizationSeconds: 900,
    scaleUpPercentPerMinute: 50,
    scaleDownPercentPerMinute: 5,
  },
  image: 'registry.example.com:5000/wscluster/gateway:0.1.0',
  imagePullPolicy: 'Always',
  imagePullSecrets: [{ name: 'registry' }],
  redis: {
    urlSecretRef: { name: 'chat-redis', key: 'address' },
    username: 'gateways',
    passwordSecretRef: { name: 'chat-redis', key: 'word' },
    tls: {
      caSecretRef: { name: 'chat-redis-ca', key: 'tls.crt' },
      certificateSecretRef: { name: 'chat-redis-client' },
    },
    sentinel: {
      addresses: ['sentinel-0.redis:26379', '[fd00::1]:26379'],
      masterName: 'chat',
      username: 'gateways',
      passwordSecretRef: { name: 'chat-sentinel', key: 'word' },
      tls: true,
    },
    keyPrefix: 'chat/production',
    waitReplicas: 2,
  },
  auth: {
    jwks: { url: 'https://id.example.com/jwks.json', maxAgeSeconds: 60, staleSeconds: 3_600 },
    anonymous: false,
    anonymousPublish: false,
    issuer: 'https://id.example.com/',
    audience: 'chat',
    leewaySeconds: 5,
    defaultSubscribe: ['room.*'],
    defaultPublish: ['room.*'],
    apiKeysSecretRef: { name: 'chat-api', key: 'keys.txt' },
    allowedOrigins: ['https://chat.example.com'],
  },
  placement: {
    mode: 'Proxy',
    key: 'claim:room',
    podEndpoint: 'wss://{pod}.ws.example.com/ws',
    proxyConnectionsPerPod: 10_000,
    proxyTimeoutMilliseconds: 500,
  },
  retention: { ageSeconds: 600, entriesPerTopic: 1_000 },
  limits: {
    connectionsPerPod: 25_000,
    topicsPerConnection: 50,
    topicsPerSession: 100,
    sessionsPerIdentity: 10,
    connectionsPerUser: 5,
    frameBytes: 65_536,
    outboxBytes: 262_144,
    messagesPerSecond: 20,
    messagesBurst: 40,
    identityMessagesPerSecond: 100,
    identityMessagesBurst: 200,
    publishesInFlight: 16,
    requestBytes: 65_536,
    requestsPerSecond: 100,
    requestsBurst: 200,
  },
  heartbeat: { intervalSeconds: 20, timeoutSeconds: 5, missedPings: 2 },
  disruption: {
    movesPerSecond: 50,
    drainGraceSeconds: 10,
    drainDeadlineSeconds: 600,
    maxUnavailable: 2,
  },
  rollout: {
    ...{ maxSurge: 3, minReadySeconds: 10, partition: '50%', paused: true },
    ...{ maxResumeFailures: 7, maxRequestFailures: '3%', progressDeadlineSeconds: 900 },
  },
  resources: {
    requests: { cpu: 1, memory: '0.5Gi' },
    limits: { cpu: '1500m', memory: '1Gi' },
  },
  spread: [{ topologyKey: 'example.com/rack', maxSkew: 2, whenUnsatisfiable: 'DoNotSchedule' }],
  pod: {
    labels: { team: 'chat' },
    annotations: { 'example.com/owner': 'chat, with spaces' },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [
      { key: 'dedicated', operator: 'Equal', value: 'chat', effect: 'NoSchedule' },
      {
        key: 'node.kubernetes.io/unreachable',
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 10,
      },
    ],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [nodeTerm] },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: nodeTerm }],
      },
      podAffinity: podTerms(),
      podAntiAffinity: podTerms(),
    },
    priorityClassName: 'high',
  },
  service: {
    type: 'LoadBalancer',
    port: 443,
    annotations: { 'example.com/lb': 'internal' },
    ipFamilyPolicy: 'PreferDualStack',
    ipFamilies: ['IPv6', 'IPv4'],
    externalTrafficPolicy: 'Local',
    loadBalancerClass: 'example.com/internal',
    loadBalancerSourceRanges: ['192.0.2.0/24', '2001:db8::/32'],
  },
  networkPolicy: { enabled: true, clientsFrom: peers, metricsFrom: peers, egressTo: peers },
  metrics: {
    podMonitor: { enabled: true, intervalSeconds: 15, labels: { release: 'prometheus' } },
  },
};

/** What `full` cannot say beside what it says. */
const withKeys: WsClusterSpecInput = {
  ...minimal,
  auth: { keysSecretRef: { name: 'chat-keys', key: 'set.json' } },
};

/** As much as a status can say. */
export const fullStatus: WsClusterStatus = {
  observedGeneration: 3,
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      observedGeneration: 3,
      lastTransitionTime: '2026-01-01T00:00:00Z',
      reason: 'AllReady',
      message: 'every gateway is ready',
    },
  ],
  replicas: 4,
  selector: 'wscluster.io/cluster=chat',
  readyReplicas: 4,
  drainingReplicas: 1,
  connections: 12_000,
  ring: { version: '3.17', members: 4, balancePercent: 101 },
  updatedReplicas: 4,
  draining: [
    {
      ...{ pod: 'chat-5d8f7c-x', state: 'Emptying', reason: 'ScaleDown', connections: 420 },
      until: '2026-01-01T00:05:00Z',
    },
  ],
  stableRevision: '5d8f7c',
  revision: { name: '5d8f7c', image: 'registry.example.com/gateway:0.1.0', templateVersion: 1 },
};

export const samples = { minimal, full, withKeys } as const;

/** A WsCluster as an API server gives it, with labels and annotations of whoever manages it. */
export function stored(spec: WsClusterSpecInput): WsCluster {
  return {
    apiVersion: `${kind.group}/${versions.stored}`,
    kind: kind.kind,
    metadata: {
      name: 'chat',
      namespace: 'rooms',
      uid: '0f7c2f0e-0b1c-4c53-9d6b-6f3a2f1f8f10',
      generation: 1,
      resourceVersion: '4711',
      labels: { 'argocd.argoproj.io/instance': 'rooms' },
      annotations: { 'argocd.argoproj.io/tracking-id': 'rooms:wscluster.io/WsCluster:rooms/chat' },
    },
    spec: wsClusterSpec.parse(spec) as WsClusterSpec,
  };
}
