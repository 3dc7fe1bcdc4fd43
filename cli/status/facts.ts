import type { WsCluster } from '../../operator/api/wscluster.ts';
import { KubeError } from '../../operator/kube/kube-error.ts';
import type { GatewayView } from '../../operator/reconcile/gateways.ts';
import type { Ring } from '../../protocol/ring.ts';
import type { Desk } from '../command.ts';
import { reasonOf } from '../explained.ts';
import { gatewaysOf } from '../gateways.ts';
import { podsOf, ringOf } from '../lookup.ts';

/** What is shown of one WsCluster. */
export interface Facts {
  readonly cluster: WsCluster;
  /** By name, without those that have ended. */
  readonly gateways: readonly GatewayView[];
  /** Undefined before the first one, and where it cannot be read. */
  readonly ring: Ring | undefined;
  /** Why the ring cannot be read. */
  readonly ringProblem: string | undefined;
  readonly wallMs: number;
}

export async function factsOf(desk: Desk, cluster: WsCluster): Promise<Facts> {
  const [gateways, ring] = await Promise.all([
    podsOf(desk, cluster).then((pods) => gatewaysOf(desk, pods)),
    ringOf(desk, cluster).catch((error: unknown) => {
      // Who may not read it, or finds another version's, is shown all else.
      if (error instanceof KubeError) return reasonOf(error);
      return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    }),
  ]);
  const isRead = typeof ring !== 'string';
  return {
    cluster,
    gateways: gateways.filter(({ phase }) => phase !== 'over'),
    ring: isRead ? ring : undefined,
    ringProblem: isRead ? undefined : ring,
    wallMs: desk.clock.wall(),
  };
}
