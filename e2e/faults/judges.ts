import type { Verdict } from '../history/verdict.ts';
import type { Stage } from './stage.ts';

/** What several rows require beyond the invariants: complaints, none when it holds. */

export function noGaps(_stage: Stage, { figures }: Verdict): string[] {
  return Object.entries(figures.gaps).map(([reason, times]) => `${times} gaps ${reason}, none due`);
}

/** Whatever was lost, nobody who should have had it was left in the dark. */
export function noneSilent(_stage: Stage, { figures: { silent } }: Verdict): string[] {
  return silent === 0 ? [] : [`${silent} losses were not signalled`];
}

/** Something acknowledged was lost, and all who should have had it were told. */
export function lostAndSignalled(stage: Stage, verdict: Verdict): string[] {
  const bit = verdict.figures.ackedLost > 0;
  return [
    ...(bit ? [] : ['nothing acknowledged was lost: the fault did not bite']),
    ...noneSilent(stage, verdict),
  ];
}
