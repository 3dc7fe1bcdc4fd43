import type { Clock, Random, Timer } from '../../../protocol/clock.ts';
import type { StreamSettings } from '../../settings/declaration.ts';
import {
  continueFrom,
  crossesChange,
  jump,
  missedBeforeBirth,
  originOf,
  type Reach,
} from '../chain.ts';
import {
  type Bell,
  type Log,
  type LogDraft,
  type Probe,
  type Resumed,
  type ResumeRequest,
  StoreDown,
  StoreRefused,
} from '../log.ts';
import type { CursorChanges, OpenedSession, Outcome, SaveResult, SessionKey } from '../stream.ts';
import { type Keys, redisKeys } from './keys.ts';
import type { RedisAccess } from './redis-access.ts';
import { Agreement } from './redis-agreement.ts';
import { RedisClock } from './redis-clock.ts';
import { Connection, type ConnectionOwner } from './redis-connections.ts';
import { type ConnectionName, type RedisLogCounts, silentRedisLogCounts } from './redis-counts.ts';
import { judge, storeError } from './redis-errors.ts';
import { factsOfMaster, timeOf } from './redis-facts.ts';
import { Move } from './redis-move.ts';
import { RedisPublisher } from './redis-publisher.ts';
import { probeReply, resumeReply, type TopicReply, type UnbornReply } from './redis-replies.ts';
import { type Arg, howFar, whereFrom } from './redis-requests.ts';
import { redisScripts, type Script, type ScriptName, type Scripts } from './redis-scripts.ts';
import { SentinelWatch } from './redis-sentinel-watch.ts';
import { RedisSessions } from './redis-sessions.ts';
import { RedisSubscriber } from './redis-subscriber.ts';
import { shortcomings } from './suitability.ts';
import { WriteCount } from './write-count.ts';

export interface RedisLogOptions {
  readonly redis: RedisAccess;
  readonly stream: StreamSettings;
  /** Name of this pod; unlike that of every other one. */
  readonly pod: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts?: RedisLogCounts;
  /** Why one of ours, once it was started, or a Sentinel's cannot be had; see `Outage`. */
  readonly onOutage?: (connection: string, reason: string) => void;
  /** See `SentinelWatch`; for what else is on the same Redis. */
  readonly onSwitched?: (from: string) => void;
}

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const EPOCH_LETTERS = 10;
/** A probe's second is past the newest change of lineage, which may be this second's. */
const PROBE_AHEAD_S = 2;
/** Topics of one report script, so that Redis is not held up. */
const TOPICS_PER_SCRIPT = 200;

/**
 * The log in Redis: a Stream per topic as the truth, PUBLISH as its bell, one script per step.
 *
 * Three connections: `publish` carries appends and their WAITs, `control` everything else that is
 * asked, `bell` hears. A step that was sent is never sent again by itself.
 */
export class RedisLog implements Log {
  readonly #options: RedisLogOptions;
  readonly #counts: RedisLogCounts;
  readonly #keys: Keys;
  readonly #scripts: Scripts;
  readonly #publishConnection: Connection;
  readonly #control: Connection;
  readonly #agreement: Agreement;
  readonly #publisher: RedisPublisher;
  readonly #watch: SentinelWatch;
  readonly #move = new Move(() => this.#connections());
  readonly #sessions: RedisSessions;
  readonly #writes = new WriteCount();
  readonly #clock: RedisClock;
  #bell: RedisSubscriber | undefined;
  #unsuitable: readonly string[] = [];
  /** The newest probe that is not back yet. */
  #awaited: string | undefined;
  #watchdog: Timer | undefined;
  #starting: { check(): void; refuse(error: Error): void } | undefined;

