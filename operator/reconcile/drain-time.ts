import { connectionsOf } from './gateways.ts';
import { rounded } from './rounded.ts';
import { type Finding, finding, type Situation } from './situation.ts';
import { RESERVE_S } from './victims.ts';

/** The cluster autoscaler's `--max-graceful-termination-sec`, by default. */
const NODE_DRAIN_S = 600;

/**
 * Whether the budget empties one gateway in the time that a drain has, and that a node has which is
 * to be removed: by the clients that it aims at, or else has.
 */
export function drainTooSlow({ cluster, gateways }: Situation): Finding {
  const { autoscaling, disruption } = cluster.spec;
  const { movesPerSecond, drainDeadlineSeconds, drainGraceSeconds } = disruption;
  const most = Math.max(0, ...gateways.map((gateway) => connectionsOf(gateway) ?? 0));
  const clients = autoscaling?.targetConnectionsPerPod ?? rounded(most);
  const needs = Math.ceil(clients / movesPerSecond);
  const has = drainDeadlineSeconds - drainGraceSeconds - RESERVE_S;
  const said = `${clients} clients of a gateway take ${needs} s at ${movesPerSecond} per second`;
  if (needs > has) {
    return finding('DrainTooSlow', 'True', [
      'BudgetTooSmall',
      `${said}, and a drain has ${Math.max(0, has)} s for them: raise disruption.movesPerSecond ` +
        'or disruption.drainDeadlineSeconds, or have fewer clients on a gateway; else they are ' +
        'moved faster than the budget allows',
    ]);
  }
  if (needs + drainGraceSeconds > NODE_DRAIN_S) {
    return finding('DrainTooSlow', 'True', [
      'SlowerThanNodes',
      `${said}; the cluster autoscaler ends pods of a node that it removes after ${NODE_DRAIN_S} ` +
        's, unless its --max-graceful-termination-sec says otherwise',
    ]);
  }
  return finding('DrainTooSlow', 'False', ['FastEnough', 'the budget empties a gateway in time']);
}
