import type { Expectations } from '../history/verdict.ts';
import type { LoadShape } from '../load/load.ts';
import type { SettingsTree } from '../processes/gateway-process.ts';
import type { Evidence, Judge } from './judges.ts';
import type { Stage, StagePlan } from './stage.ts';

/** One fault of the list: how it is set up, done, and what it may do. */
export interface Row extends StagePlan {
  readonly row: string;
  readonly title: string;
  readonly shape?: Partial<LoadShape>;
  /** Over that, where there are many deliveries: more than fits into `npm test`. */
  readonly large?: {
    readonly shape: Partial<LoadShape>;
    /** What the row itself sets wins. */
    readonly settings?: SettingsTree;
  };
  /** `npm run faults` alone has it: `npm test` has another row of its kind. */
  readonly largeOnly?: boolean;
  /** Deliveries, in multiples of what every row has. Default: 1. */
  readonly volume?: number;
  readonly expect?: Partial<Expectations>;
  /**
   * Does the fault, and undoes it. Publishers and subscribers are at work all the time. Resolves
   * when the cause is gone; what is not recovered by then has to recover by itself.
   */
  readonly inject: (stage: Stage) => Promise<Evidence>;
  /** What of the evidence shows that the fault bit as hard as it was meant to, and how much. */
  readonly bites: Evidence;
  readonly judge?: Judge;
}
