import { check } from '../history/checker.ts';
import type { HistoryRecord } from '../history/records.ts';
import { type Expectations, strict, type Verdict } from '../history/verdict.ts';
import { atLeast, atMostMs, type Demand, holds, textOf } from './demands.ts';
import type { Run } from './judges.ts';
import type { Row } from './row.ts';
import { heartbeatOf } from './settings.ts';

/** Beyond two heartbeats, what a busy machine may add. */
const BUSY_MS = 2_500;
const EXAMPLES = 8;

/** What a run leaves behind to be judged. */
export interface Ended extends Omit<Run, 'figures'> {
  readonly records: readonly HistoryRecord[];
  /** What did not go as it must; the history is judged all the same. */
  readonly stuck: readonly string[];
  /** What did not happen in time. */
  readonly late: readonly string[];
  /** What befell it besides its fault: the history is that of another one. */
  readonly besides: readonly string[];
  /** Deliveries before, during and after the fault, each, at least. */
  readonly perPhase: number;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** What was measured beside its bound: the general ones, then the row's own. */
  readonly demands: readonly Demand[];
  /** Invariants, vacuity and the row's own demands, in words; empty: it passed. */
  readonly complaints: readonly string[];
  /**
   * Nothing was lost, repeated or out of order, nor any bound broken but one of time: the fault did
   * not bite as it was meant to, or something took too long. It may be the machine. On one that is
   * known to be busy that holds for any bound: a client that hears nothing goes elsewhere. And
   * whatever the history says, if it is that of another fault.
   */
  readonly provesNothing: boolean;
}

/** Judges a run by the invariants, by what shows that the fault bit, and by the row's own judge. */
export function judged(row: Row, ended: Ended): Judgement {
  const { records, stuck, late, besides, perPhase, ...run } = ended;
  const expect: Expectations = {
    ...strict,
    silenceMs: 2 * heartbeatOf(row) + BUSY_MS + run.busyMs,
    perPhase,
    evidence: row.bites,
    ...row.expect,
  };
  const verdict = check(records, expect);
  const own = row.judge?.({ ...run, figures: verdict.figures }) ?? [];
  const broken = own.filter((demand) => !holds(demand));
  const complaints = [
    ...[...besides, ...stuck, ...late].map((reason) => `did not go as it must: ${reason}`),
    ...complaintsOf(verdict),
    ...broken.map(textOf),
  ];
  const violations = verdict.violated.values().reduce((sum, times) => sum + times, 0);
  const refused = run.busyMs > 0 ? 0 : broken.filter(isOfNoTime).length;
  const wrong = stuck.length + (violations - verdict.late) + refused;
  return {
    verdict,
    demands: [...general(verdict, expect), ...bites(row, run.evidence), ...own],
    complaints,
    provesNothing: besides.length > 0 || (complaints.length > 0 && wrong === 0),
  };
}

const isOfNoTime = ({ isTime }: Demand) => isTime !== true;

/** For the table; the checker itself complains about these. */
function general({ figures }: Verdict, { perPhase, silenceMs, catchUpMs }: Expectations): Demand[] {
  const [before, during, after] = figures.perPhase;
  return [
    atLeast('deliveries before', before, perPhase),
    atLeast('deliveries during', during, perPhase),
    atLeast('deliveries after', after, perPhase),
    atMostMs('longest silence', figures.longestSilenceMs, silenceMs ?? Number.POSITIVE_INFINITY),
    atMostMs('level after', figures.catchUpMs, catchUpMs),
  ];
}

const bites = ({ bites: least }: Row, evidence: Run['evidence']): Demand[] =>
  Object.entries(least).map(([name, count]) => atLeast(name, evidence[name] ?? 0, count));

function complaintsOf({ violations, violated, inconclusive }: Verdict): string[] {
  const counts = [...violated].map(([invariant, times]) => `${invariant} violated ${times} times`);
  const examples = violations
    .slice(0, EXAMPLES)
    .map(({ invariant, subscriber, topic, detail }) =>
      [invariant, subscriber, topic, detail].filter((part) => part !== undefined).join(' '),
    );
  return [...inconclusive.map((reason) => `inconclusive: ${reason}`), ...counts, ...examples];
}
