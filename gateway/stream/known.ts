import type { Position } from '../../protocol/position.ts';
import type { StreamCounts } from './counts.ts';

/** More epochs than this between two reports: the oldest are forgotten. */
const EPOCHS_PER_TOPIC = 4;

/**
 * The highest position of each topic that this pod knows to have existed: acknowledged to it, or
 * seen before it stopped to follow. After a change of lineage the log is told, so that whoever
 * should have had what a failover lost gets a gap. `confirmed` is the second of the publish.
 *
 * An epoch that ended is remembered until it was reported, even when the next one has begun.
 * Bounded: the topic that was not touched for longest is forgotten first, and counted.
 */
export class Known {
  /** Of each topic the epochs in which something is known, oldest first. */
  readonly #topics = new Map<string, readonly Position[]>();
  readonly #capacity: number;
  readonly #counts: Pick<StreamCounts, 'forgotten'>;

  constructor(capacity: number, counts: Pick<StreamCounts, 'forgotten'>) {
    this.#capacity = capacity;
    this.#counts = counts;
  }

  note(topic: string, position: Position): void {
    const known = this.#topics.get(topic);
    this.#topics.delete(topic);
    this.#topics.set(topic, known === undefined ? [position] : merged(known, position));
    if (this.#topics.size <= this.#capacity) return;
    for (const oldest of this.#topics.keys()) {
      this.#topics.delete(oldest);
      this.#counts.forgotten();
      return;
    }
  }

  /**
   * What there is to report, together with what followers saw: one table per epoch of a topic,
   * older ones first, at least one. However old: whether retention has forgotten it, the log knows.
   */
  report(seen: Iterable<readonly [string, Position]>): Map<string, Position>[] {
    const all = new Map(this.#topics);
    for (const [topic, position] of seen) {
      all.set(topic, merged(all.get(topic) ?? [], position));
    }
    const tables = [new Map<string, Position>()];
    for (const [topic, positions] of all) {
      const existing = positions.filter(({ seq }) => seq > 0);
      for (const [index, position] of existing.entries()) {
        tables[index] ??= new Map();
        tables[index].set(topic, position);
      }
    }
    return tables;
  }

  /** The log has been told: of each topic only the newest epoch can still lose anything. */
  reported(): void {
    for (const [topic, positions] of this.#topics) {
      if (positions.length > 1) this.#topics.set(topic, positions.slice(-1));
    }
  }
}

function merged(known: readonly Position[], position: Position): readonly Position[] {
  const at = known.findIndex(({ epoch }) => epoch === position.epoch);
  const same = known[at];
  if (same === undefined) return [...known, position].slice(-EPOCHS_PER_TOPIC);
  if (same.seq >= position.seq) return known;
  return known.with(at, position);
}
