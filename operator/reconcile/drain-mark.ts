import type { drainReasons } from '../api/status.ts';

export type DrainReason = (typeof drainReasons)[number];

/** What is written down on a pod that is to be emptied: any operator goes on with it. */
export interface DrainMark {
  readonly reason: DrainReason;
  /** Milliseconds since 1970, whole seconds. */
  readonly since: number;
}
