import { SHARDS } from '../../protocol/ring.ts';
import { conditionIn } from './condition.ts';
import { byName, type GatewayView, statusOf } from './gateways.ts';
import { type Finding, finding, type Situation } from './situation.ts';
import { timeOf } from './times.ts';

/**
 * Over its share. A gateway takes half as many clients again as are aimed at: one that has more
 * than that turns clients away before an autoscaler, who sees the average, adds another.
 */
const FAR = 1.5;
/** Said once, it holds until it is clearly less. */
const RELEASE = 1.25;
/** Of clients, chance makes no even numbers; so few more harm nobody. */
const FEW = 100;
/** After the clients could be moved at the budget: it is not said of what passes. */
const PATIENCE_MS = 300_000;

const SETTLING = 'Settling';
const UNBALANCED = 'Unbalanced';

/** A gateway that owns, or has, far more than its share. */
interface Excess {
  readonly name: string;
  readonly of: 'shards' | 'clients';
  /** Clients above the share. */
  readonly clients: number;
}

/**
 * Whether some gateway owns, or has, far more than its share, for longer than it takes to even that
 * out after gateways came or went. Until then it is not known whether it stays so, and the
 * condition says since when.
 */
export function ringBalanced(situation: Situation): Finding {
  const { cluster, gateways, ring } = situation;
  if (ring === undefined) {
    return finding('RingBalanced', 'Unknown', ['NoRing', 'no gateway was ready yet']);
  }
  const told = gateways.filter((one) => one.phase === 'running' && one.ready && isTold(one));
  if (told.length === 0) {
    return finding('RingBalanced', 'Unknown', ['NotTold', 'no gateway could say']);
  }
  const before = conditionIn(cluster.status, 'RingBalanced');
  const isHeld = before?.reason === SETTLING || before?.reason === UNBALANCED;
  const [most] = excesses(told, isHeld ? RELEASE : FAR);
  if (most === undefined) return finding('RingBalanced', 'True', BALANCED);
  const since = Math.max(changedAt(situation), isHeld ? timeOf(before.lastTransitionTime) : NOW);
  const moveMs = (most.clients / cluster.spec.disruption.movesPerSecond) * 1_000;
  const isLasting = situation.wallMs - since >= PATIENCE_MS + moveMs;
  if (before?.reason === UNBALANCED || isLasting) {
    return finding('RingBalanced', 'False', [UNBALANCED, saidOf(most, situation)]);
  }
  return finding('RingBalanced', 'Unknown', [SETTLING, EVENING]);
}

const BALANCED = ['Balanced', 'no gateway has far more than its share'] as const;
const EVENING =
  'a gateway has far more than its share, as when others have just come: whether that evens out ' +
  'is not known yet';
const NOW = Number.POSITIVE_INFINITY;

const isTold = (gateway: GatewayView): boolean => statusOf(gateway)?.edge !== undefined;

/** The worst first; of those alike, always the same. */
function excesses(told: readonly GatewayView[], bound: number): Excess[] {
  const clientsOf = (gateway: GatewayView) => statusOf(gateway)?.edge?.connections ?? 0;
  const share = told.reduce((sum, one) => sum + clientsOf(one), 0) / told.length;
  const found = told.toSorted(byName).flatMap((gateway): Excess[] => {
    const { owned = 0, members = 0 } = statusOf(gateway)?.ring ?? {};
    const clients = clientsOf(gateway) - share;
    const { name } = gateway;
    if (owned > (bound * SHARDS) / Math.max(1, members)) return [{ name, of: 'shards', clients }];
    const isFar = clientsOf(gateway) > bound * share && clients >= FEW;
    return isFar ? [{ name, of: 'clients', clients }] : [];
  });
  return found.sort((a, b) => b.clients - a.clients);
}

/** When one last came, or was not ready; one that leaves changes it all the time. */
function changedAt({ gateways, wallMs }: Situation): number {
  if (gateways.some(({ phase }) => phase === 'leaving')) return wallMs;
  return Math.max(...gateways.flatMap(({ createdAt, readySince }) => [createdAt, readySince]));
}

/** Who is worst may change at each look: what was said stays while there is one of that name. */
function saidOf({ name, of }: Excess, { cluster, gateways }: Situation): string {
  const before = conditionIn(cluster.status, 'RingBalanced');
  const isSame = gateways.some((one) => before?.message.startsWith(`${one.name} `));
  if (before?.reason === UNBALANCED && isSame) return before.message;
  if (of === 'shards') {
    return `${name} owns far more than its share of the ring: does RingSynced say why?`;
  }
  return `${name} has far more clients than its share, and keeps them: ${advice(cluster.spec)}`;
}

function advice({ placement }: Situation['cluster']['spec']): string {
  if (placement.mode === 'Any') {
    return (
      'placement.mode is Any, so that each stays where a load balancer put it; with Redirect or ' +
      'Proxy they are moved'
    );
  }
  return (
    `do very many have one value of placement.key (${placement.key}), such as one room or one ` +
    'tenant? Those that can neither move nor be passed on stay where a load balancer put them'
  );
}
