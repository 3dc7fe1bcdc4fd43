import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import type { Position } from '../../protocol/position.ts';
import type { StreamCounts } from './counts.ts';
import { type Log, StoreDown } from './log.ts';
import { Publication } from './publish-line-publication.ts';
import { retryDelay } from './retry-delay.ts';
import type { Draft, Outcome } from './stream.ts';

export interface PublishLineOptions {
  readonly log: Pick<Log, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: Pick<StreamCounts, 'published' | 'appended' | 'retried' | 'tooLate'>;
  readonly settings: {
    readonly publishTimeoutMs: number;
    readonly publishQueueBytes: number;
    readonly idempotencyWindowS: number;
  };
  /** How many replicas must have a publish of level `replicas`; 0: that level is refused. */
  readonly replicas: number;
  /** A publish of this topic was acknowledged. */
  acknowledged(topic: string, position: Position): void;
}

/** One append carries at most this many drafts, so that one step of the log stays short. */
const BATCH_DRAFTS = 256;
const BATCH_BYTES = 512 * 1024;
/** Deadlines are looked at this many times within the longest that a publish may take. */
const LOOKS_PER_TIMEOUT = 20;
const SHORTEST_LOOK_MS = 5;

/**
 * Publishes on their way to the log. Each topic is a line of its own: one append is under way at a
 * time, and what was called meanwhile leaves together behind it, in the order of the calls. So a
 * publish that has to be tried again keeps its place, and those behind it wait.
 */
