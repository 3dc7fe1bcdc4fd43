/**
 * What a WsCluster may ask for only where the administrator allows it: each rule with the value of
 * the chart that allows, what it allows by default, and why it is asked.
 */
export interface PolicyRule {
  /** In `policy.allow`. */
  readonly value: string;
  /** Where it stands in a WsCluster. */
  readonly field: string;
  /** For values.yaml and the documents. */
  readonly text: string;
  /** What could be had by it. */
  readonly why: string;
  readonly fallback: readonly string[];
  readonly form: string;
  readonly match: Match;
  /** CEL: what a WsCluster (`object`) asks for, as a list of texts. */
  readonly asked: string;
  /** Fields, from `spec`: who changes none of them is refused nothing. */
  readonly parts: readonly string[];
}

/**
 * `name`: as it is. `key`: also everything below `example.com/`. `image`: also every tag and digest
 * of it, and everything below `example.com/team/`. `host`: also everything below `*.example.com`.
 */
type Match = 'name' | 'key' | 'image' | 'host';

const keysOf = (path: string) => `${path}.orValue({}).map(k, k)`;

/** CEL has no way to flatten lists of lists in 1.30; keys have no commas. */
const flat = (lists: string, each: string) =>
  `${lists}.map(t, ${each}.join(',')).join(',').split(',').filter(k, k != '')`;

const nodeAffinity = 'object.spec.?pod.?affinity.?nodeAffinity';
const keysOfTerm = (term: string) =>
  `(${term}.?matchExpressions.orValue([]) + ${term}.?matchFields.orValue([])).map(e, e.key)`;

/** The host of a text that is a URL; of one that is none the whole, which `*` alone allows. */
const hostOf = (url: string) => `(isURL(${url}) ? url(${url}).getHostname() : ${url})`;
const optional = (path: string) => `${path}.hasValue() ? [${path}.value()] : []`;

