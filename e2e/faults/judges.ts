import { WORN } from '../history/hygiene.ts';
import type { Figures } from '../history/verdict.ts';
import type { LoadCounts } from '../load/counts.ts';
import { atLeast, atMost, atMostMs, type Demand } from './demands.ts';

/** What shows that a fault bit, counted. */
export type Evidence = Readonly<Record<string, number>>;

/** What a row is judged by beside the invariants. */
export interface Run {
  readonly figures: Figures;
  readonly counts: LoadCounts;
  readonly evidence: Evidence;
  /** What others on this machine may add to every time. */
  readonly busyMs: number;
}

/** What a row requires beyond the invariants. */
export type Judge = (run: Run) => readonly Demand[];

/**
 * Gateways are back so long after Redis is, at most: they wait up to `redis.reconnectMaxMs` between
 * two tries, however long it was away; the rest is reading the log, and a busy machine.
 */
export const BACK_MS = 2_500;

export function noGaps({ figures: { gaps } }: Run): Demand[] {
  const told = Object.entries(gaps);
  if (told.length === 0) return [atMost('gaps', 0, 0)];
  return told.map(([reason, times]) => atMost(`gaps ${reason}`, times, 0));
}

/** At least one; undefined: whatever its reason. */
export function someGap({ figures: { gaps } }: Run, reason?: string): Demand[] {
  if (reason !== undefined) return [atLeast(`gaps ${reason}`, gaps[reason] ?? 0, 1)];
  const all = Object.values(gaps).reduce((sum, times) => sum + times, 0);
  return [atLeast('gaps', all, 1)];
}

/** Publishers and subscribers went on within `ms` of what the evidence says took `since`. */
export function backWithin(
  { figures: { publishOutageMs, recoveryMs }, evidence, busyMs }: Run,
  { since, ms }: { since: string; ms: number },
): Demand[] {
  const after = ms + busyMs;
  const limit = (evidence[since] ?? Number.NaN) + after;
  return [
    atMostMs(`publish outage (${since} + ${after})`, publishOutageMs, limit),
    atMostMs(`recovery max (${since} + ${after})`, recoveryMs.max, limit),
  ];
}

/** Clients went on within `ms`, whatever the fault took. */
export function resumedWithin({ figures, busyMs }: Run, ms: number): Demand[] {
  const { catchUpMs, recoveryMs } = figures;
  return [
    atMostMs('recovery p99', recoveryMs.p99, ms + busyMs),
    atMostMs('level after', catchUpMs, ms + busyMs),
  ];
}

/** Whatever was lost, nobody who should have had it was left in the dark. */
export function noneSilent({ figures: { silent } }: Run): Demand[] {
  return [atMost('losses not signalled', silent, 0)];
}

/** I11, which the checker judges: what a process holds, in percent of what it held before. */
export function nothingStays({ evidence: { held = Number.NaN, rss = Number.NaN } }: Run): Demand[] {
  return [
    atMost('memory held, % of before', held, WORN),
    atMost('resident memory, % of before', rss, WORN),
  ];
}

/** Something acknowledged was lost, and all who should have had it were told. */
export function lostAndSignalled(run: Run): Demand[] {
  return [atLeast('acknowledged and lost', run.figures.ackedLost, 1), ...noneSilent(run)];
}
