import type { Position } from '../../protocol/position.ts';
import type { StreamCounts } from './counts.ts';

/**
 * The highest position of each topic that this pod knows to have existed: acknowledged to it, or
 * seen before it stopped to follow. After a change of lineage the log is told, so that whoever
 * should have had what a failover lost gets a gap. `confirmed` is the second of the publish.
 *
 * Bounded: the topic that was not touched for longest is forgotten first, and counted.
 */
export class Known {
  readonly #topics = new Map<string, Position>();
  readonly #capacity: number;
  readonly #counts: Pick<StreamCounts, 'forgotten'>;

  constructor(capacity: number, counts: Pick<StreamCounts, 'forgotten'>) {
    this.#capacity = capacity;
    this.#counts = counts;
  }

  note(topic: string, position: Position): void {
    const known = this.#topics.get(topic);
    this.#topics.delete(topic);
    this.#topics.set(topic, known === undefined ? position : higher(known, position));
    if (this.#topics.size <= this.#capacity) return;
    for (const oldest of this.#topics.keys()) {
      this.#topics.delete(oldest);
      this.#counts.forgotten();
      return;
    }
  }

  /**
   * What there is to report, together with what followers saw. Without what is older than
   * `oldest` (seconds): its topic may be forgotten by retention, which is not a loss.
   */
  report(seen: Iterable<readonly [string, Position]>, oldest: number): Map<string, Position> {
    const all = new Map<string, Position>();
    const add = (topic: string, position: Position) => {
      if (position.seq > 0 && position.confirmed >= oldest) all.set(topic, position);
    };
    for (const [topic, position] of this.#topics) add(topic, position);
    for (const [topic, position] of seen) {
      const acknowledged = this.#topics.get(topic);
      add(topic, acknowledged === undefined ? position : higher(position, acknowledged));
    }
    return all;
  }
}

/** Of two epochs the later one counts: what the earlier one lost was reported when it ended. */
function higher(known: Position, newer: Position): Position {
  if (known.epoch === newer.epoch) return known.seq > newer.seq ? known : newer;
  return known.confirmed > newer.confirmed ? known : newer;
}
