import { minimal, stored } from '../../api/testing/samples.ts';
import type { GatewayView } from '../gateways.ts';
import type { Plan } from '../plan.ts';
import { problemsOf } from '../problems.ts';
import type { Situation } from '../situation.ts';
import { NOW, REVISION } from './gateway-views.ts';

const basis = { image: 'i', templateVersion: 1 };

export const planFor = (replicas: number, is: Partial<Plan> = {}): Plan => ({
  ...{ replicas, revision: REVISION, asked: REVISION, basis, stable: undefined },
  ...is,
});

/** Three gateways are wanted, nothing else goes on, and the operator is of version 0.2.0. */
export function situation(
  gateways: readonly GatewayView[],
  is: Partial<Situation> = {},
): Situation {
  const cluster = is.cluster ?? stored(minimal);
  const none = { foreign: [], refused: [], notCreated: [] };
  return {
    ...{ cluster, gateways, wallMs: NOW, version: '0.2.0' },
    plan: planFor(3),
    ...{ targets: new Map([[REVISION, is.plan?.replicas ?? 3]]), stop: undefined },
    problems: problemsOf({ cluster, gateways, ...none }),
    ring: { version: '1.1', unsynced: [] },
    ...is,
  };
}
