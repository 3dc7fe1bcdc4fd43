import { isIPv6 } from 'node:net';
import type { Member } from '../../protocol/ring.ts';
import { PORTS } from './desired/names.ts';
import type { GatewayView } from './gateways.ts';

/** All gateways of a cluster are alike. */
const WEIGHT = 100;
/** One that was ready and is not, for less than this, stays: the ring does not flap with it. */
const PATIENCE_MS = 30_000;

export interface Looked {
  /** Ids of the ring that is. */
  readonly known: ReadonlySet<string>;
  /** Uids of those that are not to be relied on yet. */
  readonly newcomers: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

/**
 * The gateways that are to be in the ring: those that are ready and not leaving. One that stops
 * being ready is given a while; one that is deleted goes at once. Whoever was never ready is not
 * in it; nor, unless it is the first ring, a newcomer: in a rollout it comes in as an old one goes,
 * and gets what that one had; else it comes with its like. So nobody is moved twice.
 */
export function membersOf(gateways: readonly GatewayView[], looked: Looked): Member[] {
  const { known, newcomers, wallMs } = looked;
  return gateways.flatMap(({ name, uid, ip, zone, phase, ready, readySince }) => {
    if (phase !== 'running' || ip === undefined) return [];
    if (newcomers.has(uid) && !known.has(name) && known.size > 0) return [];
    if (!ready && !(known.has(name) && wallMs - readySince < PATIENCE_MS)) return [];
    const address = `${isIPv6(ip) ? `[${ip}]` : ip}:${PORTS.client}`;
    return [{ id: name, weight: WEIGHT, zone, address }];
  });
}
