import type { HistoryRecord } from '../history/records.ts';
import type { Expectations, Figures, Violation } from '../history/verdict.ts';
import type { Broken } from './broken.ts';
import type { Tally } from './tally.ts';

/** What became of a world. */
export interface Outcome {
  readonly seed: number;
  readonly ring: boolean;
  readonly violations: readonly WorldViolation[];
  readonly figures: Figures;
  readonly tally: Tally;
  readonly records: readonly HistoryRecord[];
  readonly notes: readonly Note[];
  readonly expect: Expectations;
  readonly events: number;
  readonly simulatedMs: number;
}

/** What the history shows, or what else was promised. */
export type WorldViolation = Violation | Broken;

/** Something that was done to the world. */
export interface Note {
  readonly t: number;
  readonly text: string;
}
