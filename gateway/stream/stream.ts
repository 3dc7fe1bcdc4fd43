import type { ErrorName, GapReason } from '../../protocol/codes.ts';
import type { AckLevel, ProducerSeq } from '../../protocol/commands.ts';
import type { Gap } from '../../protocol/events.ts';
import type { Payload } from '../../protocol/payload.ts';
import type { Position } from '../../protocol/position.ts';

/**
 * The log of every topic, as the rest of a gateway sees it.
 *
 * **Guarantee.** An entry whose publish was answered `ok` is handed to every listener that follows
 * its topic, on every pod, or a gap that covers it is. Neither ever happens twice for one listener.
 *
 * **Order.** Per topic one order, the same for all: `seq` grows by one per entry, across epochs
 * too. `entries` continue exactly after what this listener was told last. One publisher's messages
 * for one topic are written in the order of the calls, also when unknown ones are tried again: one
 * that would come too late is not written.
 *
 * **Atomicity.** A publish is written, numbered and announced in one step, or not at all, or its
 * outcome says `unknown`. `read` sees one moment of the log.
 *
 * **Truth.** The log decides. The live copy is a bell: what it loses or repeats is made good from
 * the log before a listener hears of it. A topic that is not followed costs nothing.
 *
 * **Serialising.** All calls come from one thread. Listener calls never nest inside a call to the
 * stream, and a listener does not throw.
 */
export interface Stream {
  /** Connects. Resolves when publishing and following work; rejects with a `StreamError`. */
  start(deadlineMs: number): Promise<void>;
  /** Lets what is in flight finish, up to the deadline; then everything is settled. */
  stop(deadlineMs: number): Promise<void>;

  /** Never rejects: every way it can end is an outcome. */
  publish(draft: Draft): Promise<Outcome>;

  /** Starts to hear of a topic; the first event is `opened`. Following twice is a mistake. */
  follow(topic: string): void;
  /** Stops at once: no event of the topic follows, even one that was under way. */
  unfollow(topic: string): void;

  /**
   * What comes after `cursor`, resolved and read in one step. Waits while the history of a changed
   * lineage is not yet settled. Equal reads under way are one read. Rejects with a `StreamError`.
   */
  read(topic: string, cursor: Position, limit: PageLimit): Promise<Page>;
  /** The newest `count` entries, oldest first, and the head. Rejects with a `StreamError`. */
  latest(topic: string, count: number): Promise<Page>;

  /** Cursors that the server keeps for a session. */
  readonly sessions: Sessions;

  /**
   * The log's clock, milliseconds since 1970, as far as it is known: never ahead of it, and behind
   * it by no more than an answer takes.
   */
  now(): number;
  /** One round trip to the log's master that began after the call. Rejects with `StreamError`. */
  probe(): Promise<void>;
  readonly health: StreamHealth;
}

/** How the stream speaks to whoever follows topics. */
export interface StreamListener {
  onStream(event: StreamEvent): void;
}

export type StreamEvent =
  /** The topic is followed from `head`; everything after it will be told. */
  | { readonly type: 'opened'; readonly topic: string; readonly head: Position }
  /** Contiguous, oldest first; the first follows directly on what was told before. */
  | { readonly type: 'entries'; readonly topic: string; readonly entries: readonly Entry[] }
  /** Messages were missed for good; what follows continues after `gap.position`. */
  | { readonly type: 'gap'; readonly topic: string; readonly gap: Gap }
  /**
   * A new epoch began and nothing was missed: the head is now `head`, with the same seq; or with
   * seq 0, where the log forgot an old topic by its retention. Comes before the entries of it.
   */
  | { readonly type: 'epoch'; readonly topic: string; readonly head: Position }
  /** At this Redis second the head of every followed topic was what the listener was told last. */
  | { readonly type: 'confirmed'; readonly second: number }
  /** The log cannot be reached (true) or can again and every followed topic is level (false). */
  | { readonly type: 'stale'; readonly stale: boolean }
  /** Another pod opened this session with a higher generation. */
  | { readonly type: 'superseded'; readonly session: SessionKey; readonly generation: number };

export interface Entry {
  readonly epoch: string;
  readonly seq: number;
  /** When the log took it, milliseconds since 1970 by the log's clock. */
  readonly at: number;
  /** `producer:seq`, when the publisher gave one. */
  readonly id?: string;
  readonly data: Payload;
}

