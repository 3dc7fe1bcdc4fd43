import { Gauge, type Registry } from 'prom-client';
import { conditionTypes } from './api/status.ts';

/** A WsCluster, as far as it is looked at. */
interface Told {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const VALUES: Readonly<Record<string, number>> = { True: 1, False: 0 };

/**
 * The conditions of every WsCluster, read from the copies when somebody asks: any operator tells
 * them, whether it leads or not. One that is unknown has no series, nor has a WsCluster that is
 * gone. Labels called `namespace` or `name` would be taken for those of the operator's pod.
 */
export function conditionSeries(registry: Registry, clusters: () => readonly Told[]): void {
  new Gauge({
    name: 'wscluster_condition',
    help: '1 while a condition of a WsCluster is True, 0 while it is False.',
    labelNames: ['wscluster', 'type'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { metadata, status } of clusters()) {
        const wscluster = `${metadata.namespace}/${metadata.name}`;
        for (const { type, status: is } of status?.conditions ?? []) {
          const value = VALUES[is];
          if (type in conditionTypes && value !== undefined) this.set({ wscluster, type }, value);
        }
      }
    },
  });
}
