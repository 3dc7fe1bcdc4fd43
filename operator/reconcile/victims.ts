import type { DrainReason } from './drain-mark.ts';
import type { FleetInput, Group } from './fleet-input.ts';
import { connectionsOf, type GatewayView, statusOf } from './gateways.ts';

/** A gateway that is to be emptied, and why. */
export interface Victim {
  readonly gateway: GatewayView;
  readonly reason: DrainReason;
}

export interface Shrinking {
  readonly victims: readonly Victim[];
  /** By revision: pods that its Deployment was to make, and is not to make any more. */
  readonly unmade: ReadonlyMap<string, number>;
}

export interface ShrinkInput extends FleetInput {
  readonly groups: readonly Group[];
  readonly newcomers: ReadonlySet<string>;
}

/** After its own deadline a gateway has let everybody go; clocks and answers may be late. */
const OVERDUE_MS = 30_000;
/** So long a gateway that stays after all may take until it is ready again. */
const COMING_BACK_MS = 60_000;
/** Of a drain's time this is not for moving clients: the last ones settle. */
export const RESERVE_S = 10;

/** Whether a gateway that is to be emptied is, or will never be. */
export function isEmptied(
  gateway: GatewayView,
  { spec, wallMs }: Pick<FleetInput, 'spec' | 'wallMs'>,
): boolean {
  const { up, mark } = gateway;
  const status = statusOf(gateway);
  if (!up || status?.started === false || status?.edge?.drain === 'empty') return true;
  const since = mark?.since ?? wallMs;
  return wallMs - since >= spec.disruption.drainDeadlineSeconds * 1_000 + OVERDUE_MS;
}

/**
 * Who goes where there are more than there are to be, the oldest revision first: pods that were
 * not even made; those that serve nobody; those that are not ready, once others are; and of the
 * ready ones as many as there are beyond the replicas, and as the budget empties in time.
 */
export function shrink(input: ShrinkInput): Shrinking {
  const oldestFirst = input.groups.toReversed();
  const limits = new Limits(input);
  const unmade = new Map<string, number>();
  const surplus = new Map<Group, number>();
  for (const group of oldestFirst) {
    const { heads, target, live, revision } = group;
    const over = Math.max(0, heads - target);
    const count = limits.unmade(Math.min(over, heads - live.length));
    unmade.set(revision, count);
    surplus.set(group, over - count);
  }
  const victims = requested(oldestFirst, limits);
  const asked = new Set(victims.map(({ gateway }) => gateway));
  for (const state of ['idle', 'unready', 'ready'] as const) {
    for (const group of oldestFirst) {
      const reason = group.isNewest ? 'ScaleDown' : 'Rollout';
      const able = group.live.filter((gateway) => stateOf(gateway, input.wallMs) === state);
      const left = able.filter((gateway) => !asked.has(gateway));
      let over = surplus.get(group) ?? 0;
      while (over > 0 && left.length > 0) {
        const gateway = next(left);
        if (!limits.take(gateway, state)) break;
        left.splice(left.indexOf(gateway), 1);
        victims.push({ gateway, reason });
        over -= 1;
      }
      surplus.set(group, over);
    }
  }
  return { victims, unmade };
}

/** Whoever is asked for goes whether there are too many or not: another one takes its place. */
function requested(groups: readonly Group[], limits: Limits): Victim[] {
  const asked = groups.flatMap(({ live }) => live).filter((gateway) => gateway.requested);
  return asked
    .filter((gateway) => limits.takeAsked(gateway))
    .map((gateway) => ({ gateway, reason: 'Requested' }));
}

/** `idle`: not ready, and serves nobody. */
type State = 'idle' | 'unready' | 'ready';

function stateOf(gateway: GatewayView, wallMs: number): State {
  if (gateway.ready || isComingBack(gateway, wallMs)) return 'ready';
  const serves = gateway.up && statusOf(gateway)?.started !== false;
  return serves && connectionsOf(gateway) !== 0 ? 'unready' : 'idle';
}

