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

/** What becomes of a question to all pods: who asked got all answers, some, or could not ask. */
export const askOutcomes = ['complete', 'incomplete', 'failed'] as const;
export type AskOutcome = (typeof askOutcomes)[number];

/**
 * What becomes of what another pod says: a question was answered, came too often, or was not
 * understood; an answer was awaited, came too late, or was not understood.
 */
export const hearOutcomes = ['answered', 'dropped', 'awaited', 'late', 'refused'] as const;
export type HearOutcome = (typeof hearOutcomes)[number];

/** What questions to all pods count. */
export interface AskCounts {
  asked(outcome: AskOutcome): void;
  heard(outcome: HearOutcome): void;
}
