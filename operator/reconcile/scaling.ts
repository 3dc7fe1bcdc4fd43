import type { V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import type { WsCluster, WsClusterStatus } from '../api/wscluster.ts';
import type { Happening } from '../kube/event-recorder.ts';
import type { KubeObject, Raw } from '../kube/objects.ts';
import { conditionIn } from './condition.ts';
import { timeOf } from './times.ts';

/** Whether autoscalers of Kubernetes get numbers from this operator. */
export type MetricsState =
  | { readonly kind: 'off' }
  | { readonly kind: 'served' }
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'foreign'; readonly owner: string }
  | { readonly kind: 'left' }
  | { readonly kind: 'pending'; readonly message: string };

/** What is, as far as it is about the number of gateways. */
export interface Scaling {
  readonly cluster: WsCluster;
  /** Gateways that are held, whatever is asked for. */
  readonly held: number;
  /** The HorizontalPodAutoscaler of the cluster, if there is one. */
  readonly autoscaler: KubeObject | undefined;
  readonly metrics: MetricsState;
}

type Said = readonly [
  status: 'True' | 'False' | 'Unknown',
  about: readonly [reason: string, message: string],
];
type Autoscaler = KubeObject & Raw<Pick<V2HorizontalPodAutoscaler, 'spec' | 'status'>>;

const RECIPES = 'docs/autoscaling.md';
/** Messages of others stand in ours; nobody reads a page of one. */
const MESSAGE = 1_000;
const CONNECTIONS = 'wscluster_connections';

/** Condition `ScalingActive`. */
export function scalingActive({ cluster, held, autoscaler }: Scaling): Said {
  const { autoscaling, replicas } = cluster.spec;
  if (autoscaling === undefined) return ['False', ['NotWanted', 'spec.autoscaling is not set']];
  const { mode, minReplicas, maxReplicas } = autoscaling;
  const bounds = `replicas are held between ${minReplicas} and ${maxReplicas}`;
  const asked = replicas === held ? '' : `; ${replicas} are asked for, ${held} held`;
  if (mode === 'None') return ['False', ['NotWanted', `nobody sets replicas; ${bounds}${asked}`]];
  if (mode === 'External') {
    return ['Unknown', ['External', `an autoscaler of yours sets replicas; ${bounds}${asked}`]];
  }
  const able = conditionOf(autoscaler, 'AbleToScale');
  const active = conditionOf(autoscaler, 'ScalingActive');
  const said = able?.status === 'False' ? able : active;
  if (said === undefined) {
    return ['Unknown', ['NotYet', `the HorizontalPodAutoscaler has not looked yet; ${bounds}`]];
  }
  const status = said.status === 'True' ? 'True' : 'False';
  return [status, [said.reason ?? 'NoReason', `${short(said.message)}${asked}`]];
}

/** Condition `MetricsAvailable`. */
export function metricsAvailable({ cluster, autoscaler, metrics }: Scaling): Said {
  const { mode } = cluster.spec.autoscaling ?? {};
  if (mode !== 'HPA') return ['Unknown', ['NotNeeded', 'no HorizontalPodAutoscaler is made']];
  const active = conditionOf(autoscaler, 'ScalingActive');
  const fails = active?.reason === 'FailedGetExternalMetric' ? short(active.message) : undefined;
  if (metrics.kind === 'served') {
    if (fails !== undefined) return ['False', ['NoNumber', fails]];
    return ['True', ['Served', 'this operator serves metrics to autoscalers']];
  }
  if (fails === undefined && reads(autoscaler)) {
    return ['True', ['ServedByOthers', `another adapter serves ${CONNECTIONS}`]];
  }
  return notServed(metrics);
}

function notServed(metrics: Exclude<MetricsState, { kind: 'served' }>): Said {
  const replicas = 'replicas stay as they are';
  switch (metrics.kind) {
    case 'off':
      return [
        'False',
        [
          'NotServed',
          `${replicas}: this operator serves no metrics; the chart’s metricsApi.enabled turns ` +
            `that on, and ${RECIPES} says how other adapters do it`,
        ],
      ];
    case 'foreign':
      return [
        'False',
        [
          'OwnedByOthers',
          `${replicas}: ${metrics.owner} serves External metrics in this cluster, is left alone, ` +
            `and does not say ${CONNECTIONS}; ${RECIPES} says how it can, or do without`,
        ],
      ];
    case 'left':
      return [
        'False',
        [
          'NotTaken',
          `${replicas}: who served External metrics is gone, and may come back; to serve them ` +
            'instead, restart the operator',
        ],
      ];
    case 'unavailable':
      return ['False', ['Unavailable', `${replicas}: ${short(metrics.message)}`]];
    case 'pending':
      return ['Unknown', ['Pending', short(metrics.message)]];
  }
}