export class PublishLine {
  readonly #options: PublishLineOptions;
  readonly #lines = new Map<string, TopicLine>();
  /** Lines that leave at the end of this turn. */
  #leaving: TopicLine[] = [];
  #bytes = 0;
  #look: Timer | undefined;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(options: PublishLineOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  publish(draft: Draft): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const publication = new Publication(draft, this.#options, (outcome) => {
      this.#bytes -= publication.bytes;
      this.#options.counts.published(outcome.outcome);
      resolve(outcome);
    });
    this.#bytes += publication.bytes;
    const others = this.#bytes - publication.bytes;
    if (this.#stopped !== undefined) {
      publication.fail('store_unavailable', 'this gateway is stopping');
    } else if (draft.ack === 'replicas' && this.#options.replicas === 0) {
      // Written by the master alone, it would be taken for safe by who asked for more.
      publication.fail('not_supported', NO_REPLICAS);
    } else if (others > 0 && this.#bytes > this.#options.settings.publishQueueBytes) {
      publication.fail('overloaded', 'too many publishes wait for the log');
    } else this.#enter(publication);
    return promise;
  }

  /** Waits until all is answered, at most `limitMs`; then answers what is left. */
  async stop(limitMs: number): Promise<void> {
    this.#stopped ??= Promise.withResolvers();
    const timer = this.#options.clock.after(limitMs, () => this.#stopped?.resolve());
    if (this.#lines.size === 0) this.#stopped.resolve();
    await this.#stopped.promise;
    timer.cancel();
    this.#look?.cancel();
    for (const line of this.#lines.values()) line.giveUp();
    this.#lines.clear();
  }

  #enter(publication: Publication): void {
    const { topic } = publication.draft;
    let line = this.#lines.get(topic);
    if (line === undefined) {
      const fresh = new TopicLine(topic, this.#options, () => this.#emptied(fresh));
      line = fresh;
      this.#lines.set(topic, fresh);
      this.#watch();
    }
    line.enter(publication);
    if (line.isLeaving || !line.mayLeave) return;
    line.isLeaving = true;
    if (this.#leaving.length === 0) queueMicrotask(() => this.#leave());
    this.#leaving.push(line);
  }

  #leave(): void {
    const leaving = this.#leaving;
    this.#leaving = [];
    for (const line of leaving) {
      line.isLeaving = false;
      if (line.mayLeave) void line.leave();
    }
  }

  #emptied(line: TopicLine): void {
    if (this.#lines.get(line.topic) === line) this.#lines.delete(line.topic);
    if (this.#lines.size === 0) this.#stopped?.resolve();
  }

  #watch(): void {
    if (this.#look !== undefined) return;
    const { clock, settings } = this.#options;
    const interval = Math.max(SHORTEST_LOOK_MS, settings.publishTimeoutMs / LOOKS_PER_TIMEOUT);
    this.#look = clock.after(interval, () => {
      this.#look = undefined;
      for (const line of this.#lines.values()) line.expire(clock.now());
      if (this.#lines.size > 0) this.#watch();
    });
  }
}

/** The publishes of one topic. */
class TopicLine {
  /** Noted to leave at the end of this turn. */
  isLeaving = false;
  readonly topic: string;
  readonly #options: PublishLineOptions;
  readonly #emptied: () => void;
  #queue: Publication[] = [];
  #underWay: readonly Publication[] = [];
  #failures = 0;
  #retry: Timer | undefined;
  #over = false;

  constructor(topic: string, options: PublishLineOptions, emptied: () => void) {
    this.topic = topic;
    this.#options = options;
    this.#emptied = emptied;
  }

  get mayLeave(): boolean {
    return this.#underWay.length === 0 && this.#retry === undefined && !this.#over;
  }

  enter(publication: Publication): void {
    this.#queue.push(publication);
  }

  /** Gives the log as many as one append carries, and so on until nothing waits. */
  async leave(): Promise<void> {
    while (this.#mayStillLeave()) {
      const batch = this.#takeBatch();
      this.#underWay = batch;
      this.#options.counts.appended(batch.length);
      const drafts = batch.map((publication) => publication.leaves());
      const replicas = batch[0]?.draft.ack === 'replicas' ? this.#options.replicas : 0;
      try {
        // A log that throws instead of rejecting is met here as well.
        const outcomes = await this.#options.log.append(this.topic, drafts, replicas);
        this.#answered(batch, outcomes);
      } catch (error) {
        this.#broke(batch, error);
      }
      this.#underWay = [];
    }
    if (this.#queue.length === 0 && this.#retry === undefined && !this.#over) this.#emptied();
  }

  /** What is past its deadline is not sent: so it certainly failed, and is not unknown. */
  #mayStillLeave(): boolean {
    if (!this.mayLeave) return false;
    this.expire(this.#options.clock.now());
    return this.#queue.length > 0;
  }

  /** Answers what is past its deadline. What is under way keeps its place until the log answers. */
  expire(now: number): void {
    for (const publication of this.#underWay) {
      if (publication.deadline <= now) publication.giveUp('underWay');
    }
    const [oldest] = this.#queue;
    if (oldest === undefined || oldest.deadline > now) return;
    this.#queue = this.#queue.filter((publication) => {
      if (publication.deadline > now) return true;
      publication.giveUp('waiting');
      return false;
    });
    if (this.#queue.length === 0 && this.#underWay.length === 0) this.#end();
  }

  /** Answers everything. */
  giveUp(): void {
    this.#over = true;
    this.#retry?.cancel();
    for (const publication of this.#underWay) publication.giveUp('underWay');
    for (const publication of this.#queue) publication.giveUp('waiting');
    this.#queue = [];
  }

  /** Neighbours of one ack level: an append has one. */
  #takeBatch(): Publication[] {
    const ack = this.#queue[0]?.draft.ack;
    let bytes = 0;
    let count = 0;
    for (const { draft, bytes: size } of this.#queue) {
      bytes += size;
      const full = count >= BATCH_DRAFTS || (bytes > BATCH_BYTES && count > 0);
      if (full || draft.ack !== ack) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  #answered(batch: readonly Publication[], outcomes: readonly Outcome[]): void {
    const again: Publication[] = [];
    for (const [index, publication] of batch.entries()) {
      const outcome = outcomes[index] ?? NO_OUTCOME;
      if (outcome.outcome === 'ok') {
        this.#options.acknowledged(this.topic, outcome.position);
      } else if (outcome.outcome === 'unknown' && outcome.tooLate) {
        this.#options.counts.tooLate();
      }
      if (!publication.settle(outcome)) again.push(publication);
    }
    this.#again(again);
  }

  #broke(batch: readonly Publication[], error: unknown): void {
    const again: Publication[] = [];
    for (const publication of batch) {
      const keeps = error instanceof StoreDown || !publication.settle(NO_OUTCOME);
      if (keeps && !publication.isSettled) again.push(publication);
    }
    this.#again(again);
  }

  /** Back to the front of the line, in order; everyone behind waits for the next try. */
  #again(publications: readonly Publication[]): void {
    if (publications.length === 0) {
      this.#failures = 0;
      return;
    }
    if (this.#over) {
      for (const publication of publications) publication.giveUp('waiting');
      return;
    }
    const { clock, counts, random } = this.#options;
    counts.retried(publications.length);
    this.#queue.unshift(...publications);
    this.#failures += 1;
    this.#retry = clock.after(retryDelay(this.#failures, random), () => {
      this.#retry = undefined;
      void this.leave();
    });
  }

  #end(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#emptied();
  }
}

const NO_REPLICAS = 'ack "replicas" needs the setting redis.replicas, which is 0 or without Redis';

const NO_OUTCOME: Outcome = {
  outcome: 'unknown',
  code: 'unknown_outcome',
  message: 'the connection to the log broke before it answered',
};
