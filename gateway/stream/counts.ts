import type { GapReason } from '../../protocol/codes.ts';
import type { Outcome } from './stream.ts';

/** What the stream counts. Labels are bounded sets of names. */
export interface StreamCounts {
  /** A publish was answered. */
  published(outcome: Outcome['outcome']): void;
  /** A batch of one topic was given to the log. */
  appended(drafts: number): void;
  /** Publishes whose outcome was unknown, or that found no log, are tried again. */
  retried(drafts: number): void;
  /** A publish was under way for longer than the log remembers ids, and was not written. */
  tooLate(): void;
  /** Entries were told to the listener. */
  told(entries: number): void;
  /** Entries of a live copy had been told before. */
  repeated(entries: number): void;
  /** A live topic had to be read from the log. */
  repair(cause: RepairCause): void;
  /** Live entries of a topic that was being read were dropped, to be read as well. */
  overflowed(): void;
  gap(reason: GapReason): void;
  /** What was heard may be incomplete: every topic is checked before anything more is told. */
  doubt(cause: DoubtCause): void;
  stale(stale: boolean): void;
  /** A page was read for `readers` callers. */
  read(readers: number): void;
  /** A read or an opening failed and is tried again. */
  readFailed(): void;
  /** The log answered what cannot be; the answer was dropped and the read is tried again. */
  inconsistent(): void;
  /** What was known of these topics could not be reported in time after a change of lineage. */
  unreported(topics: number): void;
  /** The last known position of a topic without listeners was forgotten for lack of room. */
  forgotten(): void;
}

export type RepairCause = 'hole' | 'announced' | 'epoch' | 'doubt' | 'rotation';
export type DoubtCause = 'reconnect' | 'probe_lost' | 'lineage' | 'frozen';

const nothing = () => {};

/** Counts nothing. */
export const silentStreamCounts: StreamCounts = {
  published: nothing,
  appended: nothing,
  retried: nothing,
  tooLate: nothing,
  told: nothing,
  repeated: nothing,
  repair: nothing,
  overflowed: nothing,
  gap: nothing,
  doubt: nothing,
  stale: nothing,
  read: nothing,
  readFailed: nothing,
  inconsistent: nothing,
  unreported: nothing,
  forgotten: nothing,
};
