import type { WsClusterSpec } from '../api/wscluster.ts';
import type { Happening } from '../kube/event-recorder.ts';
import type { DrainReason } from './drain-mark.ts';
import { connectionsOf, type GatewayView } from './gateways.ts';

const ACTION = 'Reconcile';

/** Why a gateway is emptied, for people. */
export const whyEmptied: Readonly<Record<DrainReason, string>> = {
  ScaleDown: 'fewer gateways are wanted',
  Rollout: 'one of the new revision takes its place',
  Requested: 'somebody asked for it',
};

/** What is to be said, as Events, of gateways that are to be emptied since, or not any more. */
export function movementsSaid(
  before: readonly GatewayView[],
  after: readonly GatewayView[],
  { disruption }: Pick<WsClusterSpec, 'disruption'>,
): Happening[] {
  return after.flatMap((gateway, place): Happening[] => {
    const { name, mark } = gateway;
    const was = before[place]?.mark;
    if (mark !== undefined && was === undefined) {
      const clients = connectionsOf(gateway);
      const count = clients === undefined ? '' : ` of ${clients} clients`;
      const { movesPerSecond, drainDeadlineSeconds } = disruption;
      const note =
        `${name} is emptied${count}, as ${whyEmptied[mark.reason]}: at ${movesPerSecond} per ` +
        `second in all, within ${drainDeadlineSeconds} s`;
      return [{ type: 'Normal', reason: 'Emptying', action: ACTION, note }];
    }
    if (mark === undefined && was !== undefined) {
      const note = `${name} stays after all, with the clients that it has left`;
      return [{ type: 'Normal', reason: 'CalledBack', action: ACTION, note }];
    }
    return [];
  });
}
