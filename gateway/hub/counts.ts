import type { ErrorName, GapReason } from '../../protocol/codes.ts';

/** What the hub counts as it happens. What it merely has is read from `TopicHub.state`. */
export interface HubCounts {
  /** One batch of `entries` messages was fanned out to `outlets` live subscribers. */
  delivered(outlets: number, entries: number): void;
  /** A subscription with a position became live: from memory alone, or with reads of the log. */
  resumed(by: ResumeSource): void;
  gap(reason: GapReason, outlets: number): void;
  /** An outlet had no room: its subscriptions fell behind until it is drained. */
  slow(): void;
  /** A page of a topic was read from the log, for `subscriptions` that waited for it. */
  read(subscriptions: number): void;
  readFailed(code: ErrorName): void;
  refused(code: ErrorName): void;
}

export type ResumeSource = 'memory' | 'log';

/** Counts nothing. */
export const silentCounts: HubCounts = {
  delivered() {},
  resumed() {},
  gap() {},
  slow() {},
  read() {},
  readFailed() {},
  refused() {},
};
