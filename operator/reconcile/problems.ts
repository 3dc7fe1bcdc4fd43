import type { WsCluster } from '../api/wscluster.ts';
import { secretOf } from './desired/mounts.ts';
import { byName, type GatewayView, statusOf, type TroubleKind } from './gateways.ts';

/** What needs a person: why, in one word, and for people with what to do. */
export interface Problem {
  readonly reason:
    | TroubleKind
    | 'ForeignObject'
    | 'ApplyRefused'
    | 'SecretUnusable'
    | 'RedisUnreachable'
    | 'QuotaBlocked'
    | 'PodsRefused';
  readonly message: string;
}

/** Of an object that is to be made. */
export interface ObjectName {
  readonly kind: string;
  readonly name: string;
}

/** What was found out by trying. */
export interface Findings {
  readonly cluster: WsCluster;
  readonly gateways: readonly GatewayView[];
  /** Objects of others that stand where ours are to be. */
  readonly foreign: readonly ObjectName[];
  /** What the API server refused, in its words. */
  readonly refused: readonly (ObjectName & { readonly message: string })[];
  /** Why ReplicaSets cannot make pods, in the words of Kubernetes. */
  readonly notCreated: readonly string[];
}

/** Everything that needs a person, what stands in the way of most first. The same, always alike. */
export function problemsOf(findings: Findings): Problem[] {
  const all = [
    ...foreignProblems(findings),
    ...refusedProblems(findings),
    ...quotaProblems(findings),
    ...troubles(findings),
    ...lackings(findings),
    ...redisProblems(findings),
  ];
  return all.filter(
    ({ reason, message }, at) =>
      all.findIndex((other) => other.reason === reason && other.message === message) === at,
  );
}

function foreignProblems({ foreign, cluster }: Findings): Problem[] {
  const { namespace } = cluster.metadata;
  return foreign.map(({ kind, name }) => ({
    reason: 'ForeignObject',
    message:
      `${kind} ${name} exists and does not belong to this WsCluster, which leaves it alone and ` +
      `waits: remove it (kubectl -n ${namespace} delete ${kind.toLowerCase()} ${name}), or give ` +
      'the WsCluster another name',
  }));
}

const refusedProblems = ({ refused }: Findings): Problem[] =>
  refused.map(({ kind, name, message }) => ({
    reason: 'ApplyRefused',
    message: `the API server refused ${kind} ${name}: ${message}`,
  }));

const quotaProblems = ({ notCreated }: Findings): Problem[] =>
  notCreated.map((message) =>
    message.includes('exceeded quota')
      ? {
          reason: 'QuotaBlocked',
          message: `${message}: raise the ResourceQuota, or lower spec.replicas or spec.resources`,
        }
      : { reason: 'PodsRefused', message: `pods cannot be made: ${message}` },
  );

const advice: Readonly<Record<TroubleKind, string>> = {
  ImagePullFailed: 'check spec.image and spec.imagePullSecrets, and that nodes reach the registry',
  GatewayCrashes: 'its log says more (kubectl logs --previous)',
  CannotStart: 'its events say more (kubectl describe pod)',
  Unschedulable: 'add nodes, or lower spec.resources, spec.pod and spec.spread',
};

/** One for each kind: what is wrong with one gateway is wrong with its like. */
function troubles({ gateways }: Findings): Problem[] {
  const found = new Map<TroubleKind, Problem>();
  for (const { name, trouble } of gateways.toSorted(byName)) {
    if (trouble === undefined || found.has(trouble.kind)) continue;
    const message = `${name}: ${trouble.message}; ${advice[trouble.kind]}`;
    found.set(trouble.kind, { reason: trouble.kind, message });
  }
  return [...found.values()];
}

/** Files that the operator itself brings; the kubelet takes its time. */
const OURS = new Set(['ring.file', 'admin.keysFile']);

/** What gateways wait for at their start, by what they say themselves. */
function lackings({ cluster, gateways }: Findings): Problem[] {
  const { namespace } = cluster.metadata;
  const all = gateways.filter(({ phase }) => phase !== 'leaving' && phase !== 'over');
  const lacking = all.toSorted(byName).flatMap((gateway) => statusOf(gateway)?.lacking ?? []);
  return lacking.flatMap(({ what, reason }): Problem[] => {
    if (OURS.has(what)) return [];
    if (what === 'redis') return [{ reason: 'RedisUnreachable', message: `${reason}; ${REACH}` }];
    const ref = secretOf(cluster, what);
    if (ref === undefined) return [{ reason: 'CannotStart', message: reason }];
    const { secret, key } = ref;
    const said = `Secret ${secret} is missing, lacks the key ${key}, or holds nothing of use`;
    return [
      {
        reason: 'SecretUnusable',
        message:
          `${said}: kubectl -n ${namespace} get secret ${secret} shows it; gateways take it ` +
          `without a restart, a minute after it is right (${reason})`,
      },
    ];
  });
}

const REACH = 'check that it runs, its URL in spec.redis.urlSecretRef, and network policies';

/** Of gateways that serve: they go on without Redis, and are told so. */
function redisProblems({ gateways }: Findings): Problem[] {
  const streams = gateways.flatMap((gateway) => statusOf(gateway)?.stream ?? []);
  const gone = streams.filter(({ connected }) => !connected).length;
  if (gone === 0) return [];
  const who = gone === streams.length ? 'no' : 'not every';
  return [{ reason: 'RedisUnreachable', message: `${who} gateway reaches Redis; ${REACH}` }];
}

/**
 * What of this Redis weakens what is promised, in words of gateways. No problem: some that are run
 * by others hide what they are, for ever.
 */
export function weaknessesOf(gateways: readonly GatewayView[]): string[] {
  const all = gateways.flatMap((gateway) => statusOf(gateway)?.stream?.unsuitable ?? []);
  return [...new Set(all)].sort();
}
