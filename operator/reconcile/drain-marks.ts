import { drainReasons } from '../api/status.ts';
import type { ApiServer } from '../kube/connection.ts';
import { remember } from '../kube/remember.ts';
import { pathOf } from '../kube/resource.ts';
import type { ObservedPod } from './copies.ts';
import { DRAIN_CANCELLED, DRAINING_LABEL, DRAINING_SINCE, DRAINING_WHY } from './desired/names.ts';
import type { DrainMark } from './drain-mark.ts';
import { pods } from './resources.ts';
import { timeOf, timeText } from './times.ts';

/** Kubernetes' own: of pods that are alike otherwise it removes the one of the lowest first. */
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const LOWEST_COST = '-2147483647';
/** Of all clusters; by then the informer has long told of the oldest, or its pod is gone. */
const KNOWN = 20_000;

/** The mark that a pod has; somebody else's label without the rest is one, too. */
function markOn({ metadata }: Pick<ObservedPod, 'metadata'>): DrainMark | undefined {
  if (metadata.labels?.[DRAINING_LABEL] === undefined) return undefined;
  const said = metadata.annotations?.[DRAINING_WHY];
  const reason = drainReasons.find((one) => one === said) ?? 'Requested';
  return { reason, since: timeOf(metadata.annotations?.[DRAINING_SINCE]) };
}

/**
 * Writes marks, and knows what it wrote before the informer does: who was chosen to be emptied is
 * not chosen anew, or another one with it, because the copy is behind.
 *
 * A mark goes through the pods' status: labels and annotations can be written there as well, and
 * who may write it can change nothing of what a pod runs.
 */
export class DrainMarks {
  readonly #api: ApiServer;
  /** By uid, until the copy shows the same. */
  readonly #written = new Map<string, DrainMark | 'none'>();

  constructor(api: ApiServer) {
    this.#api = api;
  }

  of(pod: ObservedPod): DrainMark | undefined {
    const { uid = '' } = pod.metadata;
    const copied = markOn(pod);
    const written = this.#written.get(uid);
    if (written === undefined) return copied;
    if ((written === 'none') !== (copied === undefined)) {
      return written === 'none' ? undefined : written;
    }
    this.#written.delete(uid);
    return copied;
  }

  /** Throws a `KubeError`; `NotFound` or `Conflict` when it is gone. */
  async set(pod: ObservedPod, mark: DrainMark, signal: AbortSignal): Promise<void> {
    const annotations = {
      [DRAINING_SINCE]: timeText(mark.since),
      [DRAINING_WHY]: mark.reason,
      [DELETION_COST]: LOWEST_COST,
    };
    await this.#write(pod, { labels: { [DRAINING_LABEL]: 'true' }, annotations }, signal);
    this.#know(pod, mark);
  }

  /** The same for one that stays after all; `cancelledAt`: because somebody wants it to. */
  async clear(pod: ObservedPod, cancelledAt: number | undefined, signal: AbortSignal) {
    const none = {
      ...{ [DRAINING_SINCE]: null, [DRAINING_WHY]: null, [DELETION_COST]: null },
      ...(cancelledAt === undefined ? {} : { [DRAIN_CANCELLED]: timeText(cancelledAt) }),
    };
    await this.#write(pod, { labels: { [DRAINING_LABEL]: null }, annotations: none }, signal);
    this.#know(pod, 'none');
  }

  #know({ metadata: { uid = '' } }: ObservedPod, what: DrainMark | 'none'): void {
    remember(this.#written, [uid, what], KNOWN);
  }

  async #write({ metadata }: ObservedPod, change: object, signal: AbortSignal): Promise<void> {
    const { name, namespace, uid } = metadata;
    await this.#api.call({
      method: 'PATCH',
      path: pathOf(pods, { name, namespace, subresource: 'status' }),
      patch: 'merge-patch+json',
      // Another pod of that name is refused.
      body: { metadata: { uid, ...change } },
      signal,
    });
  }
}
