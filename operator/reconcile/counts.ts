import type { Situation } from './situation.ts';

/** Gateways of a WsCluster, counted by what they are there for. */
export interface Counts {
  /** Gateways that are to be there. */
  readonly wanted: number;
  /** Of those that are to be there: ready, and not leaving. */
  readonly ready: number;
  /** Of any revision. */
  readonly serving: number;
  /** Of older revisions, or too many, and not leaving yet. */
  readonly surplus: number;
}

export function countsOf({ plan, targets, gateways }: Situation): Counts {
  const staying = gateways.filter(({ phase }) => phase === 'running' || phase === 'waiting');
  let [ready, due] = [0, 0];
  for (const [revision, target] of targets) {
    const own = staying.filter((gateway) => gateway.revision === revision);
    ready += Math.min(target, own.filter((gateway) => gateway.ready).length);
    due += Math.min(target, own.length);
  }
  return {
    wanted: plan.replicas,
    ready: Math.min(plan.replicas, ready),
    serving: staying.filter((gateway) => gateway.ready).length,
    surplus: staying.length - due,
  };
}

export const isComplete = ({ wanted, ready, surplus }: Counts): boolean =>
  ready === wanted && surplus === 0;

/** Whether there are gateways of other revisions, that go or stay. */
export const isRollout = ({ plan, targets }: Pick<Situation, 'plan' | 'targets'>): boolean =>
  [...targets.keys()].some((revision) => revision !== plan.revision);