function conditionOf(autoscaler: KubeObject | undefined, type: string) {
  const { conditions } = (autoscaler as Autoscaler | undefined)?.status ?? {};
  return conditions?.find((condition) => condition.type === type);
}

/** Whether it has the number, wherever it is from. */
function reads(autoscaler: KubeObject | undefined): boolean {
  const { currentMetrics } = (autoscaler as Autoscaler | undefined)?.status ?? {};
  return (currentMetrics ?? []).some(
    ({ external }) =>
      external?.metric.name === CONNECTIONS && external.current.averageValue !== undefined,
  );
}

const short = (message = 'no reason given'): string =>
  message.length <= MESSAGE ? message : `${message.slice(0, MESSAGE)}…`;

/** Who wrote `spec.replicas`, as `managedFields` has it. */
export interface ReplicasOwner {
  readonly manager: string;
  /** Undefined by way of the scale: the API server writes none there. */
  readonly time: string | undefined;
}

/** What is kept of `managedFields`, which are often half of an object. */
export function withReplicasOwners<T extends KubeObject>(object: T): T {
  const { managedFields, ...metadata } = object.metadata as T['metadata'] & {
    readonly managedFields?: readonly ManagedFields[];
  };
  const owners = (managedFields ?? []).flatMap(({ manager = '', time, fieldsV1 }) =>
    fieldsV1?.['f:spec']?.['f:replicas'] === undefined ? [] : [{ manager, time }],
  );
  return { ...object, metadata: { ...metadata, replicasOwners: owners } };
}

interface ManagedFields {
  readonly manager?: string;
  readonly time?: string;
  readonly fieldsV1?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
}

/** As Kubernetes’ own autoscaler, and that of some clouds, writes. */
const AUTOSCALERS = /controller-manager|pod-autoscaler|^hpa/;

/** Who but the autoscaler set `spec.replicas` last, since there is one. */
function intruder({ cluster, autoscaler }: Scaling): string | undefined {
  const owners: readonly ReplicasOwner[] = cluster.metadata.replicasOwners ?? [];
  const { creationTimestamp } = (autoscaler?.metadata ?? {}) as { creationTimestamp?: string };
  if (creationTimestamp === undefined) return undefined;
  // Who writes another value is its only owner then.
  if (owners.some(({ manager }) => AUTOSCALERS.test(manager))) return undefined;
  const since = (time: string) => timeOf(time) > timeOf(creationTimestamp);
  return owners.find(({ time }) => time === undefined || since(time))?.manager;
}

const ACTION = 'Scale';

/** What is to be said of the number of gateways, as Events. `was`: the status before. */
export function scalingHappenings(
  scaling: Scaling,
  was: WsClusterStatus | undefined,
  is: WsClusterStatus,
): Happening[] {
  const happenings: Happening[] = [];
  if (scaling.cluster.spec.autoscaling?.mode !== 'HPA') return happenings;
  const who = intruder(scaling);
  if (who !== undefined && was?.observedGeneration !== is.observedGeneration) {
    const { replicas } = scaling.cluster.spec;
    happenings.push({
      ...{ type: 'Warning', reason: 'ReplicasOwnedByAutoscaler', action: ACTION },
      note:
        `${who} set spec.replicas to ${replicas}, which a HorizontalPodAutoscaler sets: it will ` +
        'do so again. spec.autoscaling.minReplicas holds more; mode None leaves it to you',
    });
  }
  for (const type of ['MetricsAvailable', 'ScalingActive'] as const) {
    const [before, now] = [conditionIn(was, type), conditionIn(is, type)];
    if (now?.status !== 'False' || before?.reason === now.reason) continue;
    happenings.push({ type: 'Warning', reason: now.reason, action: ACTION, note: now.message });
  }
  return happenings;
}