export interface Draft {
  readonly topic: string;
  readonly data: Payload;
  /** Who publishes; part of the idempotency key. Empty for anonymous. */
  readonly identity: string;
  readonly producer?: ProducerSeq;
  /**
   * An earlier sending may have been written. If none was, and a later one of the producer was, it
   * is not written any more, since that would change their order: `failed`, `out_of_order`.
   */
  readonly retry?: boolean;
  /**
   * By the log's clock: it was sent for the first time after this, milliseconds since 1970. Where
   * that is longer ago than ids are remembered, another sending of it may have been written and
   * forgotten: it is not written any more, `tooLate`. Absent: nobody sends it twice.
   */
  readonly sentAfter?: number;
  readonly ack: AckLevel;
}

export type Outcome =
  | { readonly outcome: 'ok'; readonly position: Position; readonly duplicate: boolean }
  /** Certainly not written. */
  | { readonly outcome: 'failed'; readonly code: ErrorName; readonly message: string }
  /**
   * Written or not, nobody knows. The same (producer, seq) may be tried again; not where it was
   * under way for longer than the log remembers ids.
   */
  | {
      readonly outcome: 'unknown';
      readonly code: 'unknown_outcome';
      readonly message: string;
      readonly tooLate?: true;
    };

/** Whichever is reached first; at least one entry is returned when there is one. */
export interface PageLimit {
  readonly entries: number;
  readonly bytes: number;
}

export interface Page {
  /** In the order in which a subscriber at the cursor must see them. */
  readonly steps: readonly PageStep[];
  /** Where a subscriber is after all steps; the cursor for the next page. */
  readonly cursor: Position;
  /** The head of the topic at the moment of the read. */
  readonly head: Position;
}

/**
 * Whether a page that was read from `from` is also what a cursor at the same place gets. What the
 * log does not know of a place, it judges by when the cursor was last confirmed: who is told of
 * nothing is so with any later confirmation, who is told of a gap without a range with any earlier.
 */
export function answersToo(page: Page, from: Position, cursor: Position): boolean {
  const jumps = page.steps.some((step) => step.kind === 'gap' && step.gap.from === undefined);
  if (jumps) return cursor.confirmed <= from.confirmed;
  const judged = page.head.seq === 0 || from.seq === 0;
  return !judged || cursor.confirmed >= from.confirmed;
}

export type PageStep =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'gap'; readonly gap: Gap };

export interface SessionKey {
  readonly identity: string;
  readonly session: string;
}

export interface Sessions {
  /**
   * Takes the session over: its generation grows, every older holder is superseded. When its
   * identity then has more than `sessionsPerIdentity`, those are forgotten that were opened or
   * saved longest ago.
   */
  open(key: SessionKey): Promise<OpenedSession>;
  /**
   * Merges changed positions (`undefined` removes a topic). `superseded` when a newer holder
   * exists, `forgotten` when the session was forgotten for others and there is no room for it:
   * then nothing was written. Rejects with a `StreamError`.
   */
  save(key: SessionKey, generation: number, changed: CursorChanges): Promise<SaveResult>;
}

export interface OpenedSession {
  readonly generation: number;
  readonly cursors: ReadonlyMap<string, Position>;
  /**
   * Why the opening could not be written: the store can be read only, as when it is full. The next
   * save writes it; until then the session may have a holder of the same generation elsewhere.
   */
  readonly unwritten?: string;
  /** Sessions of the same identity that were forgotten. Absent: none. */
  readonly forgotten?: number;
}

export type CursorChanges = ReadonlyMap<string, Position | undefined>;
export type SaveResult = 'saved' | 'superseded' | 'forgotten';

export interface StreamHealth {
  /** Publishing and following work now. */
  readonly connected: boolean;
  /** Since when (clock.now) they do not. */
  readonly downSince: number | undefined;
  /** What about the server's configuration endangers the promises, in words; empty is good. */
  readonly unsuitable: readonly string[];
  /** Lineage of the log as last seen. */
  readonly lineage: string;
}

export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: ErrorName;

  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Reasons that a log itself can give. `slow` is the hub's. */
export type LogGapReason = Exclude<GapReason, 'slow'>;
