import { isIPv6 } from 'node:net';
import type { Member } from '../../protocol/ring.ts';
import { PORTS } from './desired/names.ts';
import type { GatewayView } from './gateways.ts';

/** All gateways of a cluster are alike. */
const WEIGHT = 100;
/** One that was ready and is not, for less than this, stays: the ring does not flap with it. */
const PATIENCE_MS = 30_000;

/**
 * The gateways that are to be in the ring: those that are ready and not leaving. One that stops
 * being ready is given a while; one that is deleted goes at once. Whoever was never ready is not
 * in it.
 *
 * @param known Ids of the ring that is.
 * @param wallMs Milliseconds since 1970.
 */
export function membersOf(
  gateways: readonly GatewayView[],
  known: ReadonlySet<string>,
  wallMs: number,
): Member[] {
  return gateways.flatMap(({ name, ip, zone, phase, ready, readySince }) => {
    if (phase !== 'running' || ip === undefined) return [];
    if (!ready && !(known.has(name) && wallMs - readySince < PATIENCE_MS)) return [];
    const address = `${isIPv6(ip) ? `[${ip}]` : ip}:${PORTS.client}`;
    return [{ id: name, weight: WEIGHT, zone, address }];
  });
}
