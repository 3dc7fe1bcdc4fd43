import type { PodFacts, PodsOnBoard } from './pod-board.ts';
import type { Acceptance, RingKeeper } from './ring-keeper.ts';

/**
 * Where a pod's rings come from. Whatever the source, they go through one `RingKeeper`, and every
 * pod beats on the board: it says how loaded it is, and passes on a ring that others missed.
 *
 * - `SelfOrganised`: the pods decide among themselves, on the memory of one process or on Redis.
 * - `GivenRing`: somebody outside decides, such as an operator.
 */
export interface RingSource {
  readonly kind: 'self-organised' | 'given';
  readonly keeper: RingKeeper;
  /** Begins. Never fails: without its board a pod serves with the ring that it has, or none. */
  start(self: PodFacts): void;
  /** This pod will leave: it asks to own nothing, and beats on until it is stopped. */
  leave(): void;
  /** It stays after all: it owns its share again as one who came anew. */
  stay(): void;
  /** Takes this pod off the board, if that can be done soon. Never rejects. */
  stop(): Promise<void>;
  /** A ring document from outside, where somebody outside decides. */
  push?(document: string): Acceptance;
  /** Who writes new rings, as far as this pod knows; undefined: nobody, or somebody outside. */
  readonly writer: string | undefined;
  /** What a pod says of itself; undefined: it is not on the board, or that was not reached yet. */
  factsOf(pod: string): PodFacts | undefined;
  /** How long the board took to answer last, ms; undefined while it does not. */
  readonly roundTripMs: number | undefined;
  /** Everybody on the board, at most one heartbeat old. Rejects when the board is not reached. */
  pods(): Promise<PodsOnBoard>;
}
