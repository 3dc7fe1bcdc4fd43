import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import { type ErrorName, errorCodes } from '../../protocol/codes.ts';
import type { Position } from '../../protocol/position.ts';
import {
  type Entry,
  type Page,
  type PageLimit,
  type Stream,
  StreamError,
} from '../stream/stream.ts';
import type { HubCounts } from './counts.ts';
import { Recent, type RecentBudget } from './recent.ts';
import { SharedPage } from './shared-page.ts';
import type { Behind, LogReads, Subscription, Topic } from './topic.ts';

/** Backoff between failed reads: doubles from the first to the last, less up to half by chance. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2_000;
/** Who waits for the topic to move looks into the log again after this. */
const LOOK_MS = 1_000;
/** Lowest cursor first; every so many reads, whoever waits longest. */
const LONGEST_WAIT_TURN = 8;

/** What catching up needs of the hub. */
export interface CatchUpContext {
  readonly stream: Stream;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: HubCounts;
  readonly budget: RecentBudget;
  readonly page: PageLimit;
  /** Longest wait for a topic to be opened. */
  readonly openTimeoutMs: number;
  /** Reads that fail this long end the subscriptions that wait for them. */
  readonly catchUpTimeoutMs: number;
  /** The pump takes a step with a subscription in this turn or one of the next. */
  ready(subscription: Subscription): void;
  /** `next` is to be called at the end of this turn or the next. */
  reads(catchUp: CatchUp): void;
  /** `forget` is to be called once nobody is ready any more. */
  keeps(catchUp: CatchUp): void;
}

/**
 * The reads of one topic's log for subscriptions that are behind. One read at a time, and no next
 * one before the page was handed to everyone whom it serves: then all who move on from the same
 * place wait together, and one read is enough for them.
 */
export class CatchUp implements LogReads {
  readonly #topic: Topic;
  readonly #context: CatchUpContext;
  readonly #waiting = new Set<Subscription>();
  readonly #parked = new Set<Subscription>();
  /** Subscriptions that still have a page to be given. */
  #users = 0;
  /** Serves those who come to wait too late for it, while there may be such. */
  #last: SharedPage | undefined;
  #reading = false;
  #reads = 0;
  #failures = 0;
  #failingSince: number | undefined;
  /** Runs after a failure; nothing is read before. */
  #retry: Timer | undefined;
  /** Runs while somebody is parked: to look again, or to give up on a topic that never opens. */
  #patience: Timer | undefined;

  constructor(topic: Topic, context: CatchUpContext) {
    this.#topic = topic;
    this.#context = context;
  }

  /** Waits for a page, which all who come to wait in this turn share; or takes the last one. */
  wait(subscription: Subscription, behind: Behind): void {
    const { told } = this.#topic;
    if (told !== undefined && behind.cursor !== undefined) {
      if (this.#last?.leadsOn(behind.cursor, told)) {
        this.#hand(this.#last, subscription, behind);
        return;
      }
    }
    behind.at = 'waiting';
    this.#waiting.add(subscription);
    this.#context.reads(this);
  }

  /** Waits for the topic to move on; looks into the log again when it does not for long. */
  park(subscription: Subscription, behind: Behind): void {
    behind.at = 'parked';
    this.#parked.add(subscription);
    this.#patience ??=
      this.#topic.told === undefined
        ? this.#context.clock.after(this.#context.openTimeoutMs, () => this.#giveUp())
        : this.#context.clock.after(LOOK_MS, () => this.#look());
  }