export const policyRules: readonly PolicyRule[] = [
  {
    value: 'images',
    field: 'spec.image',
    text: 'Images of gateways, besides `gatewayImage`.',
    why: 'any program, with the Secrets that the WsCluster names',
    fallback: [],
    form: '`example.com/app` with every tag and digest, `example.com/app:1.2`, `example.com/team/`',
    match: 'image',
    asked: optional('object.spec.?image'),
    parts: ['image'],
  },
  {
    value: 'secrets',
    field: 'Secrets that spec names',
    text: 'Secrets that may be named by who may not read them.',
    why: 'what is in any Secret of the namespace, sent to a Redis of the creator’s choice',
    fallback: [],
    form: 'names',
    match: 'name',
    asked: '[]',
    parts: ['redis', 'auth'],
  },
  {
    value: 'keyPrefixes',
    field: 'spec.redis.keyPrefix',
    text: 'Prefixes of keys in Redis that do not begin with the namespace and a slash.',
    why: 'the messages of another WsCluster on the same Redis',
    fallback: [],
    form: 'prefixes as they are, or everything below `example/`',
    match: 'key',
    asked:
      "[object.spec.redis.?keyPrefix.orValue('')]" +
      ".filter(p, p != '' && !p.startsWith(request.namespace + '/'))",
    parts: ['redis.keyPrefix'],
  },
  {
    value: 'hosts',
    field: 'hosts of spec.auth.jwks.url, spec.redis.sentinel.addresses, spec.placement.podEndpoint',
    text: 'Hosts that gateways may be told to reach, or to send clients to.',
    why: 'what only pods of that namespace can reach',
    fallback: ['*'],
    form: '`keys.example.com`, `*.example.com`, `*`',
    match: 'host',
    asked:
      `(${optional('object.spec.auth.?jwks.?url')}).map(u, ${hostOf('u')}) + ` +
      'object.spec.redis.?sentinel.?addresses.orValue([])' +
      `.map(a, ${hostOf("('redis://' + a)")}) + ` +
      "[object.spec.?placement.?podEndpoint.orValue('none')].filter(e, e.contains('://'))" +
      `.map(e, ${hostOf("e.replace('{pod}', 'pod').replace('{ip}', 'ip')")})`,
    parts: ['auth.jwks.url', 'redis.sentinel.addresses', 'placement.podEndpoint'],
  },
  {
    value: 'serviceTypes',
    field: 'spec.service.type',
    text: 'Types of the Service.',
    why: 'load balancers, which cost and publish, and ports of all nodes',
    fallback: ['ClusterIP'],
    form: 'of `ClusterIP`, `NodePort`, `LoadBalancer`',
    match: 'name',
    asked: "[object.spec.?service.?type.orValue('ClusterIP')]",
    parts: ['service.type'],
  },
  {
    value: 'loadBalancerClasses',
    field: 'spec.service.loadBalancerClass',
    text: 'Classes of load balancers.',
    why: 'a load balancer that is for others, such as a public one',
    fallback: [],
    form: 'names',
    match: 'name',
    asked: optional('object.spec.?service.?loadBalancerClass'),
    parts: ['service.loadBalancerClass'],
  },
  {
    value: 'serviceAnnotations',
    field: 'spec.service.annotations',
    text: 'Annotations of the Service.',
    why: 'what controllers do for them: DNS names, certificates, public addresses',
    fallback: [],
    form: 'keys, or everything below `example.com/`',
    match: 'key',
    asked: keysOf('object.spec.?service.?annotations'),
    parts: ['service.annotations'],
  },
  {
    value: 'podLabels',
    field: 'spec.pod.labels',
    text: 'Labels of pods.',
    why: 'the traffic of Services and the freedom of NetworkPolicies that select by them',
    fallback: [],
    form: 'keys, or everything below `example.com/`',
    match: 'key',
    asked: keysOf('object.spec.?pod.?labels'),
    parts: ['pod.labels'],
  },
  {
    value: 'podAnnotations',
    field: 'spec.pod.annotations',
    text: 'Annotations of pods.',
    why: 'what webhooks inject for them: containers, secrets, networks',
    fallback: [],
    form: 'keys, or everything below `example.com/`',
    match: 'key',
    asked: keysOf('object.spec.?pod.?annotations'),
    parts: ['pod.annotations'],
  },
  {
    value: 'nodeLabels',
    field: 'spec.pod.nodeSelector and nodeAffinity',
    text: 'Labels, and fields, of nodes by which gateways may choose theirs.',
    why: 'nodes that are for others',
    fallback: [
      'kubernetes.io/arch',
      'kubernetes.io/os',
      'node.kubernetes.io/instance-type',
      'topology.kubernetes.io/region',
      'topology.kubernetes.io/zone',
    ],
    form: 'keys, or everything below `example.com/`',
    match: 'key',
    asked:
      `${keysOf('object.spec.?pod.?nodeSelector')} + ` +
      flat(
        `${nodeAffinity}.?requiredDuringSchedulingIgnoredDuringExecution` +
          '.?nodeSelectorTerms.orValue([])',
        keysOfTerm('t'),
      ) +
      ' + ' +
      flat(
        `${nodeAffinity}.?preferredDuringSchedulingIgnoredDuringExecution.orValue([])`,
        keysOfTerm('t.?preference'),
      ),
    parts: ['pod.nodeSelector', 'pod.affinity.nodeAffinity'],
  },
  {
    value: 'tolerations',
    field: 'spec.pod.tolerations',
    text: 'Taints that gateways may tolerate. One without a key needs `*`.',
    why: 'nodes that are for others, such as those of the control plane',
    fallback: ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
    form: 'keys, or everything below `example.com/`',
    match: 'key',
    asked: "object.spec.?pod.?tolerations.orValue([]).map(t, t.?key.orValue('*'))",
    parts: ['pod.tolerations'],
  },
  {
    value: 'priorityClasses',
    field: 'spec.pod.priorityClassName',
    text: 'Priority classes of pods.',
    why: 'the places of other pods',
    fallback: [],
    form: 'names',
    match: 'name',
    asked: optional('object.spec.?pod.?priorityClassName'),
    parts: ['pod.priorityClassName'],
  },
];

/** Where a WsCluster names Secrets, from `spec`. */
export const secretReferences: readonly string[] = [
  'redis.urlSecretRef',
  'redis.passwordSecretRef',
  'redis.tls.caSecretRef',
  'redis.tls.certificateSecretRef',
  'redis.sentinel.passwordSecretRef',
  'auth.keysSecretRef',
  'auth.apiKeysSecretRef',
];
