import type { Clock, Random } from '../../../protocol/clock.ts';
import type { StreamSettings } from '../../settings/declaration.ts';
import { isWorldEpoch, mayBeForgotten, noteKnown, type Reach, worldEpoch } from '../chain.ts';
import type { Bell } from '../log.ts';
import type { Entry } from '../stream.ts';
import { type MemoryNetwork, perfectNetwork } from './memory-network.ts';
import { MemorySessions } from './memory-sessions.ts';
import { MemoryTopic } from './memory-topic.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: StreamSettings;
  readonly network?: MemoryNetwork;
}

/** A gateway's end of the store: where its live copies go. */
export interface MemoryPeer {
  readonly pod: string;
  hears(topic: string): boolean;
  ring(message: (bell: Bell) => void): void;
  lose(reason: string): void;
  regain(): void;
}

interface World {
  readonly epoch: string;
  lineage: string;
  /** When the lineage was first seen to have changed, seconds; grows with every change. */
  changed: number;
  /** Until then (wall clock, ms) pods may report what they knew. */
  settledAt: number;
  /** Who has not reported yet; empty: settled. */
  waiting: Set<string>;
}

/** Everything that a failover keeps or loses. */
export interface MemorySnapshot {
  readonly topics: ReadonlyMap<string, MemoryTopic>;
  readonly sessions: MemorySessions;
  readonly pods: ReadonlyMap<string, number>;
  readonly world: World | undefined;
}

/** A member of the last ten intervals before a change is waited for. */
const MEMBER_INTERVALS = 10;
/** Cursors and meta outlive the log, so that what expired can be told from what was lost. */
const META_SLACK_MS = 2_000;
const EPOCH_LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * The world that several gateways of one process share instead of Redis: the same keys, lives and
 * rules as the scripts in `redis/lua/`, as plain objects. Every method is one atomic step.
 */
export class MemoryStore {
  readonly settings: StreamSettings;
  readonly clock: Clock;
  readonly random: Random;
  network: MemoryNetwork;
  #lineage: string;
  #topics = new Map<string, MemoryTopic>();
  #sessions: MemorySessions;
  #pods = new Map<string, number>();
  #world: World | undefined;
  #sweepAt = 0;
  #lateReports = 0;
  readonly #peers = new Set<MemoryPeer>();
  readonly #cut = new Set<string>();

