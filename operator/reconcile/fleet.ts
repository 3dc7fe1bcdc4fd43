import { countOf } from '../api/count-or-share.ts';
import { REVISION_LABEL } from './desired/names.ts';
import type { FleetInput, Group } from './fleet-input.ts';
import { connectionsOf, type GatewayView } from './gateways.ts';
import type { Plan } from './plan.ts';
import { isEmptied, type Shrinking, shrink, type Victim } from './victims.ts';

/** So long gateways that are made together wait for each other, before one owns anything. */
const TOGETHER_MS = 20_000;

/** Who is to be there. */
export interface Fleet {
  /** Of each revision: gateways that are to serve in the end, as far as it may go now. */
  readonly targets: ReadonlyMap<string, number>;
  /** Of each revision: what its Deployment is to have, with those that are not empty yet. */
  readonly replicas: ReadonlyMap<string, number>;
  /** To be emptied from now on. */
  readonly victims: readonly Victim[];
  /** They were to be emptied, and stay after all. */
  readonly recalled: readonly GatewayView[];
  /** Uids of ready ones that are not to be relied on yet, and own nothing until they are. */
  readonly newcomers: ReadonlySet<string>;
}

/**
 * Who comes and who goes: decided anew each time from what is there, so that an operator that
 * starts in the middle goes on with it, and a change of mind is a movement like any other.
 *
 * Each revision has a target: all gateways for the newest, none for the others, unless a partition
 * or a stop leaves some as they were. Revisions below their target grow, in all to `maxSurge` above
 * the replicas, with those counted that are being emptied. Revisions above it shrink: gateways are
 * marked and emptied, and a Deployment loses one when it is empty. Whoever is missed before that is
 * called back.
 */
export function fleetOf(input: FleetInput): Fleet {
  const groups = groupsOf(input);
  const newcomers = newcomersOf(input, groups);
  const shrinking = shrink({ ...input, groups, newcomers });
  let room = roomOf(input, groups);
  const replicas = new Map<string, number>();
  const recalled: GatewayView[] = [];
  for (const group of groups) {
    const { revision, target, heads } = group;
    const back = recallable(group);
    recalled.push(...back);
    const { begun, remaining, empty } = leaversOf(input, { group, shrinking, back });
    const missing = Math.max(0, target - heads - back.length);
    // One more and one less at once would be as many as there are: first goes who is empty.
    const grown = empty > 0 ? 0 : Math.min(missing, room);
    room -= grown;
    const staying = heads + back.length - begun - (shrinking.unmade.get(revision) ?? 0);
    replicas.set(revision, staying + grown + remaining);
  }
  const targets = new Map(groups.map(({ revision, target }) => [revision, target]));
  return { targets, replicas, victims: shrinking.victims, recalled, newcomers };
}

/** Whether gateways of one revision take the place of others: not where that has come to a stop. */
export const isMoving = ({ targets, replicas }: Pick<Fleet, 'targets' | 'replicas'>): boolean =>
  targets.size > 1 && [...targets].some(([revision, count]) => replicas.get(revision) !== count);

/** Gateways of a revision that are to leave, of which some begin only now. */
interface Leavers {
  readonly begun: number;
  /** They are being emptied, or cannot be removed yet. */
  readonly remaining: number;
  /** Their Deployment can have so many less. */
  readonly empty: number;
}

function leaversOf(
  { spec, wallMs }: FleetInput,
  { group, shrinking, back }: { group: Group; shrinking: Shrinking; back: readonly GatewayView[] },
): Leavers {
  const begun = shrinking.victims
    .map(({ gateway }) => gateway)
    .filter(({ revision }) => revision === group.revision);
  const going = [...begun, ...group.marked.filter((gateway) => !back.includes(gateway))];
  const staying = [...back, ...group.live.filter((gateway) => !begun.includes(gateway))];
  const remaining = going.filter(
    (gateway) =>
      !isEmptied(gateway, { spec, wallMs }) || staying.some((one) => isTakenBefore(one, gateway)),
  ).length;
  return { begun: begun.length, remaining, empty: going.length - remaining };
}

/**
 * Whether a Deployment that is to have one less would take this one away first, whichever is
 * marked: the marks are the last that Kubernetes looks at.
 */
function isTakenBefore(one: GatewayView, other: GatewayView): boolean {
  if (one.pending !== other.pending) return one.pending;
  return !one.ready && other.ready;
}

