import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../protocol/clock.ts';
import type { WsCluster, WsClusterStatus } from '../api/wscluster.ts';
import type { Applier } from '../kube/applier.ts';
import { wsClusters } from './resources.ts';

export interface StatusWriterOptions {
  readonly applier: Pick<Applier, 'applyStatus'>;
  readonly clock: Clock;
}

/** Between two writes that no condition asks for. */
const PACE_MS = 30_000;

interface Written {
  readonly status: WsClusterStatus;
  /** Version that was observed when it was written: until another is, the copy is behind. */
  readonly basis: string;
  readonly at: number;
}

/** `written`: with what was before. `later`: it has to wait for so long. */
export type StatusWrite =
  | { readonly kind: 'same' }
  | { readonly kind: 'written'; readonly was: WsClusterStatus | undefined }
  | { readonly kind: 'later'; readonly inMs: number };

/** Writes statuses: at once when a condition changed, and else no more often than every 30 s. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** By uid; `forget` takes out who is gone. */
  readonly #written = new Map<string, Written>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** The status as it is, also where the informer's copy does not show yet what was written. */
  current({ metadata, status }: WsCluster): WsClusterStatus | undefined {
    const written = this.#written.get(metadata.uid);
    return written?.basis === metadata.resourceVersion ? written.status : status;
  }

  /** Throws a `KubeError`. */
  async write(
    cluster: WsCluster,
    status: WsClusterStatus,
    signal: AbortSignal,
  ): Promise<StatusWrite> {
    const { applier, clock } = this.#options;
    const { uid, resourceVersion: basis } = cluster.metadata;
    const was = this.current(cluster);
    if (isDeepStrictEqual(was, status)) return { kind: 'same' };
    const last = this.#written.get(uid);
    const wait = last === undefined ? 0 : last.at + PACE_MS - clock.now();
    if (wait > 0 && !isUrgent(was, status)) return { kind: 'later', inMs: wait };
    await applier.applyStatus({ resource: wsClusters, observed: cluster, status, signal });
    this.#written.set(uid, { status, basis, at: clock.now() });
    return { kind: 'written', was };
  }

  /** It is gone. */
  forget(uid: string): void {
    this.#written.delete(uid);
  }
}

/** What somebody waits for: all but numbers. */
function isUrgent(was: WsClusterStatus | undefined, is: WsClusterStatus): boolean {
  const essence = (status: WsClusterStatus | undefined) => [
    status?.observedGeneration,
    status?.conditions,
    status?.revision,
    status?.selector,
    status?.draining?.map(({ pod, state }) => `${pod} ${state}`),
  ];
  return !isDeepStrictEqual(essence(was), essence(is));
}
