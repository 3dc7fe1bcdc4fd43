import type { Verdict } from '../history/verdict.ts';
import type { Evidence } from './row.ts';
import type { Stage } from './stage.ts';

/**
 * Gateways are back so long after Redis is, at most: they wait up to 2 s between two tries, however
 * long it was away; the rest is reading the log, and a busy machine.
 */
export const BACK_MS = 2_500;

/** What several rows require beyond the invariants: complaints, none when it holds. */

export function noGaps(_stage: Stage, { figures }: Verdict): string[] {
  return Object.entries(figures.gaps).map(([reason, times]) => `${times} gaps ${reason}, none due`);
}

/** Publishers and subscribers went on within `ms` of what the evidence says took `since`. */
export function backWithin(
  { figures: { publishOutageMs, recoveryMs } }: Verdict,
  evidence: Evidence,
  { since, ms }: { since: string; ms: number },
): string[] {
  const began = evidence[since];
  if (began === undefined) return [`nothing says how long ${since} was`];
  const limit = began + ms;
  const late = `later than ${since} (${began} ms) + ${ms} ms`;
  return [
    ...(publishOutageMs <= limit ? [] : [`no publish for ${publishOutageMs} ms, ${late}`]),
    ...(recoveryMs.max <= limit ? [] : [`a client had nothing for ${recoveryMs.max} ms, ${late}`]),
  ];
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