/** Who was asked for and is not any more; of the others, those that are missed and have most. */
function recallable({ marked, heads, target }: Group): GatewayView[] {
  const spared = marked.filter((one) => one.mark?.reason === 'Requested' && !one.requested);
  const others = marked
    .filter((gateway) => !gateway.requested && !spared.includes(gateway))
    .toSorted((a, b) => (connectionsOf(b) ?? 0) - (connectionsOf(a) ?? 0));
  return [...spared, ...others.slice(0, Math.max(0, target - heads - spared.length))];
}

/** The newest first, then what a partition leaves. */
function groupsOf(input: FleetInput): Group[] {
  const { plan, gateways, deployments } = input;
  const revisions = deployments.map(({ metadata }) => metadata.labels?.[REVISION_LABEL] ?? '');
  const found = [...new Set([plan.revision, ...revisions])].map((revision) => {
    const own = gateways.filter((one) => one.revision === revision && one.phase !== 'over');
    const staying = own.filter(({ endsBy }) => endsBy === undefined);
    const live = staying.filter(({ mark }) => mark === undefined);
    const marked = staying.filter(({ mark }) => mark !== undefined);
    const asked = deployments
      .filter(({ metadata }) => metadata.labels?.[REVISION_LABEL] === revision)
      .reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0);
    const heads = Math.max(live.length, asked - marked.length);
    return { revision, isNewest: revision === plan.revision, live, marked, heads };
  });
  const targets = targetsOf(input, found);
  return found
    .map((group) => ({ ...group, target: targets.get(group.revision) ?? 0 }))
    .sort((a, b) => Number(b.isNewest) - Number(a.isNewest) || b.target - a.target);
}

type Found = Omit<Group, 'target'>;

function targetsOf({ plan, spec, stopped }: FleetInput, groups: readonly Found[]) {
  const { replicas, revision, stable } = plan;
  const newest = groups.find(({ isNewest }) => isNewest)?.heads ?? 0;
  const kept = (group: Found) => group.heads + (stopped === 'failing' ? sparableOf(group) : 0);
  const keeper = groups
    .filter((group) => !group.isNewest && kept(group) > 0)
    .sort(
      (a, b) => Number(b.revision === stable) - Number(a.revision === stable) || kept(b) - kept(a),
    )[0];
  if (keeper === undefined || replicas === 0) return new Map([[revision, replicas]]);
  if (stopped !== undefined) {
    const old = Math.max(Math.min(kept(keeper), replicas), replicas - newest);
    const begun = Math.min(newest, replicas + surgeOf(plan, spec) - old);
    return new Map([
      [revision, begun],
      [keeper.revision, old],
    ]);
  }
  const old = Math.min(replicas, countOf(spec.rollout.partition, replicas));
  return new Map([
    [revision, replicas - old],
    [keeper.revision, old],
  ]);
}

/** Those that are being emptied for a revision that works badly: they are called back. */
const sparableOf = ({ marked }: Found): number =>
  marked.filter(({ requested }) => !requested).length;

const surgeOf = ({ replicas }: Plan, { rollout }: FleetInput['spec']): number =>
  Math.max(1, countOf(rollout.maxSurge, replicas));

/** How many more there may be. Whoever is missing of the replicas may come in any case. */
function roomOf({ plan, spec }: FleetInput, groups: readonly Group[]): number {
  const heads = groups.reduce((sum, group) => sum + group.heads, 0);
  const marked = groups.reduce((sum, group) => sum + group.marked.length, 0);
  const surge = plan.replicas + surgeOf(plan, spec) - heads - marked;
  return Math.max(0, surge, plan.replicas - heads);
}

/**
 * New gateways that have not been ready for long enough. In a rollout an old one goes for each;
 * else they wait for those that come with them: nobody is to be moved to one, and on to another.
 */
function newcomersOf({ spec, wallMs }: FleetInput, groups: readonly Group[]): Set<string> {
  const isRollout = groups.some(({ isNewest, heads }) => !isNewest && heads > 0);
  const newest = groups.filter(({ isNewest }) => isNewest).flatMap(({ live }) => live);
  const coming = newest.some(({ ready, createdAt }) => !ready && wallMs - createdAt < TOGETHER_MS);
  const alone = coming ? TOGETHER_MS : 0;
  const enoughMs = isRollout ? spec.rollout.minReadySeconds * 1_000 : alone;
  const young = newest.filter(({ ready, readySince }) => ready && wallMs - readySince < enoughMs);
  return new Set(young.map(({ uid }) => uid));
}
