import { firstRing, nextRing, type RingVersion, sameMembers } from '../../protocol/ring.ts';
import { encodeRing, ringDigest } from '../../protocol/ring-document.ts';
import { Heartbeats, type HeartbeatsParts, type WriterView } from './heartbeats.ts';
import { membersOf } from './membership.ts';
import { compareStamps, type PodFacts, type PodsOnBoard } from './pod-board.ts';
import type { RingKeeper } from './ring-keeper.ts';
import type { RingSource } from './ring-source.ts';

export interface SelfOrganisedParts extends Omit<HeartbeatsParts, 'write'> {
  readonly cluster: string;
}

/**
 * The pods decide among themselves: all beat, and the one that holds the lease writes a ring when
 * the members are not those of the ring in force, at most one with each of its beats.
 *
 * How long it takes, in heartbeats, while the store works: a pod that comes owns its share within
 * 3 (it is up for one, the writer's next beat, its own next), a pod that died has lost its share
 * everywhere within 5 (silent for 3, the writer's next beat, everybody's next), and up to 3 more
 * when the writer dies meanwhile. When most die at once, or one flaps, it takes longer: see
 * `membersOf`. Until then every pod serves whoever comes.
 *
 * A new ring counts only once the board has it: the writer itself takes it no sooner, so a writer
 * that dies in the middle leaves either nothing or a ring that all others find.
 */
export class SelfOrganised implements RingSource {
  readonly kind = 'self-organised';
  readonly keeper: RingKeeper;
  readonly #parts: SelfOrganisedParts;
  readonly #heartbeats: Heartbeats;

  constructor(parts: SelfOrganisedParts) {
    this.keeper = parts.keeper;
    this.#parts = parts;
    this.#heartbeats = new Heartbeats({ ...parts, write: (view) => this.#write(view) });
  }

  get writer(): string | undefined {
    return this.#heartbeats.holder;
  }

  start(self: PodFacts): void {
    this.#heartbeats.start(self);
  }

  leave(): void {
    this.#heartbeats.leave();
  }

  stay(): void {
    this.#heartbeats.stay();
  }

  factsOf(pod: string): PodFacts | undefined {
    return this.#heartbeats.factsOf(pod);
  }

  get roundTripMs(): number | undefined {
    return this.#heartbeats.roundTripMs;
  }

  stop(): Promise<void> {
    return this.#heartbeats.stop();
  }

  pods(): Promise<PodsOnBoard> {
    return this.#heartbeats.pods();
  }

  async #write({ lease, time, facts, boardRing }: WriterView): Promise<void> {
    const { keeper, board, counts, cluster, pod, intervalMs, logger } = this.#parts;
    const { current } = keeper;
    const { beats, generation } = lease;
    const members = membersOf({ time, beats, facts, ring: current?.ring, intervalMs });
    // Nobody is left, or all who are left are leaving: the last ones keep the ring.
    if (members.length === 0) return;
    // What the board has and this pod refused nobody can use: it is written over.
    const agreed = compareStamps(boardRing, current) === 0;
    if (agreed && current !== undefined && sameMembers(current.ring, members)) return;
    const version = versionAfter(generation, [current?.version, boardRing?.version]);
    const ring =
      current === undefined
        ? firstRing({ cluster, version }, members)
        : nextRing(current.ring, members, version);
    const document = encodeRing(ring);
    const outcome = await board.offer({
      ring: { version, digest: ringDigest(document) },
      document,
      written: { by: pod, generation, over: boardRing },
    });
    counts.offered(outcome);
    if (outcome !== 'stored') return;
    logger.info({ ...version, members: members.length }, 'a new ring');
    keeper.accept(document);
  }
}

/** The next version of a generation; the first one is 1. */
function versionAfter(
  generation: number,
  known: readonly (RingVersion | undefined)[],
): RingVersion {
  const counters = known.map((version) =>
    version?.generation === generation ? version.counter : 0,
  );
  return { generation, counter: Math.max(...counters) + 1 };
}
