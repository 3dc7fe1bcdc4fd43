import { isWorldEpoch, type Reach } from './chain.ts';
import type { StreamCounts } from './counts.ts';

/** More epochs of a topic than this: the oldest are forgotten. */
export const EPOCHS_PER_TOPIC = 4;
/**
 * What ended longer ago than this is on every replica that can take over: Sentinel promotes none
 * that has been without its master for so long.
 */
const REPLICATED_S = 600;

/**
 * The highest position of each topic that this pod knows to have existed: acknowledged to it, or
 * seen before it stopped to follow. After a change of lineage the log is told, so that whoever
 * should have had what a failover lost gets a gap. `confirmed` is the second of the publish.
 *
 * Epochs that ended are remembered beside the newest one, also when they were reported: the log
 * that was told may be lost itself, to a replica that lags and has none of them.
 * Bounded: the topic that was not touched for longest is forgotten first, and counted.
 */
export class Known {
  /** Of each topic the epochs in which something is known, oldest first. */
  readonly #topics = new Map<string, readonly Reach[]>();
  readonly #capacity: number;
  readonly #counts: Pick<StreamCounts, 'forgotten'>;

  constructor(capacity: number, counts: Pick<StreamCounts, 'forgotten'>) {
    this.#capacity = capacity;
    this.#counts = counts;
  }

  note(topic: string, reach: Reach): void {
    // Where there was no message yet, none can be lost.
    if (isWorldEpoch(reach.epoch)) return;
    const known = this.#topics.get(topic);
    this.#topics.delete(topic);
    const all = merged(known, reach);
    this.#topics.set(topic, all.length > EPOCHS_PER_TOPIC ? all.slice(1) : all);
    if (this.#topics.size <= this.#capacity) return;
    for (const oldest of this.#topics.keys()) {
      this.#topics.delete(oldest);
      this.#counts.forgotten();
      return;
    }
  }

  /**
   * What there is to report in that second of the log's clock, together with what followers saw:
   * one table per epoch of a topic, older ones first, at least one. The newest of each topic,
   * however old: whether retention has forgotten it, the log knows.
   */
  report(seen: Iterable<readonly [string, Reach]>, second: number): Map<string, Reach>[] {
    const all = new Map<string, readonly Reach[]>();
    const add = (topic: string, reach: Reach) => {
      all.set(topic, merged(all.get(topic), reach));
    };
    for (const [topic, reach] of seen) if (!isWorldEpoch(reach.epoch)) add(topic, reach);
    for (const [topic, reaches] of this.#topics) for (const reach of reaches) add(topic, reach);
    const tables = [new Map<string, Reach>()];
    const isNew = ({ confirmed }: Reach) => confirmed >= second - REPLICATED_S;
    for (const [topic, reaches] of all) {
      const sorted = reaches.toSorted(byTime);
      const newest = sorted.pop() as Reach;
      for (const [index, reach] of [...sorted.filter(isNew), newest].entries()) {
        tables[index] ??= new Map();
        tables[index].set(topic, reach);
      }
    }
    return tables;
  }
}

/** Within a second, numbers tell: a restart gives none again. */
const byTime = (one: Reach, other: Reach) => one.confirmed - other.confirmed || one.seq - other.seq;

function merged(known: readonly Reach[] | undefined, reach: Reach): readonly Reach[] {
  if (known === undefined) return [reach];
  const at = known.findIndex(({ epoch }) => epoch === reach.epoch);
  const same = known[at];
  if (same === undefined) return [...known, reach];
  const further = same.seq >= reach.seq ? same : reach;
  // Who published knows how far an epoch went, who followed also where it began.
  const origin = same.origin ?? reach.origin;
  if (further.origin === origin) return further === same ? known : known.with(at, further);
  return known.with(at, { ...further, ...(origin && { origin }) });
}
