import type { Reach } from '../chain.ts';
import type { ResumeRequest } from '../log.ts';

/** What the scripts are asked with, as the head of each file in `lua/` describes it. */
export type Arg = string | number;

/** Of report.lua, per topic. */
export function howFar({ epoch, seq, confirmed, origin }: Reach): Arg[] {
  return [epoch, seq, confirmed, origin?.seq ?? 0, origin?.epoch ?? ''];
}

/** Of resume.lua. */
export function whereFrom(from: ResumeRequest['from'], heard: boolean): Arg[] {
  if (from === undefined) return ['head'];
  if ('latest' in from) return ['latest', from.latest];
  return ['after', from.epoch, from.seq, heard ? '1' : '0'];
}
