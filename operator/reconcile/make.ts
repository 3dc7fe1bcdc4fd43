import type { WsCluster } from '../api/wscluster.ts';
import type { Applier } from '../kube/applier.ts';
import type { ApiServer } from '../kube/connection.ts';
import { KubeError } from '../kube/kube-error.ts';
import { isKubeObject } from '../kube/objects.ts';
import { remove } from '../kube/remove.ts';
import type { Child } from './children.ts';
import { type Copies, isLeftOver, isMadeFor } from './copies.ts';
import type { Findings, ObjectName } from './problems.ts';
import { childKinds } from './resources.ts';

export interface MakeOptions {
  readonly copies: Copies;
  readonly applier: Pick<Applier, 'apply'>;
  /** Deletes what is not to be. */
  readonly api: ApiServer;
}

export interface ToMake {
  readonly cluster: WsCluster;
  readonly children: readonly Child[];
}

/** What could not be made, and why. */
export interface Made extends Pick<Findings, 'foreign'> {
  readonly refused: readonly (ObjectName & { readonly error: KubeError })[];
  /** Objects of a former WsCluster of the name, which go by themselves. */
  readonly leftOver: readonly ObjectName[];
}

/**
 * Makes each what it is to be, one after the other. What is refused, or stands in the way, keeps
 * only those waiting that are made of it. Throws a `KubeError` for all that may be over soon.
 */
export async function make(
  options: MakeOptions,
  { cluster, children }: ToMake,
  signal: AbortSignal,
): Promise<Made> {
  const foreign: ObjectName[] = [];
  const leftOver: ObjectName[] = [];
  const refused: (ObjectName & { readonly error: KubeError })[] = [];
  let canHavePods = true;
  for (const child of children) {
    if (child.kind === 'deployments' && !canHavePods) continue;
    const about = { kind: childKinds[child.kind].kind, name: child.name };
    const result = await makeOne({ ...options, cluster, signal }, child);
    if (result === 'made') continue;
    if (result === 'foreign') foreign.push(about);
    else if (result === 'left over') leftOver.push(about);
    else refused.push({ ...about, error: result });
    if (child.neededByPods) canHavePods = false;
  }
  return { foreign, leftOver, refused };
}

interface Making extends MakeOptions {
  readonly cluster: WsCluster;
  readonly signal: AbortSignal;
}

type Result = 'made' | 'foreign' | 'left over' | KubeError;

async function makeOne(
  { copies, applier, api, cluster, signal }: Making,
  { kind, name, desired, asObserved = false }: Child,
): Promise<Result> {
  const reader = copies.children[kind];
  // Where a kind is not known, nobody can want one.
  if (reader === undefined) return 'made';
  const resource = childKinds[kind];
  const isOurs = isMadeFor(cluster);
  const observed = reader.get(`${cluster.metadata.namespace}/${name}`);
  try {
    if (desired === undefined) {
      if (observed !== undefined && isOurs(observed)) {
        await remove(api, { resource, object: observed, signal });
      }
      return 'made';
    }
    if (!isKubeObject(desired)) throw new TypeError(`${kind} ${name} has no metadata`);
    const application = { resource, desired, observed, isOurs, asObserved, signal };
    const { outcome, object } = await applier.apply(application);
    if (outcome !== 'foreign') return 'made';
    return isLeftOver(cluster, object) ? 'left over' : 'foreign';
  } catch (error) {
    if (error instanceof KubeError && isRefusal(error)) return error;
    throw error;
  }
}

/** By admission, quota, roles or validation: it says what, and others need not wait. */
const isRefusal = ({ status }: KubeError): boolean =>
  status === 403 || status === 422 || status === 400;
