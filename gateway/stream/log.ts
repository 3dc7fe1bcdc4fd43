import type { Position } from '../../protocol/position.ts';
import type { Origin, Reach } from './chain.ts';
import type {
  CursorChanges,
  Entry,
  OpenedSession,
  Outcome,
  SaveResult,
  SessionKey,
} from './stream.ts';

/**
 * What a store must offer to be the log behind `TopicStream`: atomic steps on one topic, and a
 * bell. Two stores implement it: Redis (each step one Lua script) and memory (each step one
 * synchronous function), and both pass `log.conformance.ts`.
 *
 * Every method is one atomic step of the store. A rejection with `StoreDown` means the step did not
 * run; with `StoreUnknown`, that it may have run. Lineage, epochs and chains are the store's.
 */
export interface Log {
  /** Connects, rings `bell.up()` when it works, again after each reconnect. */
  start(bell: Bell, deadlineMs: number): Promise<void>;
  stop(): Promise<void>;

  /**
   * Appends a batch to one topic, in order, announces it once. One outcome per draft. Rejects
   * only when the outcome is the same for all: `StoreDown` or `StoreUnknown`.
   */
  append(topic: string, batch: readonly LogDraft[], replicas: number): Promise<readonly Outcome[]>;
  /** Resolves the cursor by the rules of epochs and reads on from it. */
  resume(topic: string, request: ResumeRequest): Promise<Resumed>;
  /** What this pod knows of a topic whose lineage changed: highest (epoch, seq) seen or acked. */
  report(lineage: string, known: ReadonlyMap<string, Reach>, last: boolean): Promise<void>;

  /**
   * Starts and stops the live copy of a topic. `listen` resolves once it is in force; then the
   * store keeps it through reconnects: it is in force again before `bell.up()`. A `listen` that
   * rejected is not kept.
   */
  listen(topic: string): Promise<void>;
  unlisten(topic: string): void;

  /** See `Stream`. */
  now(): number;
  /** A message to this pod itself, which must come back through `bell.probed`. */
  probe(token: string): Promise<Probe>;

  openSession(key: SessionKey): Promise<OpenedSession>;
  saveSession(key: SessionKey, generation: number, changed: CursorChanges): Promise<SaveResult>;

  /** What of the store's configuration endangers the promises, in words. */
  readonly unsuitable: readonly string[];
}

/** What the store says on its own. */
export interface Bell {
  /** A live copy. May be lost, repeated or late; never invented. */
  entries(topic: string, entries: readonly Entry[], second: number): void;
  /** A live copy too large to be sent along: (epoch, from … to) is in the log. */
  announced(topic: string, range: { epoch: string; from: number; to: number }): void;
  probed(token: string): void;
  superseded(key: SessionKey, generation: number): void;
  /** The connection that carries the live copies is up; nothing was heard while it was down. */
  up(): void;
  down(reason: string): void;
}

export interface LogDraft {
  readonly identity: string;
  readonly producer?: { readonly id: string; readonly seq: number };
  /** See `Draft`. */
  readonly retry?: boolean;
  readonly sentAfter?: number;
  readonly data: Entry['data'];
}

export interface ResumeRequest {
  /** Absent: only the head is wanted. `latest`: that many entries before the head. */
  readonly from: Position | { readonly latest: number } | undefined;
  /**
   * The log itself told this pod of `from`, and no client claims it. If the log has less now, it
   * was set back: a store that cannot see a change of lineage otherwise takes this for one.
   */
  readonly heard?: boolean;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export interface Resumed {
  readonly lineage: string;
  /**
   * Milliseconds until what the steps say of lost messages is final, because pods may still
   * report what they saw before a change of lineage that the cursor crosses. 0: it is final.
   */
  readonly unsettledMs: number;
  readonly head: Position;
  /** Where the head's epoch began; undefined: unborn, or the cursor was in that epoch already. */
  readonly origin?: Origin | undefined;
  /** In the order in which a subscriber must see them, gaps between entries where they belong. */
  readonly steps: import('./stream.ts').Page['steps'];
  readonly cursor: Position;
}

export interface Probe {
  readonly lineage: string;
  /** The store's clock, seconds. */
  readonly second: number;
}

export class StoreDown extends Error {
  override readonly name = 'StoreDown';
}

export class StoreUnknown extends Error {
  override readonly name = 'StoreUnknown';
}

/** This store can never be used as it is: a Redis Cluster, or a version that is too old. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused';
}
