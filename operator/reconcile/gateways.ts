import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import { z } from 'zod';
import type { GatewayPod, GatewayStatus } from '../gateways/gateway-client.ts';
import type { GatewayReport } from '../gateways/gateway-reports.ts';
import type { Raw } from '../kube/objects.ts';
import { DRAIN_CANCELLED, DRAIN_REQUESTED, PORTS, REVISION_LABEL } from './desired/names.ts';
import type { DrainMark } from './drain-mark.ts';
import { timeOf } from './times.ts';

export type Pod = Raw<V1Pod>;

/** A pod, as far as it matters. */
export interface GatewayView {
  readonly name: string;
  readonly uid: string;
  readonly revision: string;
  readonly ip: string | undefined;
  readonly zone: string;
  readonly createdAt: number;
  /**
   * `waiting`: its program does not run, or not yet. `leaving`: it was told to drain, or is being
   * deleted. `over`: it ended, and will not come back.
   */
  readonly phase: 'waiting' | 'running' | 'leaving' | 'over';
  /** Its program runs, and can be asked. */
  readonly up: boolean;
  /** It has no node, or waits there for what it is made of. */
  readonly pending: boolean;
  readonly ready: boolean;
  /** When `ready` became what it is; milliseconds since 1970. */
  readonly readySince: number;
  /** The operator is to empty it; it may not know of it yet. */
  readonly mark: DrainMark | undefined;
  /** Somebody asked for it to be emptied. */
  readonly requested: boolean;
  /** When it was asked for no more, ms since 1970: of those that are too many it is the last. */
  readonly sparedAt: number | undefined;
  /** When Kubernetes will have ended it at the latest, ms since 1970; undefined: it stays. */
  readonly endsBy: number | undefined;
  /** Why it waits; undefined: it is on its way. */
  readonly trouble: Trouble | undefined;
  readonly report: GatewayReport | undefined;
}

export type TroubleKind = 'ImagePullFailed' | 'GatewayCrashes' | 'CannotStart' | 'Unschedulable';

export interface Trouble {
  readonly kind: TroubleKind;
  /** As Kubernetes says it. */
  readonly message: string;
}

const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface GatewayFacts {
  readonly report?: GatewayReport | undefined;
  readonly mark?: DrainMark | undefined;
}

export function gatewayOf(pod: Pod, { report, mark }: GatewayFacts = {}): GatewayView {
  const { metadata = {}, status = {} } = pod;
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  const created = timeOf(metadata.creationTimestamp);
  return {
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    revision: metadata.labels?.[REVISION_LABEL] ?? '',
    ip: status.podIP,
    // Kubernetes copies it from the node.
    zone: metadata.labels?.[ZONE_LABEL] ?? '',
    createdAt: created,
    phase: phaseOf(pod, { report, mark }),
    up: adminPortOf(pod) !== undefined,
    pending: status.phase === undefined || status.phase === 'Pending',
    ready: ready?.status === 'True',
    readySince:
      ready?.lastTransitionTime === undefined ? created : timeOf(ready.lastTransitionTime),
    mark,
    requested: metadata.annotations?.[DRAIN_REQUESTED] !== undefined,
    sparedAt: sparedAtOf(pod),
    endsBy:
      metadata.deletionTimestamp === undefined ? undefined : timeOf(metadata.deletionTimestamp),
    trouble: troubleOf(pod),
    report,
  };
}

/** Whoever wrote another text there wanted it to stay all the same. */
function sparedAtOf({ metadata }: Pod): number | undefined {
  const said = metadata?.annotations?.[DRAIN_CANCELLED];
  return said === undefined ? undefined : timeOf(said);
}

/** Its admin port; undefined where nobody would answer. */
export function adminPortOf({ metadata, status = {} }: Pod): GatewayPod | undefined {
  const { podIP: ip, phase, containerStatuses } = status;
  const isUp = phase === 'Running' && containerStatuses?.[0]?.state?.running !== undefined;
  if (!isUp || ip === undefined || metadata?.uid === undefined) return undefined;
  return { uid: metadata.uid, ip, adminPort: PORTS.admin };
}

function phaseOf(pod: Pod, { report, mark }: GatewayFacts): GatewayView['phase'] {
  const { metadata = {}, status = {} } = pod;
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return 'over';
  if (metadata.deletionTimestamp !== undefined) return 'leaving';
  if (mark !== undefined) return 'leaving';
  const said = report !== undefined && 'status' in report ? report.status.edge?.drain : undefined;
  if (said !== undefined && said !== 'serving') return 'leaving';
  return adminPortOf(pod) === undefined ? 'waiting' : 'running';
}

const PULLS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
]);
const REFUSALS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

function troubleOf({ status = {} }: Pod): Trouble | undefined {
  const container = status.containerStatuses?.[0];
  const { reason = '', message = '' } = container?.state?.waiting ?? {};
  if (PULLS.has(reason)) return { kind: 'ImagePullFailed', message: message || reason };
  if (reason === 'CrashLoopBackOff' || isBetweenCrashes(container)) {
    const last = container?.state?.terminated ?? container?.lastState?.terminated;
    return {
      kind: 'GatewayCrashes',
      message: lastWords(last?.message) ?? `exit code ${last?.exitCode ?? 'unknown'}`,
    };
  }
  if (REFUSALS.has(reason)) return { kind: 'CannotStart', message: message || reason };
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    return { kind: 'Unschedulable', message: scheduled.message ?? 'no node takes it' };
  }
  return undefined;
}

/** One that ends again and again runs now and then: nothing is right before it is ready. */
const CRASHES = 2;

function isBetweenCrashes(container: Raw<V1ContainerStatus> | undefined): boolean {
  const { ready = false, restartCount = 0, lastState, state } = container ?? {};
  const last = state?.terminated ?? lastState?.terminated;
  return !ready && restartCount >= CRASHES && last !== undefined && last.exitCode !== 0;
}

/** Of a line of the log, what is the same at each crash: it becomes a condition, and an Event. */
function lastWords(message: string | undefined): string | undefined {
  const line = message?.trim().split('\n').at(-1)?.trim() ?? '';
  const said = saidIn(line) ?? line.replace(TIME, '');
  return said === '' ? undefined : said;
}

const TIME = /^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?\]?\s*/;
const logLine = z.object({
  msg: z.string(),
  err: z.object({ message: z.string() }).optional(),
});

/** Gateways log JSON. */
function saidIn(line: string): string | undefined {
  try {
    const { msg, err } = logLine.parse(JSON.parse(line));
    return err === undefined ? msg : `${msg}: ${err.message}`;
  } catch {
    return undefined;
  }
}

export const statusOf = ({ report }: GatewayView): GatewayStatus | undefined =>
  report !== undefined && 'status' in report ? report.status : undefined;

/** Whether Kubernetes ends it and it empties itself; not one of a lost node, which is overdue. */
export const isEnding = ({ endsBy }: GatewayView, wallMs: number): boolean =>
  endsBy !== undefined && wallMs < endsBy;

/** For lists that people read. */
export const byName = (a: GatewayView, b: GatewayView): number => (a.name < b.name ? -1 : 1);

/** Clients that it has; undefined while it does not say. */
export const connectionsOf = (gateway: GatewayView): number | undefined =>
  statusOf(gateway)?.edge?.connections;
