import type { Timer } from '../../../protocol/clock.ts';
import type { Position } from '../../../protocol/position.ts';
import {
  continueFrom,
  crossesChange,
  jump,
  missedBeforeBirth,
  originOf,
  type Reach,
  readsAfter,
} from '../chain.ts';
import { fingerprint } from '../fingerprint.ts';
import {
  type Bell,
  type Log,
  type LogDraft,
  type Probe,
  type Resumed,
  type ResumeRequest,
  StoreDown,
  StoreUnknown,
} from '../log.ts';
import type {
  CursorChanges,
  Entry,
  OpenedSession,
  Outcome,
  SaveResult,
  SessionKey,
} from '../stream.ts';
import { TOO_LATE } from '../too-late.ts';
import type { Remembered } from './memory-answers.ts';
import type { MemoryPeer, MemoryStore } from './memory-store.ts';
import type { MemoryTopic } from './memory-topic.ts';

/** One gateway's connection to a `MemoryStore` that it shares with the others of its process. */
export class MemoryLog implements Log {
  readonly unsuitable: readonly string[] = [];
  readonly #store: MemoryStore;
  readonly #peer: Peer;

  constructor(store: MemoryStore, pod: string) {
    this.#store = store;
    this.#peer = new Peer(store, pod);
  }

  /** Reports that came too late to be told to anybody. */
  get lateReports(): number {
    return this.#store.lateReports;
  }

  async start(bell: Bell, _deadlineMs: number): Promise<void> {
    this.#peer.open(bell);
    if (this.#store.isCut(this.#peer.pod)) {
      this.#peer.close();
      throw new StoreDown('cut off from the memory store');
    }
    this.#store.heartbeat(this.#peer.pod);
    this.#peer.regain();
  }

  async stop(): Promise<void> {
    if (!this.#store.isCut(this.#peer.pod)) this.#store.leave(this.#peer.pod);
    this.#peer.close();
  }

  append(topic: string, batch: readonly LogDraft[], _replicas: number): Promise<Outcome[]> {
    return this.#step(() => {
      const log = this.#store.topicForWriting(topic);
      const written: Entry[] = [];
      const outcomes = batch.map((draft) => this.#write(log, draft, written));
      const bytes = written.reduce((sum, entry) => sum + entry.data.bytes.length, 0);
      this.#store.announce(topic, written, bytes);
      return outcomes;
    });
  }

  #write(log: MemoryTopic, draft: LogDraft, written: Entry[]): Outcome {
    const { producer, identity, data, retry } = draft;
    if (producer === undefined) return ok(append(log, { data }, written), false);
    const id = `${producer.id}:${producer.seq}`;
    const whose = `${identity}\n${producer.id}`;
    const print = fingerprint(data);
    const before = log.answers.of(whose, producer.seq);
    if (before !== undefined) return repeated(before, print);
    if (this.#store.mayHaveForgotten(draft)) return TOO_LATE;
    if (retry && log.answers.hasLater(whose, producer.seq)) return OUT_OF_ORDER;
    if (log.answers.size >= this.#store.settings.idempotencyEntries) {
      return {
        outcome: 'failed',
        code: 'overloaded',
        message: 'too many publishes with an id in one window of this topic',
      };
    }
    const position = append(log, { id, data }, written);
    log.answers.add(whose, producer.seq, { ...position, fingerprint: print });
    return ok(position, false);
  }

