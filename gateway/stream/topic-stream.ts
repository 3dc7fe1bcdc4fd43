import type { Clock, Random } from '../../protocol/clock.ts';
import type { Position } from '../../protocol/position.ts';
import type { StreamSettings } from '../settings/declaration.ts';
import type { Reach } from './chain.ts';
import { type StreamCounts, silentStreamCounts } from './counts.ts';
import { Follower, type FollowerHost } from './follower.ts';
import { FollowerQueue } from './follower-queue.ts';
import { Known } from './known.ts';
import { Liveness } from './liveness.ts';
import { type Bell, type Log, type ResumeRequest, StoreDown, StoreUnknown } from './log.ts';
import { PublishLine } from './publish-line.ts';
import { Reader } from './reader.ts';
import {
  type Draft,
  type Outcome,
  type Page,
  type PageLimit,
  type Sessions,
  type Stream,
  StreamError,
  type StreamEvent,
  type StreamHealth,
  type StreamListener,
} from './stream.ts';
import { timeLimit } from './time-limit.ts';

export interface TopicStreamOptions {
  readonly log: Log;
  readonly listener: StreamListener;
  readonly settings: StreamSettings;
  /** How many replicas a publish of level `replicas` waits for: all that there are. 0: refused. */
  readonly replicas: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Default: nothing is counted. */
  readonly counts?: StreamCounts;
}

/** Topics whose head is compared with what was told, per probe interval, in rotation. */
const ROTATION = 16;

/** The stream over any `Log`: see `Stream` for what it promises, and `Follower` for how. */
export class TopicStream implements Stream {
  readonly sessions: Sessions;
  readonly #log: Log;
  readonly #listener: StreamListener;
  readonly #options: TopicStreamOptions;
  readonly #counts: StreamCounts;
  readonly #followers = new Map<string, Follower>();
  readonly #host: FollowerHost;
  readonly #queue: FollowerQueue;
  readonly #line: PublishLine;
  readonly #reader: Reader;
  readonly #known: Known;
  readonly #liveness: Liveness;
  #rotation: Iterator<Follower> | undefined;
  #rotating = 0;
  /** Redis second at which everything told so far was the head. */
  #confirmed = 0;
  /** Since when (clock.now) the log refused reads without one that worked. */
  #failingSince: number | undefined;
  #stale = false;
  #stopped = false;

  constructor(options: TopicStreamOptions) {
    const counts = options.counts ?? silentStreamCounts;
    const parts = { ...options, counts };
    this.#options = options;
    this.#log = options.log;
    this.#listener = options.listener;
    this.#counts = counts;
    this.#queue = new FollowerQueue({ ...parts, settleMs: options.settings.settleMs });
    this.#known = new Known(options.settings.knownTopics, counts);
    this.#liveness = new Liveness(this.#livenessOwner(), parts);
    this.#host = this.#followerHost();
    const acknowledged = (topic: string, position: Position) => this.#known.note(topic, position);
    this.#line = new PublishLine({ ...parts, acknowledged });
    this.#reader = new Reader({ ...parts, log: { resume: this.#resume } });
    this.sessions = sessionsOf(options.log);
  }

