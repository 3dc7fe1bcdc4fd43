import { DRAIN_REQUESTED } from '../../operator/reconcile/desired/names.ts';
import type { GatewayView } from '../../operator/reconcile/gateways.ts';
import { pods } from '../../operator/reconcile/resources.ts';
import { timeText } from '../../operator/reconcile/times.ts';
import { type Command, type Desk, say, typed } from '../command.ts';
import { Complaint } from '../complaint.ts';
import { gatewaysOf } from '../gateways.ts';
import { change, clusterOf, gatewayPodOf, nameIn } from '../lookup.ts';
import { type Emptying, emptyingOf, progressOf } from './emptying.ts';
import { follow } from './follow.ts';

export const drain: Command = {
  name: 'drain',
  operand: 'POD',
  needsOperand: true,
  options: ['wait', 'timeout'],
  summary: 'has a gateway emptied of its clients, replaced and removed',
  run: drainPod,
};

export const cancelDrain: Command = {
  name: 'cancel-drain',
  operand: 'POD',
  needsOperand: true,
  options: [],
  summary: 'calls back a gateway whose emptying was asked for',
  run: callBack,
};

async function drainPod(desk: Desk, operand: string): Promise<void> {
  const { options, clock } = desk;
  const { pod, cluster, name, emptying } = await lookAt(desk, operand);
  if (emptying !== undefined) {
    const { state, why } = emptying;
    const is = state === 'Waiting' ? 'is to be emptied already' : 'is being emptied already';
    throw new Complaint(`${name} ${is}, as ${why}: ${progressOf(emptying)}`);
  }
  const annotations = { [DRAIN_REQUESTED]: timeText(clock.wall()) };
  await change(desk, { resource: pods, ...pod }, { annotations });
  const others = `its clients go to the other gateways of ${cluster.metadata.name}`;
  const see = typed(desk, `wscluster status ${cluster.metadata.name}`);
  say(desk, `${name} is to be emptied, replaced and removed: ${others}. See: ${see}`);
  if (options.wait === true) await follow(desk, { pod, cluster });
}

async function callBack(desk: Desk, operand: string): Promise<void> {
  const { pod, cluster, name, gateway, emptying } = await lookAt(desk, operand);
  if (emptying?.state === 'Ending') {
    throw new Complaint(`${name} is being deleted, which cannot be called off: another one comes`);
  }
  if (!gateway.requested) {
    const of = cluster.metadata.name;
    throw new Complaint(notRequested(desk, { name, of, gateway, emptying }));
  }
  await change(desk, { resource: pods, ...pod }, { annotations: { [DRAIN_REQUESTED]: null } });
  const { reason } = gateway.mark ?? {};
  if (reason !== undefined && reason !== 'Requested') {
    const why = `it goes on being emptied, as ${emptying?.why}`;
    say(desk, `${name} is not asked to go any more; ${why}`);
    return;
  }
  const see = typed(desk, `wscluster status ${cluster.metadata.name}`);
  say(desk, `${name} stays, with the clients that it still has. See: ${see}`);
}

async function lookAt(desk: Desk, operand: string) {
  const name = nameIn(operand, 'pod');
  const found = await gatewayPodOf(desk, name);
  const cluster = await clusterOf(desk, found.cluster);
  const [gateway] = await gatewaysOf(desk, [found.pod]);
  if (gateway === undefined) throw new Complaint(`${name} is gone`);
  if (gateway.phase === 'over') {
    throw new Complaint(`${name} has ended, and has no clients: there is nothing to empty`);
  }
  const emptying = emptyingOf(gateway, cluster, desk.clock.wall());
  return { name, pod: found.pod, cluster, gateway, emptying };
}

interface Unasked {
  readonly name: string;
  /** Its cluster. */
  readonly of: string;
  readonly gateway: GatewayView;
  readonly emptying: Emptying | undefined;
}

/** What calls it off instead. */
function notRequested(desk: Desk, { name, of, gateway, emptying }: Unasked): string {
  if (emptying === undefined) return `${name} is not being emptied: there is nothing to call off`;
  if (gateway.mark?.reason === 'Requested') {
    return `${name} is not asked to go any more: the operator is about to call it back`;
  }
  const why = `${name} is being emptied, as ${emptying.why}, not because somebody asked for it`;
  switch (gateway.mark?.reason) {
    case 'ScaleDown':
      return `${why}: ${typed(desk, `scale wsc ${of} --replicas=N`)} with more calls it back`;
    case 'Rollout': {
      const [pause, abort] = ['pause', 'abort'].map((one) => typed(desk, `wscluster ${one} ${of}`));
      return `${why}: ${pause} stops the rollout, ${abort} undoes it`;
    }
    default:
      return `${why}: whoever told it so has to call it off`;
  }
}