  resume(topic: string, request: ResumeRequest): Promise<Resumed> {
    return this.#step(() => {
      const log = this.#store.topic(topic);
      return log === undefined ? this.#unborn(request) : this.#read(log, request);
    });
  }

  /** Nothing is known of the topic: unborn, expired, or lost. */
  #unborn({ from }: ResumeRequest): Resumed {
    const { epoch: world, changed } = this.#store.world();
    const { lineage, second, settings } = this.#store;
    const head = { epoch: world, seq: 0, confirmed: second };
    const nothing = { lineage, unsettledMs: 0, head, steps: [], cursor: head };
    if (from === undefined || 'latest' in from) return nothing;
    const { retentionS } = settings;
    const topic = { world, changed, second, retentionS, logExists: false };
    const missed = missedBeforeBirth(from, topic);
    const settled = missed === 'expired' || (missed === undefined && from.confirmed > changed);
    const unsettledMs = settled ? 0 : this.#store.unsettledMs();
    return { ...nothing, unsettledMs, ...(missed && jump(missed, head)) };
  }

  #read(log: MemoryTopic, { from, maxEntries, maxBytes }: ResumeRequest): Resumed {
    log.touch();
    const { lineage, settings } = this.#store;
    const second = Math.floor(this.#store.nowMs / 1000);
    const limit = { entries: maxEntries, bytes: maxBytes };
    const head = { epoch: log.epoch, seq: log.seq, confirmed: second };
    const origin = originOf(log);
    const answer = { lineage, unsettledMs: 0, head, origin, steps: [], cursor: head };
    if (from === undefined) return answer;
    if ('latest' in from) {
      const entries = log.latest({ ...limit, entries: Math.min(from.latest, maxEntries) });
      return { ...answer, steps: entries.map((entry) => ({ kind: 'entry', entry })) };
    }
    const start = readsAfter(log, from) ?? log.seq;
    const excerpt = log.after(start, limit);
    const crosses = crossesChange(log, from, this.#store.world().changed);
    return {
      ...answer,
      unsettledMs: crosses ? this.#store.unsettledMs() : 0,
      ...continueFrom(log, from, { excerpt, second, retentionS: settings.retentionS }),
    };
  }

  report(lineage: string, known: ReadonlyMap<string, Reach>, last: boolean): Promise<void> {
    return this.#step(() => {
      if (this.#store.takesReports(known.size)) {
        for (const [topic, reach] of known) this.#store.reportTopic(topic, reach);
      }
      if (last) this.#store.reported(this.#peer.pod, lineage);
    });
  }

  listen(topic: string): Promise<void> {
    return this.#step(() => this.#peer.topics.add(topic)).then(() => undefined);
  }

  unlisten(topic: string): void {
    this.#peer.topics.delete(topic);
  }

  now(): number {
    return this.#store.nowMs;
  }

  probe(token: string): Promise<Probe> {
    return this.#step(() => {
      this.#store.heartbeat(this.#peer.pod);
      this.#store.ringPod(this.#peer.pod, (bell) => bell.probed(token));
      return { lineage: this.#store.lineage, second: this.#store.second };
    });
  }

  openSession(key: SessionKey): Promise<OpenedSession> {
    return this.#step(() => {
      const before = this.#store.sessions.get(key);
      const generation = (before?.generation ?? 0) + 1;
      const cursors = new Map(before?.cursors);
      const expiresAt = this.#store.nowMs + this.#store.metaMs;
      this.#store.sessions.put(key, { generation, holder: this.#peer.pod, expiresAt, cursors });
      const forgotten = this.#store.sessions.bound(key.identity);
      if (before !== undefined) {
        this.#store.ringPod(before.holder, (bell) => bell.superseded(key, generation));
      }
      const opened = { generation, cursors: new Map(cursors) };
      return forgotten === 0 ? opened : { ...opened, forgotten };
    });
  }

  saveSession(key: SessionKey, generation: number, changed: CursorChanges): Promise<SaveResult> {
    return this.#step(() => {
      const before = this.#store.sessions.get(key);
      if (before !== undefined && before.generation > generation) return 'superseded';
      if (before === undefined && this.#store.sessions.full(key.identity)) return 'forgotten';
      const cursors = new Map(before?.cursors);
      for (const [topic, position] of changed) {
        if (position === undefined) cursors.delete(topic);
        else cursors.set(topic, position);
      }
      const expiresAt = this.#store.nowMs + this.#store.metaMs;
      this.#store.sessions.put(key, { generation, holder: this.#peer.pod, expiresAt, cursors });
      return 'saved';
    });
  }

  /** Runs one step of the store as the network allows it. */
  #step<T>(run: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { fate, delayMs } = this.#store.network.request(this.#peer.pod);
    const connection = this.#peer.connection;
    if (connection === undefined || fate === 'refused') {
      reject(new StoreDown('the memory store cannot be reached'));
      return promise;
    }
    const answer = (value: T) => {
      if (fate === 'reply-lost' || this.#peer.connection !== connection) {
        reject(new StoreUnknown('the connection broke before the answer'));
      } else resolve(value);
    };
    this.#later(delayMs, () => {
      if (this.#peer.connection !== connection) {
        reject(new StoreDown('the connection broke before the step'));
        return;
      }
      const value = run();
      this.#later(delayMs, () => answer(value));
    });
    return promise;
  }

  #later(delayMs: number, task: () => void): void {
    if (delayMs === 0) task();
    else this.#store.clock.after(delayMs, task);
  }
}

function append(log: MemoryTopic, content: Pick<Entry, 'id' | 'data'>, written: Entry[]): Position {
  const entry = log.append(content);
  written.push(entry);
  return { epoch: entry.epoch, seq: entry.seq, confirmed: Math.floor(entry.at / 1000) };
}

const ok = (position: Position, duplicate: boolean): Outcome => ({
  outcome: 'ok',
  position,
  duplicate,
});

const OUT_OF_ORDER: Outcome = {
  outcome: 'failed',
  code: 'out_of_order',
  message: 'a later message of this producer was written',
};

function repeated(before: Remembered, print: string): Outcome {
  if (before.fingerprint === print) {
    const { epoch, seq, confirmed } = before;
    return ok({ epoch, seq, confirmed }, true);
  }
  return {
    outcome: 'failed',
    code: 'conflict',
    message: 'this id was used for another payload',
  };
}

/** The connection over which live copies come. */
class Peer implements MemoryPeer {
  readonly pod: string;
  readonly topics = new Set<string>();
  readonly #store: MemoryStore;
  #bell: Bell | undefined;
  /** A new object for each connection; undefined while there is none. */
  #connection: object | undefined;
  #timers = new Set<Timer>();

  constructor(store: MemoryStore, pod: string) {
    this.#store = store;
    this.pod = pod;
  }

  get connection(): object | undefined {
    return this.#connection;
  }

  hears(topic: string): boolean {
    return this.topics.has(topic);
  }

  open(bell: Bell): void {
    this.#bell = bell;
    this.#store.join(this);
  }

  close(): void {
    this.#connection = undefined;
    this.#store.part(this);
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  lose(reason: string): void {
    if (this.#connection === undefined) return;
    this.#connection = undefined;
    this.#soon(() => this.#bell?.down(reason));
  }

  regain(): void {
    if (this.#connection !== undefined) return;
    const connection = {};
    this.#connection = connection;
    this.#soon(() => {
      if (this.#connection === connection) this.#bell?.up();
    });
  }

  ring(message: (bell: Bell) => void): void {
    const connection = this.#connection;
    const bell = this.#bell;
    if (connection === undefined || bell === undefined) return;
    const arrive = () => {
      if (this.#connection === connection) message(bell);
    };
    for (const delayMs of this.#store.network.ring(this.pod)) {
      if (delayMs === 0) this.#soon(arrive);
      else this.#after(delayMs, arrive);
    }
  }

  /** Never inside the call that caused it. */
  #soon(task: () => void): void {
    queueMicrotask(task);
  }

  #after(delayMs: number, task: () => void): void {
    const timer = this.#store.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.add(timer);
  }
}
