import type { OperatorInformers } from './informers.ts';
import type { MeteredCluster, MeteredPod } from './metrics-api/cluster-loads.ts';
import { type ObservedPod, observe } from './reconcile/copies.ts';
import { adminPortOf, gatewayOf } from './reconcile/gateways.ts';
import { timeOf } from './reconcile/times.ts';

/** Of the taint manager, and of who collects the pods of nodes that are gone. */
const GIVEN_UP = new Set(['DeletionByTaintManager', 'DeletionByPodGC']);

/** Gateways of a WsCluster in whose load autoscalers are interested; undefined: there is none. */
export function meteredClusterOf(
  { copies, ageMs }: Pick<OperatorInformers, 'copies' | 'ageMs'>,
  key: string,
  wallMs: number,
): MeteredCluster | undefined {
  const cluster = copies.clusters.get(key);
  if (cluster === undefined) return undefined;
  const { pods } = observe(copies, cluster);
  return { ageMs, pods: pods.flatMap((pod) => meteredPodOf(pod, wallMs) ?? []) };
}

/** Undefined: nobody can be connected to it. */
function meteredPodOf(pod: ObservedPod, wallMs: number): MeteredPod | undefined {
  const port = adminPortOf(pod);
  // Until it has answered once, nobody is led to it.
  if (port === undefined || pod.status?.containerStatuses?.[0]?.started === false) return undefined;
  const { name, phase, ready } = gatewayOf(pod);
  const serves = phase === 'running' && ready;
  return { ...port, name, serves, lost: isLost(pod, wallMs) };
}

/** Its node does not answer, or it should have ended by now. */
function isLost({ metadata, status }: ObservedPod, wallMs: number): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  // That is when its grace period ends.
  if (timeOf(metadata.deletionTimestamp) < wallMs) return true;
  return (status?.conditions ?? []).some(
    ({ type, status: holds, reason = '' }) =>
      type === 'DisruptionTarget' && holds === 'True' && GIVEN_UP.has(reason),
  );
}
