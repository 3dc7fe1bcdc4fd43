import assert from 'node:assert/strict';
import type { Random } from '../../../protocol/clock.ts';
import type { Position } from '../../../protocol/position.ts';
import { pickOne, seeded } from '../../../protocol/testing/chance.ts';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import { MemoryLog } from '../memory/memory-log.ts';
import type { MemoryNetwork } from '../memory/memory-network.ts';
import { MemoryStore } from '../memory/memory-store.ts';
import { TopicStream } from '../topic-stream.ts';
import { CheckingListener, type HeardTopic } from './checking-listener.ts';

const TOPICS = ['a', 'b'];
const STEPS = 30;
const FAULTS_IN = 30;
const encoder = new TextEncoder();

interface Pod {
  readonly name: string;
  readonly stream: TopicStream;
  readonly listener: CheckingListener;
  /** What each topic's listener must have been told: acknowledged while it was open. */
  readonly owed: Map<HeardTopic, Position[]>;
}

/** Two gateways, two topics and a store that is treated badly, all from one seed. */
export class World {
  readonly random: Random;
  readonly clock = new ManualClock();
  readonly store: MemoryStore;
  readonly pods: Pod[];
  #calm = false;
  #published = 0;
  #quietUntil = 0;
  readonly #bellLoss: number;
  /** Acknowledged messages were lost: only then a gap is true. */
  lossy = false;

  constructor(seed: number) {
    this.random = seeded(seed);
    this.#bellLoss = this.#pick([0, 0.05, 0.5]);
    const settings = gatewaySettings.parse({
      stream: {
        probeIntervalMs: 200,
        settleMs: 1_500,
        publishTimeoutMs: 1_000,
        inlineBytes: this.#pick([0, 40, 16_384]),
        pageEntries: this.#pick([1, 3, 100]),
        parkedBytes: 1_024,
      },
    }).stream;
    const { clock, random } = this;
    this.store = new MemoryStore({ clock, random, settings, network: this.#network() });
    this.pods = ['left', 'right'].map((name) => {
      const listener = new CheckingListener();
      const log = new MemoryLog(this.store, name);
      const options = { log, listener, settings, replicas: 0, clock, random };
      return { name, listener, stream: new TopicStream(options), owed: new Map() };
    });
  }

  #network(): MemoryNetwork {
    const delays = () => (this.random() < 0.8 ? 0 : Math.floor(this.random() * 20));
    return {
      request: () => {
        if (this.#calm) return { fate: 'answered' as const, delayMs: 0 };
        const chance = Math.floor(this.random() * FAULTS_IN);
        const fate = (['refused', 'reply-lost'] as const)[chance] ?? 'answered';
        return { fate, delayMs: delays() };
      },
      ring: () => {
        if (this.#calm) return [0];
        const chance = this.random();
        if (chance < this.#bellLoss) return [];
        if (chance < this.#bellLoss + 0.05) return [delays(), delays() + 5];
        return [delays()];
      },
    };
  }

  #pick<T>(from: readonly T[]): T {
    return pickOne(from, this.random);
  }

  async run(): Promise<void> {
    this.#calm = true;
    for (const { stream } of this.pods) await stream.start(1_000);
    this.#calm = false;
    for (let step = 0; step < STEPS; step += 1) {
      this.#act();
      await this.clock.advance(Math.floor(this.random() * 80));
    }
    this.#calm = true;
    for (const { name } of this.pods) this.store.heal(name);
    await this.clock.until('everyone is level', () => this.#isLevel(), 20_000);
    this.#judge();
    const stopping = this.pods.map(({ stream }) => stream.stop(100));
    await this.clock.advance(100);
    await Promise.all(stopping);
  }

  #act(): void {
    const pod = this.#pick(this.pods);
    const topic = this.#pick(TOPICS);
    const chance = this.random();
    if (chance < 0.55) this.#publish(pod, topic);
    else if (chance < 0.8) this.#toggle(pod, topic);
    else if (this.clock.now() < this.#quietUntil) this.#publish(pod, topic);
    else if (chance < 0.84) this.clock.pass(1_000);
    else if (chance < 0.89) this.store.cut(pod.name);
    else if (chance < 0.94) for (const { name } of this.pods) this.store.heal(name);
    else if (chance < 0.97) this.store.failover();
    else this.#lose(topic);
  }

  /** Pods that are cut off could not say in time what they knew: so none is, and none will be. */
  #lose(topic: string): void {
    for (const { name } of this.pods) this.store.heal(name);
    this.lossy = true;
    this.#quietUntil = this.clock.now() + 3_000;
    this.store.failoverLosing(topic, 1 + Math.floor(this.random() * 4));
  }

  #toggle({ stream, listener }: Pod, topic: string): void {
    const followed = listener.topics.has(topic);
    listener.calling = true;
    if (followed) {
      stream.unfollow(topic);
      listener.dismiss(topic);
    } else {
      listener.expect(topic);
      stream.follow(topic);
    }
    listener.calling = false;
  }

  #publish({ stream, listener }: Pod, topic: string): void {
    const count = this.#pick([1, 1, 2, 12]);
    for (let each = 0; each < count; each += 1) {
      this.#published += 1;
      const producer = { id: 'p', seq: this.#published };
      const bytes = encoder.encode(JSON.stringify(this.#published));
      listener.calling = true;
      const outcome = stream.publish({
        topic,
        data: { encoding: 'json', bytes },
        identity: '',
        ...(this.random() < 0.7 ? { producer } : {}),
        ack: 'leader',
      });
      listener.calling = false;
      // Only who was told of the topic before the call is owed what comes of it.
      const listeners = this.pods.flatMap((pod) => this.#listenerOf(pod, topic));
      void outcome.then((result) => {
        if (result.outcome !== 'ok') return;
        for (const [pod, heard] of listeners) {
          const owed = pod.owed.get(heard) ?? [];
          owed.push(result.position);
          pod.owed.set(heard, owed);
        }
      });
    }
  }

  #listenerOf(pod: Pod, topic: string): [Pod, HeardTopic][] {
    const heard = pod.listener.topics.get(topic);
    return heard?.opened === undefined ? [] : [[pod, heard]];
  }

  #isLevel(): boolean {
    return this.pods.every(({ listener, stream }) => {
      if (!stream.health.connected || listener.stale) return false;
      return [...listener.topics].every(([topic, { at }]) => {
        const head = this.store.topic(topic);
        if (head === undefined) return at?.seq === 0;
        return at?.seq === head.seq && at.epoch === head.epoch;
      });
    });
  }

  #judge(): void {
    for (const { listener, owed } of this.pods) {
      for (const heard of listener.topics.values()) {
        if (!this.lossy) assert.deepEqual(heard.gaps, [], 'a gap although nothing was lost');
        const told = new Set(heard.entries.map(({ epoch, seq }) => `${epoch}:${seq}`));
        assert.equal(told.size, heard.entries.length, 'an entry was told twice');
        for (const { epoch, seq } of owed.get(heard) ?? []) {
          const gap = heard.gaps.some(({ from, to }) => covers([from, to], seq));
          assert(gap || told.has(`${epoch}:${seq}`), `lost silently: ${epoch}:${seq}`);
        }
      }
    }
  }
}

function covers([from, to]: readonly [number | undefined, number | undefined], seq: number) {
  return from === undefined || to === undefined || (from <= seq && seq <= to);
}