  /** The topic moved on, or was opened. */
  moved(): void {
    this.#endPatience();
    for (const subscription of this.#parked) this.#context.ready(subscription);
    this.#parked.clear();
  }

  /** The subscription is over, was held, or was given its page. */
  release(subscription: Subscription): void {
    this.#waiting.delete(subscription);
    if (this.#parked.delete(subscription) && this.#parked.size === 0) this.#endPatience();
    const { behind } = subscription;
    if (behind?.page === undefined) return;
    behind.page = undefined;
    this.#users -= 1;
    this.#context.reads(this);
  }

  /** Reads the next page when somebody waits for one and nothing stands against it. */
  next(): void {
    if (this.#reading || this.#users > 0 || this.#retry !== undefined) return;
    const cursor = this.#choose();
    if (cursor === undefined) return;
    const { stream, page } = this.#context;
    const epoch = this.#topic.told?.epoch;
    this.#reading = true;
    void stream.read(this.#topic.name, cursor, page).then(
      (read) => this.#onPage(cursor, read, epoch),
      (error: unknown) => this.#onFailure(error),
    );
  }

  forget(): void {
    this.#last = undefined;
  }

  /** Everyone who waits for the topic in any way is refused. */
  refuse(code: ErrorName, message: string): void {
    const { name } = this.#topic;
    for (const subscription of [...this.#waiting, ...this.#parked]) {
      const { behind } = subscription;
      if (behind === undefined) continue;
      const request = behind.request ?? 0;
      behind.refusal = { kind: 'refused', topic: name, request, code, message };
      this.#context.ready(subscription);
    }
    this.#waiting.clear();
    this.#parked.clear();
    this.#endPatience();
  }

  stop(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#last = undefined;
    this.#endPatience();
    this.#waiting.clear();
    this.#parked.clear();
  }

  /**
   * From the lowest cursor a page serves all whom it passes on its way up. A subscription far
   * ahead must not wait for all of them.
   */
  #choose(): Position | undefined {
    this.#reads += 1;
    let chosen: Position | undefined;
    for (const { behind } of this.#waiting) {
      const cursor = behind?.cursor;
      if (cursor === undefined) continue;
      if (chosen === undefined || cursor.seq < chosen.seq) chosen = cursor;
      if (this.#reads % LONGEST_WAIT_TURN === 0) break;
    }
    return chosen;
  }

  #onPage(from: Position, page: Page, epochBefore: string | undefined): void {
    this.#reading = false;
    const { told } = this.#topic;
    if (this.#topic.dropped || told === undefined) return;
    this.#failures = 0;
    this.#failingSince = undefined;
    if (page.head.epoch !== told.epoch) {
      // Either this pod heard of a new epoch while the page was read, and it is old, or the log has
      // one that this pod will hear of: live messages cannot be joined to it before.
      if (told.epoch !== epochBefore) this.next();
      else this.#postpone();
      return;
    }
    this.#remember(page, told);
    this.#serve(new SharedPage(this.#topic.name, from, page));
  }

  #serve(shared: SharedPage): void {
    let served = 0;
    for (const subscription of this.#waiting) {
      const { behind } = subscription;
      if (behind?.cursor === undefined || shared.start(behind.cursor) === undefined) continue;
      this.#waiting.delete(subscription);
      this.#hand(shared, subscription, behind);
      served += 1;
    }
    this.#last = shared;
    this.#context.keeps(this);
    this.#context.counts.read(served);
    this.next();
  }

  #hand(shared: SharedPage, subscription: Subscription, behind: Behind): void {
    behind.page = shared;
    if (behind.resume !== undefined) behind.resume = 'log';
    this.#users += 1;
    this.#context.ready(subscription);
  }

  #remember(page: Page, told: Position): void {
    const entries: Entry[] = [];
    for (const step of page.steps) if (step.kind === 'entry') entries.push(step.entry);
    if (entries.length === 0) return;
    this.#topic.recent ??= new Recent(told);
    this.#context.budget.prepend(this.#topic.recent, entries);
  }

  #onFailure(error: unknown): void {
    this.#reading = false;
    if (this.#topic.dropped) return;
    const code = error instanceof StreamError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : 'the log could not be read';
    this.#context.counts.readFailed(code);
    const now = this.#context.clock.now();
    this.#failingSince ??= now;
    const late = now - this.#failingSince >= this.#context.catchUpTimeoutMs;
    if (late || !errorCodes[code].retry) {
      this.refuse(code, message);
      this.#failingSince = undefined;
    }
    this.#retryLater();
  }

  /** Everyone waits until this pod has heard of the epoch that the log is in. */
  #postpone(): void {
    for (const subscription of this.#waiting) {
      if (subscription.behind !== undefined) this.park(subscription, subscription.behind);
    }
    this.#waiting.clear();
  }

  #retryLater(): void {
    const { clock, random } = this.#context;
    const ceiling = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#retry = clock.after(ceiling * (1 - random() / 2), () => {
      this.#retry = undefined;
      this.next();
    });
  }

  #look(): void {
    for (const { behind } of this.#parked) if (behind !== undefined) behind.proven = undefined;
    this.moved();
  }

  #endPatience(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
  }

  #giveUp(): void {
    this.refuse('store_unavailable', 'the topic could not be opened in time');
  }
}