  constructor(options: RedisLogOptions) {
    this.#options = options;
    this.#counts = options.counts ?? silentRedisLogCounts;
    this.#clock = new RedisClock(options.clock);
    this.#keys = redisKeys(options.redis.keyPrefix);
    this.#scripts = redisScripts(options.stream);
    const { publish, ...others } = this.#scripts;
    this.#publishConnection = this.#connection('publish', [publish]);
    this.#control = this.#connection('control', Object.values(others));
    this.#agreement = new Agreement({
      publish: this.#publishConnection,
      control: this.#control,
      breakProbes: (reason) => {
        this.#control.break(reason);
        this.#bell?.connection.break(reason);
      },
      clock: options.clock,
      // It may be asked to WAIT first.
      limitMs: options.stream.probeIntervalMs + options.stream.waitTimeoutMs,
    });
    this.#publisher = new RedisPublisher({
      connection: this.#publishConnection,
      isUsable: () => this.#agreement.usable,
      keys: this.#keys,
      script: publish,
      settings: options.stream,
      freshEpoch: () => this.#freshEpoch(),
      writes: this.#writes,
      onTime: (ms) => this.#clock.saw(ms),
      onSilent: (reason) => this.#counts.silentPublish(reason),
    });
    this.#sessions = new RedisSessions({
      ...{ keys: this.#keys, pod: options.pod },
      run: (name, keys, args) => this.#run(name, keys, args),
    });
    this.#watch = new SentinelWatch({
      ...{ settings: options.redis, onOutage: options.onOutage },
      onSwitched: (from) => {
        for (const connection of this.#connections()) connection.switched(from);
        options.onSwitched?.(from);
      },
    });
  }

  get unsuitable(): readonly string[] {
    return this.#unsuitable;
  }

  async start(bell: Bell, deadlineMs: number): Promise<void> {
    const { clock, random, pod, redis } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let reason = 'no connection yet';
    const timer = clock.after(deadlineMs, () =>
      reject(new StoreDown(`Redis could not be reached within ${deadlineMs} ms: ${reason}`)),
    );
    this.#starting = {
      check: () => {
        if (this.#connections().every(({ usable }) => usable)) resolve();
      },
      refuse: (error) => {
        reason = error.message;
        if (error instanceof StoreRefused) reject(error);
      },
    };
    this.#bell = new RedisSubscriber({
      settings: redis,
      ...{ clock, random, pod, bell, keys: this.#keys },
      onOutage: (reason) => this.#outage('bell', reason),
      onForeign: () => this.#counts.foreignMessage(),
      onProbed: (token) => {
        if (token === this.#awaited) this.#awaited = undefined;
        this.#watchdog?.cancel();
        this.#watchdog = undefined;
      },
      owner: {
        // A connection is usable only after its preparation has returned.
        up: () => queueMicrotask(() => queueMicrotask(() => this.#starting?.check())),
        down: () => this.#lost('bell'),
        failed: (error) => this.#starting?.refuse(error),
      },
    });
    this.#watch.open();
    for (const connection of this.#connections()) connection.open();
    try {
      await promise;
    } catch (error) {
      await this.#close();
      throw error;
    } finally {
      timer.cancel();
      this.#starting = undefined;
    }
  }

  /** Another URL for every connection that is made from now on; see `Move`. */
  useUrl(url: string): void {
    this.#move.useUrl(url);
  }

  /** Another password at the Sentinels, from the next time that one is asked. */
  useSentinelPassword(password: string): void {
    for (const connection of this.#connections()) connection.useSentinelPassword(password);
    this.#watch.usePassword(password);
  }

  async stop(): Promise<void> {
    // A pod that cannot say goodbye is only waited for a little longer by the others.
    await this.#run('leave', this.#keys.partition, [this.#options.pod]).catch(() => {});
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#watchdog?.cancel();
    this.#watch.close();
    for (const connection of this.#connections()) connection.close();
    this.#bell?.close();
  }

  #connections(): Connection[] {
    const bell = this.#bell === undefined ? [] : [this.#bell.connection];
    return [this.#publishConnection, this.#control, ...bell];
  }

  #connection(name: ConnectionName, scripts: readonly Script[]): Connection {
    const { redis, clock, random, pod } = this.#options;
    const owner: ConnectionOwner = {
      prepare: async (connection) => {
        const facts = await factsOfMaster(connection);
        this.#unsuitable = shortcomings(facts);
        if (connection === this.#publishConnection) {
          this.#agreement.showed(facts);
          this.#clock.restart(await timeOf(connection));
        }
        for (const { text } of scripts) await connection.call('SCRIPT', 'LOAD', text);
        queueMicrotask(() => queueMicrotask(() => this.#starting?.check()));
      },
      lost: () => this.#lost(name),
      failed: (error) => this.#starting?.refuse(error),
    };
    return new Connection(owner, {
      ...{ settings: redis, clock, random, name: `${pod}-${name}` },
      onOutage: (reason) => this.#outage(name, reason),
    });
  }

  #lost(connection: ConnectionName): void {
    this.#counts.disconnected(connection);
    this.#move.lost();
  }

  /** At the start whoever started it is told, by the rejection. */
  #outage(connection: ConnectionName, reason: string): void {
    if (this.#starting === undefined) this.#options.onOutage?.(connection, reason);
  }

  append(topic: string, batch: readonly LogDraft[], replicas: number): Promise<Outcome[]> {
    return this.#publisher.append(topic, batch, replicas);
  }

  now(): number {
    return this.#clock.now();
  }

  async resume(topic: string, request: ResumeRequest): Promise<Resumed> {
    const keys = [...this.#keys.partition, this.#keys.log(topic), this.#keys.meta(topic)];
    const { from, heard = false, maxBytes, maxEntries } = request;
    const reply = resumeReply(
      await this.#run('resume', keys, [
        this.#opening(),
        maxEntries,
        maxBytes,
        ...whereFrom(from, heard),
      ]),
    );
    const { retentionS } = this.#options.stream;
    return reply.type === 'topic' ? resumed(reply, from, retentionS) : this.#unborn(reply, from);
  }

  /** Nothing is known of the topic: unborn, expired, or lost. */
  #unborn(reply: UnbornReply, from: ResumeRequest['from']): Resumed {
    const { lineage, world, second, changed } = reply;
    const head = { epoch: world, seq: 0, confirmed: Math.max(second, changed + 1) };
    const nothing = { lineage, unsettledMs: 0, head, steps: [], cursor: head };
    if (from === undefined || 'latest' in from) return nothing;
    const { retentionS } = this.#options.stream;
    const missed = missedBeforeBirth(from, { ...reply, retentionS });
    const settled = missed === 'expired' || (missed === undefined && from.confirmed > changed);
    const unsettledMs = settled ? 0 : reply.unsettledMs;
    return { ...nothing, unsettledMs, ...(missed && jump(missed, head)) };
  }

  async report(lineage: string, known: ReadonlyMap<string, Reach>, last: boolean): Promise<void> {
    const topics = [...known];
    do {
      const part = topics.splice(0, TOPICS_PER_SCRIPT);
      const done = last && topics.length === 0;
      const late = await this.#run(
        'report',
        [
          ...this.#keys.partition,
          ...part.flatMap(([topic]) => [this.#keys.log(topic), this.#keys.meta(topic)]),
        ],
        [
          ...[this.#opening(), lineage, this.#options.pod, done ? '1' : '0'],
          ...part.flatMap(([, reach]) => howFar(reach)),
        ],
      );
      if (typeof late === 'number' && late > 0) this.#counts.lateLossReports(late);
    } while (topics.length > 0);
  }

  async listen(topic: string): Promise<void> {
    if (this.#bell === undefined) throw new StoreDown('not started');
    return this.#bell.listen(topic);
  }

  unlisten(topic: string): void {
    this.#bell?.unlisten(topic);
  }

  async probe(token: string): Promise<Probe> {
    const { pod } = this.#options;
    const args = [this.#opening(), pod, this.#keys.podChannel(pod), `p ${token}`];
    this.#awaited = token;
    this.#agreement.look();
    const reply = await this.#run('probe', this.#keys.partition, args);
    const { probe, replicationId, written } = probeReply(reply);
    this.#writes.saw(written);
    if (this.#awaited === token) this.#expect();
    await this.#agreement.confirm(replicationId);
    // Where nobody publishes: clocks drift apart.
    this.#clock.saw(1_000 * (probe.second - PROBE_AHEAD_S));
    return probe;
  }

  /**
   * A bell that stays silent although a probe was sent is made anew. Later probes do not put that
   * off: they are sent more often than this, and a bell that is stuck on a frozen master would
   * never be given up.
   */
  #expect(): void {
    const { clock, redis } = this.#options;
    this.#watchdog ??= clock.after(redis.socketTimeoutMs, () => {
      this.#watchdog = undefined;
      const bell = this.#bell?.connection;
      if (this.#awaited !== undefined && bell?.usable) bell.break('a probe did not come back');
    });
  }

  openSession(key: SessionKey): Promise<OpenedSession> {
    return this.#sessions.open(key);
  }

  saveSession(key: SessionKey, generation: number, changed: CursorChanges): Promise<SaveResult> {
    return this.#sessions.save(key, generation, changed);
  }

  /** One script on the control connection. Steps there do not depend on each other's order. */
  async #run(name: ScriptName, keys: readonly string[], args: readonly Arg[]): Promise<unknown> {
    const script = this.#scripts[name];
    try {
      return await this.#call(script, keys, args);
    } catch (error) {
      if (error instanceof StoreDown || judge(error).kind !== 'noscript') throw storeError(error);
    }
    try {
      await this.#control.call('SCRIPT', 'LOAD', script.text);
      return await this.#call(script, keys, args);
    } catch (error) {
      throw storeError(error);
    }
  }

  #call({ sha }: Script, keys: readonly string[], args: readonly Arg[]): Promise<unknown> {
    if (!this.#control.usable) return Promise.reject(new StoreDown('Redis cannot be reached'));
    return this.#control.call('EVALSHA', sha, keys.length, ...keys, ...args);
  }

  /** The first argument of every script that judges lineage. */
  #opening(): string {
    return this.#freshEpoch() + this.#writes.claim(false);
  }

  #freshEpoch(): string {
    let epoch = '';
    for (let at = 0; at < EPOCH_LETTERS; at += 1) {
      epoch += LETTERS[Math.floor(this.#options.random() * LETTERS.length)];
    }
    return epoch;
  }
}

function resumed(reply: TopicReply, from: ResumeRequest['from'], retentionS: number): Resumed {
  const { lineage, history, excerpt, second, changed } = reply;
  const head = { epoch: history.epoch, seq: history.seq, confirmed: second };
  const answer = { lineage, head, origin: originOf(history) };
  if (from !== undefined && !('latest' in from)) {
    const unsettledMs = crossesChange(history, from, changed) ? reply.unsettledMs : 0;
    const read = { excerpt, second, retentionS };
    return { ...answer, unsettledMs, ...continueFrom(history, from, read) };
  }
  const steps = excerpt.entries.map((entry) => ({ kind: 'entry', entry }) as const);
  return { ...answer, unsettledMs: 0, steps, cursor: head };
}
