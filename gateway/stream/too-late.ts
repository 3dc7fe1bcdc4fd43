import type { Outcome } from './stream.ts';

/** What a publish is answered that was under way for longer than the log remembers ids. */
export const TOO_LATE: Outcome = {
  outcome: 'unknown',
  code: 'unknown_outcome',
  message: 'it came too late: an earlier sending of it may have been written and forgotten',
  tooLate: true,
};