/** It was not ready because it was being emptied. */
const isComingBack = ({ up, sparedAt }: GatewayView, wallMs: number): boolean =>
  up && sparedAt !== undefined && wallMs - sparedAt < COMING_BACK_MS;

const isSpared = ({ sparedAt }: GatewayView): boolean => sparedAt !== undefined;

/**
 * None that somebody wanted to stay, if there is another; out of the fullest zone, unless they are
 * as even as they can be; then the one with the fewest clients; of those that are alike the
 * youngest.
 */
function next(gateways: readonly GatewayView[]): GatewayView {
  const counts = new Map<string, number>();
  for (const { zone } of gateways) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  const fewest = Math.min(...counts.values());
  const excess = ({ zone }: GatewayView) => Number((counts.get(zone) ?? 0) - fewest > 1);
  return gateways.reduce((best, one) => {
    const order =
      Number(isSpared(one)) - Number(isSpared(best)) ||
      excess(best) - excess(one) ||
      (connectionsOf(one) ?? 0) - (connectionsOf(best) ?? 0) ||
      best.createdAt - one.createdAt;
    return order < 0 || (order === 0 && one.name < best.name) ? one : best;
  });
}

/** How many may still go. */
class Limits {
  /** Beyond the replicas, ready or not. */
  #spare: number;
  /** Beyond the replicas, of those that can be relied on. */
  #spareReady: number;
  /** New ones that can take the place of one that is not ready. */
  #replacements: number;
  /** Clients that the budget moves before a drain's deadline, beside those that are leaving. */
  #movable: number;
  #isFirst: boolean;
  /** Ready ones that may be missing of the replicas. */
  readonly #unavailable: number;

  constructor({ plan, spec, groups, newcomers, wallMs }: ShrinkInput) {
    const relied = ({ live }: Group) =>
      live.filter(({ ready, uid }) => ready && !newcomers.has(uid)).length;
    const sum = (of: (group: Group) => number) => groups.reduce((all, one) => all + of(one), 0);
    this.#spare = sum(({ heads }) => heads) - plan.replicas;
    this.#spareReady = sum(relied) - plan.replicas;
    this.#replacements = sum((group) => (group.isNewest ? relied(group) : 0));
    const { movesPerSecond, drainDeadlineSeconds, drainGraceSeconds } = spec.disruption;
    const seconds = Math.max(1, drainDeadlineSeconds - drainGraceSeconds - RESERVE_S);
    const leaving = groups
      .flatMap(({ marked }) => marked)
      .filter((gateway) => !isEmptied(gateway, { spec, wallMs }));
    this.#isFirst = leaving.length === 0;
    this.#unavailable = spec.disruption.maxUnavailable;
    this.#movable = movesPerSecond * seconds;
    for (const gateway of leaving) this.#movable -= connectionsOf(gateway) ?? 0;
  }

  /** As many of so many. */
  unmade(count: number): number {
    const some = Math.max(0, Math.min(count, this.#spare));
    this.#spare -= some;
    return some;
  }

  /** As by an eviction, so many may be missing for a while. */
  takeAsked(gateway: GatewayView): boolean {
    const isReady = gateway.ready;
    if (isReady && this.#spareReady + this.#unavailable <= 0) return false;
    if (isReady) this.#spareReady -= 1;
    this.#spare -= 1;
    this.#isFirst = false;
    this.#movable -= connectionsOf(gateway) ?? 0;
    return true;
  }

  take(gateway: GatewayView, state: State): boolean {
    const clients = connectionsOf(gateway) ?? 0;
    // One at a time always: what cannot be emptied in time is hurried, and not left for ever.
    const inTime = this.#isFirst || clients <= this.#movable;
    if (!inTime || this.#spare <= 0 || !this.#allows(state)) return false;
    this.#isFirst = false;
    this.#movable -= clients;
    this.#spare -= 1;
    if (state === 'unready') this.#replacements -= 1;
    if (state === 'ready') this.#spareReady -= 1;
    return true;
  }

  #allows(state: State): boolean {
    if (state === 'idle') return true;
    return state === 'ready' ? this.#spareReady > 0 : this.#replacements > 0;
  }
}
