import type { WsCluster } from '../../operator/api/wscluster.ts';
import { connectionsOf, type GatewayView, statusOf } from '../../operator/reconcile/gateways.ts';
import { whyEmptied } from '../../operator/reconcile/movements-said.ts';
import { timeOf } from '../../operator/reconcile/times.ts';
import { count, duration } from '../words.ts';

/** How far a gateway is that is to be emptied. */
export interface Emptying {
  /** `Waiting`: it was asked for, and is not begun. */
  readonly state: 'Waiting' | 'Emptying' | 'Empty' | 'Ending';
  /** As in "as …". */
  readonly why: string;
  /** Clients that it still has; undefined: nobody says. */
  readonly left: number | undefined;
  /** Until it is over, whoever is left. */
  readonly remainingMs: number | undefined;
}

/** Undefined for one that is to stay. */
export function emptyingOf(
  gateway: GatewayView,
  { status: told, spec }: Pick<WsCluster, 'status' | 'spec'>,
  wallMs: number,
): Emptying | undefined {
  const { mark, endsBy, phase, requested, name } = gateway;
  const edge = statusOf(gateway)?.edge;
  const shown = told?.draining?.find(({ pod }) => pod === name);
  const left = connectionsOf(gateway) ?? shown?.connections;
  const latest =
    endsBy ??
    (mark && mark.since + spec.disruption.drainDeadlineSeconds * 1_000) ??
    (shown?.until === undefined ? undefined : timeOf(shown.until));
  const remainingMs =
    edge?.drainRemainingMs ?? (latest === undefined ? undefined : Math.max(0, latest - wallMs));
  const facts = { left, remainingMs };
  if (endsBy !== undefined) {
    const why = mark === undefined ? 'its pod is being deleted' : whyEmptied[mark.reason];
    return { state: 'Ending', why, ...facts };
  }
  if (mark !== undefined) {
    const isEmpty = shown?.state === 'Empty' || edge?.drain === 'empty';
    return { state: isEmpty ? 'Empty' : 'Emptying', why: whyEmptied[mark.reason], ...facts };
  }
  if (phase === 'leaving') {
    return { state: 'Emptying', why: 'it was told to by a signal or at its admin port', ...facts };
  }
  if (!requested) return undefined;
  return { state: 'Waiting', why: whyEmptied.Requested, left, remainingMs: undefined };
}

const STATES: Readonly<Record<Emptying['state'], string>> = {
  Waiting: 'waiting for its turn',
  Emptying: 'emptying',
  Empty: 'empty, about to be removed',
  Ending: 'ending',
};

/** For the column of a table, which has another one for clients. */
export function shortly({ state, why, remainingMs }: Emptying): string {
  return `${STATES[state]}, as ${why}${atTheLatest(state, remainingMs)}`;
}

/** `emptying, 340 clients left, over in 40 s at the latest`. */
export function progressOf({ state, left, remainingMs }: Emptying): string {
  const clients = left === undefined ? '' : `, ${count(left, 'client')} left`;
  return `${STATES[state]}${clients}${atTheLatest(state, remainingMs)}`;
}

function atTheLatest(state: Emptying['state'], remainingMs: number | undefined): string {
  if (remainingMs === undefined || state === 'Empty') return '';
  return `, over in ${duration(remainingMs)} at the latest`;
}
