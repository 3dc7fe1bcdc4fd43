import type { OfferOutcome } from './pod-board.ts';

/** `unreadable`: a file that is there and cannot be read. */
export type DocumentOutcome =
  | 'newer'
  | 'same'
  | 'older'
  | 'other_cluster'
  | 'undecodable'
  | 'unreadable';

/** What the ring counts. */
export interface RingCounts {
  /** A ring document came, from wherever. */
  document(outcome: DocumentOutcome): void;
  /** Two rings of the same version: somebody should look. */
  conflict(): void;
  heartbeat(outcome: 'ok' | 'failed'): void;
  /** A ring was offered to the board: a new one, or one that it had missed. */
  offered(outcome: OfferOutcome): void;
}
