import type { FaultRecord } from './records.ts';
import type { Waits } from './recovery.ts';

export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I11';

export interface Violation {
  readonly invariant: Invariant;
  readonly subscriber?: string;
  readonly topic?: string;
  readonly detail: string;
  /** Only a time was too long; everything else is wrong on the fastest machine too. */
  readonly late?: true;
}

/** What this kind of fault may do, and what must have happened for the run to prove anything. */
export interface Expectations {
  /** Acknowledged messages may be lost, each loss signalled to whoever should have had it. */
  readonly mayLose: boolean;
  /** The store may forget histories: `epoch_unknown` and `expired` are true then. */
  readonly mayForget: boolean;
  /** The store may trim what somebody had not seen. */
  readonly mayTrim: boolean;
  /** Longest silence of an open connection, milliseconds; undefined: not judged. */
  readonly silenceMs?: number;
  /** After the fault's end everybody is level within this. */
  readonly catchUpMs: number;
  /** After a permission ended, deliveries under way may still arrive for so long. */
  readonly authorityMs: number;
  /** Deliveries that must have happened before, during and after the fault, each. */
  readonly perPhase: number;
  /**
   * What each fault must show at least, by the names in its evidence. Default: something above 0.
   */
  readonly evidence?: Readonly<Record<string, number>>;
}

export const strict: Expectations = {
  mayLose: false,
  mayForget: false,
  mayTrim: false,
  catchUpMs: 30_000,
  authorityMs: 60_000,
  perPhase: 1_000,
};

export interface Verdict {
  /** Nothing was violated and the run proves something. */
  readonly passed: boolean;
  readonly violations: readonly Violation[];
  /** How often each invariant was violated; `violations` holds only the first ones. */
  readonly violated: ReadonlyMap<Invariant, number>;
  /** How many of the violations are `late`. */
  readonly late: number;
  /** Why the run proves nothing; empty when it does. */
  readonly inconclusive: readonly string[];
  readonly figures: Figures;
}

export interface Figures extends Waits {
  readonly published: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly deliveries: number;
  readonly perPhase: readonly [before: number, during: number, after: number];
  /** Repeats seen on the wire and kept from the application, or due to a plain client's resume. */
  readonly wireDuplicates: number;
  readonly gaps: Readonly<Record<string, number>>;
  readonly falseGaps: number;
  /** Acknowledged messages that the log lost. */
  readonly ackedLost: number;
  /** (subscriber, lost message) pairs that a gap covered, and pairs that none did. */
  readonly signalled: number;
  readonly silent: number;
  readonly reconnects: number;
  readonly longestSilenceMs: number;
  /** From the fault's end until the last one was level. */
  readonly catchUpMs: number;
}

/** Counts every violation, keeps the first ones. */
export class Findings {
  readonly violations: Violation[] = [];
  readonly violated = new Map<Invariant, number>();
  late = 0;
  readonly #kept: number;

  constructor(kept = 40) {
    this.#kept = kept;
  }

  add(violation: Violation): void {
    const { invariant, late } = violation;
    if (late === true) this.late += 1;
    this.violated.set(invariant, (this.violated.get(invariant) ?? 0) + 1);
    if (this.violations.length < this.#kept) this.violations.push(violation);
  }
}

/** Why a run proves nothing. */
export function vacuity(
  faults: readonly FaultRecord[],
  phases: readonly number[],
  { perPhase, evidence: least = {} }: Pick<Expectations, 'perPhase' | 'evidence'>,
): string[] {
  const reasons: string[] = [];
  if (faults.length === 0) reasons.push('no fault was recorded');
  for (const { fault, evidence } of faults) {
    const bitten = Object.values(evidence).some((count) => count > 0);
    if (!bitten) reasons.push(`${fault}: nothing shows that it bit`);
    for (const [name, count] of Object.entries(least)) {
      const seen = evidence[name] ?? 0;
      if (seen < count) reasons.push(`${fault}: ${name} is ${seen}, not ${count}`);
    }
  }
  ['before', 'during', 'after'].forEach((phase, index) => {
    const seen = phases[index] ?? 0;
    if (seen < perPhase) reasons.push(`${seen} deliveries ${phase} the fault, not ${perPhase}`);
  });
  return reasons;
}