  constructor({ clock, random, settings, network }: MemoryStoreOptions) {
    this.clock = clock;
    this.random = random;
    this.settings = settings;
    this.network = network ?? perfectNetwork;
    this.#lineage = this.freshEpoch();
    this.#sessions = new MemorySessions({
      now: () => this.nowMs,
      perIdentity: settings.sessionsPerIdentity,
    });
  }

  // Time, chance, lineage.

  /** The store's clock, milliseconds since 1970. */
  get nowMs(): number {
    return Math.floor(this.clock.wall());
  }

  /** The store's second; after a change of lineage always later than the change. */
  get second(): number {
    return Math.max(Math.floor(this.nowMs / 1000), this.world().changed + 1);
  }

  /** A wiped store is another lineage too. */
  get lineage(): string {
    return `${this.#lineage}/${this.world().epoch}`;
  }

  /** Reports that came after their change was settled. */
  get lateReports(): number {
    return this.#lateReports;
  }

  get metaMs(): number {
    return 2 * this.settings.retentionS * 1000 + META_SLACK_MS;
  }

  /** Whether an earlier sending of it may have been written and forgotten. */
  mayHaveForgotten({ sentAfter }: { readonly sentAfter?: number }): boolean {
    if (sentAfter === undefined) return false;
    return this.nowMs - sentAfter > this.settings.idempotencyWindowS * 1_000;
  }

  freshEpoch(): string {
    const letter = () => EPOCH_LETTERS[Math.floor(this.random() * EPOCH_LETTERS.length)];
    return Array.from({ length: 10 }, letter).join('');
  }

  /** The partition's own record; notes a change of lineage when it is the first to see it. */
  world(): World {
    const second = Math.floor(this.nowMs / 1000);
    if (this.#world === undefined) {
      const epoch = worldEpoch(this.freshEpoch());
      // Nobody remembers who was a member: only time settles this.
      const waiting = new Set(['*']);
      const settledAt = this.nowMs + this.settings.settleMs;
      this.#world = { epoch, lineage: this.#lineage, changed: second, settledAt, waiting };
    } else if (this.#world.lineage !== this.#lineage) {
      this.#world.lineage = this.#lineage;
      this.#world.changed = Math.max(second, this.#world.changed + 1);
      this.#world.settledAt = this.nowMs + this.settings.settleMs;
      this.#world.waiting = this.#members();
    }
    return this.#world;
  }

  #members(): Set<string> {
    const newest = Math.max(...this.#pods.values());
    const span = MEMBER_INTERVALS * this.settings.probeIntervalMs;
    return new Set([...this.#pods].filter(([, at]) => at >= newest - span).map(([pod]) => pod));
  }

  unsettledMs(): number {
    const { waiting, settledAt } = this.world();
    return waiting.size === 0 ? 0 : Math.max(0, settledAt - this.nowMs);
  }

  // Topics.

  /** The topic of the present lineage, or undefined when it is unborn or forgotten. */
  topic(name: string): MemoryTopic | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined) return undefined;
    if (topic.metaExpiresAt <= this.nowMs) {
      this.#topics.delete(name);
      return undefined;
    }
    if (topic.lineage !== this.#lineage) {
      this.world();
      topic.beginEpoch(this.freshEpoch());
      topic.lineage = this.#lineage;
    }
    return topic;
  }

  /** The topic, born now when it was not. */
  topicForWriting(name: string): MemoryTopic {
    this.#sweep();
    return this.topic(name) ?? this.#birth(name);
  }

  #birth(name: string): MemoryTopic {
    const world = this.world();
    const topic = new MemoryTopic(this, {
      epoch: this.freshEpoch(),
      lineage: this.#lineage,
      chain: [{ epochs: [world.epoch], limit: 0, known: 0, since: 0 }],
      birth: Math.floor(this.nowMs / 1000),
    });
    this.#topics.set(name, topic);
    return topic;
  }

  /** One topic of a pod's report. */
  reportTopic(name: string, known: Reach): void {
    if (isWorldEpoch(known.epoch)) return;
    const { retentionS } = this.settings;
    const second = Math.floor(this.nowMs / 1000);
    const forgotten = mayBeForgotten(known, { second, retentionS });
    const topic = this.topic(name) ?? (forgotten ? undefined : this.#birth(name));
    if (topic === undefined) return;
    if (known.epoch === topic.epoch && known.seq <= topic.seq) return;
    // The epoch went on, or another one followed it, in a history that this is not the end of.
    if (known.epoch === topic.epoch || known.origin?.epoch === topic.epoch) {
      topic.beginEpoch(this.freshEpoch());
    }
    topic.chain = noteKnown(topic.chain, known, forgotten);
    topic.touch();
  }

  /** False: the change was settled before, and the report only counts as late. */
  takesReports(topics: number): boolean {
    if (this.unsettledMs() > 0) return true;
    this.#lateReports += topics;
    return false;
  }

  reported(pod: string, lineage: string): void {
    if (lineage === this.lineage) this.world().waiting.delete(pod);
  }

  /** Forgets what expired, a few times per retention, so that dead topics do not pile up. */
  #sweep(): void {
    const now = this.nowMs;
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + Math.max(1_000, this.settings.retentionS * 125);
    for (const [name, topic] of this.#topics) {
      if (topic.metaExpiresAt <= now) this.#topics.delete(name);
      else topic.trim();
    }
    this.#sessions.sweep();
  }

  // Sessions and members.

  get sessions(): MemorySessions {
    return this.#sessions;
  }

  heartbeat(pod: string): void {
    this.world();
    this.#pods.set(pod, this.nowMs);
  }

  leave(pod: string): void {
    this.#pods.delete(pod);
    this.#world?.waiting.delete(pod);
  }

  // Peers and the bell.

  join(peer: MemoryPeer): void {
    this.#peers.add(peer);
  }

  part(peer: MemoryPeer): void {
    this.#peers.delete(peer);
  }

  isCut(pod: string): boolean {
    return this.#cut.has(pod);
  }

  announce(topic: string, entries: readonly Entry[], bytes: number): void {
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    const second = Math.floor(first.at / 1000);
    const range = { epoch: first.epoch, from: first.seq, to: last.seq };
    for (const peer of this.#peers) {
      if (!peer.hears(topic)) continue;
      peer.ring((bell) =>
        bytes <= this.settings.inlineBytes
          ? bell.entries(topic, entries, second)
          : bell.announced(topic, range),
      );
    }
  }

  ringPod(pod: string, message: (bell: Bell) => void): void {
    for (const peer of this.#peers) if (peer.pod === pod) peer.ring(message);
  }

  // What can happen to a store.

  /** From now on `pod` reaches nothing and hears nothing. */
  cut(pod: string): void {
    this.#cut.add(pod);
    for (const peer of this.#peers) if (peer.pod === pod) peer.lose('cut off');
  }

  heal(pod: string): void {
    if (!this.#cut.delete(pod)) return;
    for (const peer of this.#peers) if (peer.pod === pod) peer.regain();
  }

  /** What a replica that is level with the master would hold. */
  snapshot(): MemorySnapshot {
    const topics = new Map([...this.#topics].map(([name, topic]) => [name, topic.copy()] as const));
    const sessions = this.#sessions.copy();
    const world = this.#world && { ...this.#world, waiting: new Set(this.#world.waiting) };
    return { topics, sessions, pods: new Map(this.#pods), world };
  }

  /** A new lineage that holds what `replica` held; without one, everything: a clean restart. */
  failover(replica?: MemorySnapshot): void {
    this.#lineage = this.freshEpoch();
    if (replica !== undefined) {
      this.#topics = new Map([...replica.topics].map(([name, topic]) => [name, topic.copy()]));
      this.#sessions = replica.sessions.copy();
      this.#pods = new Map(replica.pods);
      this.#world = replica.world && {
        ...replica.world,
        waiting: new Set(replica.world.waiting),
      };
    }
    this.#reconnectAll('failover');
  }

  /** A failover to a replica that misses the last `count` entries of `topic`'s present epoch. */
  failoverLosing(topic: string, count: number): void {
    const replica = this.snapshot();
    replica.topics.get(topic)?.loseLast(count);
    this.failover(replica);
  }

  /** FLUSHALL: nothing is left, the lineage is the same. */
  flush(): void {
    this.#topics.clear();
    this.#sessions.clear();
    this.#pods.clear();
    this.#world = undefined;
  }

  /** DEL of a topic's log; somebody's hand, not ours. */
  removeLog(topic: string): void {
    this.#topics.get(topic)?.clear();
  }

  #reconnectAll(reason: string): void {
    for (const peer of [...this.#peers]) {
      if (this.#cut.has(peer.pod)) continue;
      peer.lose(reason);
      peer.regain();
    }
  }
}
