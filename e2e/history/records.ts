import type { GapReason } from '../../protocol/codes.ts';

/**
 * What a run leaves behind for the checker: one JSON object a line, in the order in which one
 * process saw things. `t` is monotonic nanoseconds of that process; load clients, nemesis and
 * arbiter share one process, so their times compare.
 */
export type HistoryRecord =
  | PublishRecord
  | SubscribeRecord
  | UnsubscribeRecord
  | DeliveryRecord
  | GapRecord
  | ConnectionRecord
  | HeardRecord
  | HeldRecord
  | AuthorityRecord
  | FaultRecord
  | EntryRecord
  | LineageRecord
  | RetainedRecord
  | ProcessRecord
  | QuietRecord;

/** `app`: what the application was given. `wire`: the frames, before anything is deduplicated. */
export type Tap = 'app' | 'wire';

/** One attempt to publish. Attempts of one message share `id` and are written in their order. */
export interface PublishRecord {
  readonly kind: 'pub';
  readonly topic: string;
  /** `run/publisher/number`; also inside the data, so that every delivery names it. */
  readonly id: string;
  readonly hash: number;
  /** Who publishes, and its running number for this topic. */
  readonly publisher: string;
  readonly pn: number;
  readonly attempt: number;
  readonly inv: number;
  readonly ret: number;
  readonly out: 'ok' | 'failed' | 'unknown';
  /** Of `ok`. */
  readonly epoch?: string;
  readonly seq?: number;
  readonly level: 'leader' | 'replicas';
  /** Error code of what was not `ok`. */
  readonly code?: string;
}

/** The application subscribed afresh and was told where it starts. */
export interface SubscribeRecord {
  readonly kind: 'sub';
  readonly t: number;
  readonly subscriber: string;
  readonly tap: Tap;
  readonly topic: string;
  readonly identity: string;
  readonly epoch: string;
  readonly seq: number;
}

/** The application gave the subscription up: nothing of the topic may follow. */
export interface UnsubscribeRecord {
  readonly kind: 'unsub';
  readonly t: number;
  readonly subscriber: string;
  readonly tap: Tap;
  readonly topic: string;
}

export interface DeliveryRecord {
  readonly kind: 'del';
  readonly t: number;
  readonly subscriber: string;
  readonly tap: Tap;
  readonly topic: string;
  readonly id: string;
  readonly hash: number;
  readonly epoch: string;
  readonly seq: number;
}

export interface GapRecord {
  readonly kind: 'gap';
  readonly t: number;
  readonly subscriber: string;
  readonly tap: Tap;
  readonly topic: string;
  readonly reason: GapReason;
  readonly from?: number;
  readonly to?: number;
  /** Where the subscriber continues. */
  readonly epoch: string;
  readonly seq: number;
}

export interface ConnectionRecord {
  readonly kind: 'conn';
  readonly t: number;
  readonly subscriber: string;
  readonly state: 'open' | 'closed';
  readonly code?: number;
}

/** Any other sign of life on a connection: a tick, a ping, `stale`. */
export interface HeardRecord {
  readonly kind: 'heard';
  readonly t: number;
  readonly subscriber: string;
  readonly what: 'tick' | 'ping' | 'stale' | 'fresh' | 'other';
}

/**
 * The load itself keeps a subscriber from hearing anything, connected or not, until it says that it
 * no longer does: what is missing meanwhile is nobody's fault.
 */
export interface HeldRecord {
  readonly kind: 'held';
  readonly t: number;
  readonly subscriber: string;
  readonly held: boolean;
}

/** From now on the identity may, or may not, have the topic. Unsaid: it may. */
export interface AuthorityRecord {
  readonly kind: 'auth';
  readonly t: number;
  readonly identity: string;
  readonly topic: string;
  readonly allowed: boolean;
}

export interface FaultRecord {
  readonly kind: 'fault';
  readonly fault: string;
  readonly target: string;
  readonly start: number;
  /** When everything had recovered. */
  readonly end: number;
  /** What shows that it bit, counted. All zero: it did not. */
  readonly evidence: Readonly<Record<string, number>>;
}

/** The arbiter read this entry from the log of the current master. */
export interface EntryRecord {
  readonly kind: 'entry';
  readonly t: number;
  readonly topic: string;
  readonly epoch: string;
  readonly seq: number;
  readonly id: string;
  readonly hash: number;
}

/**
 * The arbiter's view of a topic's history, oldest epoch first; the last one is current. Written
 * whenever an epoch begins or ends, and at the end. An epoch that no later record of the same
 * topic names was forgotten: a wipe, and not a failover, ended it.
 */
export interface LineageRecord {
  readonly kind: 'lineage';
  readonly t: number;
  readonly topic: string;
  readonly epochs: readonly {
    readonly epoch: string;
    /** Its messages are `start + 1` … `end`; what it had beyond `end` was lost. */
    readonly start: number;
    readonly end: number;
  }[];
}

/** The arbiter saw that `first` was the oldest entry that the log still had. */
export interface RetainedRecord {
  readonly kind: 'retained';
  /** When the read that found it began. */
  readonly t: number;
  readonly topic: string;
  readonly epoch: string;
  readonly first: number;
}

export interface ProcessRecord {
  readonly kind: 'process';
  readonly t: number;
  readonly name: string;
  /**
   * `baseline` before load, `settled` after it, `exit` when the process ended. `warm`: it has done
   * once what it does until `worn`; so what it holds then it should have held before.
   */
  readonly phase: 'baseline' | 'settled' | 'warm' | 'worn' | 'exit';
  /** Open ones. */
  readonly files?: number;
  /** Running ones. */
  readonly timers?: number;
  /** When its garbage was collected: objects, and the buffers that they hold. */
  readonly heldBytes?: number;
  readonly rssBytes?: number;
  /** Of `exit`. */
  readonly planned?: boolean;
  readonly detail?: string;
}

/** Nothing is under way any more: from here on everybody must be level. */
export interface QuietRecord {
  readonly kind: 'quiet';
  readonly t: number;
  /** Subscribers that were disconnected on purpose and owe nothing. */
  readonly absent: readonly string[];
}