  async start(deadlineMs: number): Promise<void> {
    const { clock } = this.#options;
    const until = clock.now() + deadlineMs;
    try {
      await timeLimit(clock, deadlineMs, this.#log.start(this.#bell(), deadlineMs));
      await timeLimit(clock, Math.max(1, until - clock.now()), this.#liveness.start());
    } catch (error) {
      throw mapped(error);
    }
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    this.#liveness.stop();
    this.#queue.stop();
    for (const follower of this.#followers.values()) follower.close();
    this.#followers.clear();
    await this.#line.stop(deadlineMs);
    this.#reader.stop();
    await this.#log.stop();
  }

  publish(draft: Draft): Promise<Outcome> {
    return this.#line.publish(draft);
  }

  follow(topic: string): void {
    if (this.#stopped) return;
    if (this.#followers.has(topic)) throw new Error(`${topic} is followed already`);
    const follower = new Follower(topic, this.#host);
    this.#followers.set(topic, follower);
    this.#queue.add(follower);
  }

  unfollow(topic: string): void {
    const follower = this.#followers.get(topic);
    if (follower === undefined) return;
    for (const reach of follower.reaches) this.#known.note(topic, reach);
    follower.close();
    this.#followers.delete(topic);
    this.#queue.remove(follower);
    this.#log.unlisten(topic);
  }

  read(topic: string, cursor: Position, limit: PageLimit): Promise<Page> {
    return this.#reader.read(topic, cursor, limit);
  }

  latest(topic: string, count: number): Promise<Page> {
    return this.#reader.latest(topic, count);
  }

  now(): number {
    return this.#log.now();
  }

  async probe(): Promise<void> {
    try {
      await this.#liveness.prove();
    } catch (error) {
      throw mapped(error);
    }
  }

  get health(): StreamHealth {
    const downSince = this.#liveness.lostSince;
    return {
      connected: downSince === undefined,
      downSince,
      unsuitable: this.#log.unsuitable,
      lineage: this.#liveness.lineage,
    };
  }

  #bell(): Bell {
    return {
      entries: (topic, entries, second) => {
        this.#liveness.awake();
        this.#followers.get(topic)?.hear(entries, second);
      },
      announced: (topic, range) => {
        this.#liveness.awake();
        this.#followers.get(topic)?.announced(range);
      },
      probed: (token) => this.#liveness.probed(token),
      superseded: (session, generation) => {
        this.#tell({ type: 'superseded', session, generation });
      },
      up: () => this.#liveness.up(),
      down: () => this.#liveness.down(),
    };
  }

  #followerHost(): FollowerHost {
    const confirmed = () => this.#confirmed;
    return {
      log: {
        listen: (topic) => this.#inTime(this.#log.listen(topic)),
        resume: (topic, request) => this.#inTime(this.#resume(topic, request)),
      },
      counts: this.#counts,
      settings: this.#options.settings,
      get confirmed() {
        return confirmed();
      },
      tell: (event) => this.#tell(event),
      prove: () => this.#liveness.prove(),
      behind: (follower) => this.#queue.add(follower),
    };
  }

  #livenessOwner() {
    const failingSince = () => this.#failingSince;
    return {
      doubted: () => {
        this.#queue.pause();
        for (const follower of this.#followers.values()) follower.doubt();
      },
      trusted: () => this.#queue.resume(),
      proven: (second: number) => this.#queue.onceLevel(() => this.#confirm(second)),
      rotate: () => this.#rotate(),
      known: (second: number) => this.#known.report(this.#seen(), second),
      stale: () => this.#setStale(true),
      get failingSince() {
        return failingSince();
      },
    };
  }

  readonly #resume = async (topic: string, request: ResumeRequest) => {
    try {
      const resumed = await this.#log.resume(topic, request);
      this.#failingSince = undefined;
      this.#liveness.saw(resumed.lineage);
      return resumed;
    } catch (error) {
      if (error instanceof StoreDown) this.#failingSince ??= this.#options.clock.now();
      throw error;
    }
  };

  #inTime<T>(step: Promise<T>): Promise<T> {
    return timeLimit(this.#options.clock, this.#options.settings.publishTimeoutMs, step);
  }

  *#seen(): Iterable<readonly [string, Reach]> {
    for (const [topic, { reaches }] of this.#followers) {
      for (const reach of reaches) yield [topic, reach];
    }
  }

  #confirm(second: number): void {
    if (!this.#liveness.trusted) return;
    this.#confirmed = Math.max(this.#confirmed, second);
    this.#setStale(false);
    this.#tell({ type: 'confirmed', second: this.#confirmed });
  }

  #setStale(stale: boolean): void {
    if (this.#stale === stale) return;
    this.#stale = stale;
    this.#counts.stale(stale);
    this.#tell({ type: 'stale', stale });
  }

  /** A copy that got lost without a trace, and after which nothing came, is found here. */
  #rotate(): void {
    while (this.#rotating < Math.min(ROTATION, this.#followers.size)) {
      this.#rotation ??= this.#followers.values();
      const { value: follower, done } = this.#rotation.next();
      if (done) this.#rotation = undefined;
      else {
        this.#rotating += 1;
        void this.#compare(follower);
      }
      if (done) return;
    }
  }

  async #compare(follower: Follower): Promise<void> {
    const { settings } = this.#options;
    const since = follower.position;
    try {
      if (follower.state !== 'live' || since === undefined) return;
      const limits = { maxEntries: settings.pageEntries, maxBytes: settings.pageBytes };
      const request = { from: undefined, ...limits };
      const { head } = await this.#inTime(this.#resume(follower.topic, request));
      follower.compare(head, since);
    } catch {
      // The next round compares again; a log that cannot be reached is noticed by its probes.
      this.#counts.readFailed();
    } finally {
      this.#rotating -= 1;
    }
  }

  #tell(event: StreamEvent): void {
    if (!this.#stopped) this.#listener.onStream(event);
  }
}

/** Each call to the log begins after the caller's own call is over, since the log may ring. */
function sessionsOf(log: Log): Sessions {
  const step = async <T>(run: () => Promise<T>): Promise<T> => {
    await Promise.resolve();
    try {
      return await run();
    } catch (error) {
      throw mapped(error);
    }
  };
  return {
    open: (key) => step(() => log.openSession(key)),
    save: (key, generation, changed) => step(() => log.saveSession(key, generation, changed)),
  };
}

function mapped(cause: unknown): StreamError {
  if (cause instanceof StreamError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof StoreDown) return new StreamError('store_unavailable', reason, { cause });
  if (cause instanceof StoreUnknown) return new StreamError('unknown_outcome', reason, { cause });
  return new StreamError('internal', reason, { cause });
}
