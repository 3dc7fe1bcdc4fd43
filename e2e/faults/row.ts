import type { Expectations, Verdict } from '../history/verdict.ts';
import type { LoadShape } from '../load/load.ts';
import type { SettingsTree } from '../processes/gateway-process.ts';
import type { Stage } from './stage.ts';

/** What shows that a fault bit, counted. */
export type Evidence = Readonly<Record<string, number>>;

/** One fault of the list: how it is set up, done, and what it may do. */
export interface Row {
  readonly row: string;
  readonly title: string;
  /** `memory`: one Redis that keeps nothing; `aof`: one that does; `sentinel`: a replica, too. */
  readonly store: 'memory' | 'aof' | 'sentinel';
  /** Each gateway reaches Redis through a proxy of its own. */
  readonly proxied?: boolean;
  /** Gateways know of no others: one that is cut off keeps its clients. */
  readonly alone?: boolean;
  readonly redisArgs?: readonly string[];
  readonly settings?: SettingsTree;
  readonly shape?: Partial<LoadShape>;
  readonly expect?: Partial<Expectations>;
  /**
   * Does the fault, and undoes it. Publishers and subscribers are at work all the time. Resolves
   * when the cause is gone; what is not recovered by then has to recover by itself.
   */
  readonly inject: (stage: Stage) => Promise<Evidence>;
  /** What the row requires beyond the invariants, as complaints. */
  readonly judge?: (stage: Stage, verdict: Verdict) => readonly string[];
}

export interface RowOptions {
  readonly seed: number;
  /** Deliveries in all, at least. */
  readonly deliveries: number;
  readonly shape: LoadShape;
  readonly progress?: (line: string) => void;
  /** Longest wait for a recovery. Default: 30 s. */
  readonly patienceMs?: number;
  /** Modules that every gateway loads first. */
  readonly imports?: readonly string[];
}

export interface RowResult {
  readonly row: Row;
  readonly seed: number;
  readonly verdict: Verdict;
  readonly evidence: Evidence;
  /** Invariants, vacuity and the row's own demands, in words; empty: it passed. */
  readonly complaints: readonly string[];
  readonly seconds: number;
}
