import type { Bell } from '../../gateway/stream/log.ts';
import type { MemoryPeer, MemoryStore } from '../../gateway/stream/memory/memory-store.ts';
import type { MemoryTopic } from '../../gateway/stream/memory/memory-topic.ts';
import type { Entry } from '../../gateway/stream/stream.ts';
import type { Recorder } from '../history/recorder.ts';
import type { LineageRecord } from '../history/records.ts';
import { hashOfMessage, received } from '../load/message.ts';
import type { SimulatedClock } from './simulated-clock.ts';

interface Head {
  readonly epoch: string;
  readonly seq: number;
}

const decoder = new TextDecoder();
const EVERYTHING = { entries: 100_000, bytes: 100_000_000 };

/**
 * Sees every entry in the moment in which the store writes it, whatever becomes of the bells; so
 * its word about what happened is final.
 */
export class StoreArbiter implements MemoryPeer {
  readonly pod = 'arbiter';
  readonly #store: MemoryStore;
  readonly #time: SimulatedClock;
  readonly #recorder: Recorder;
  readonly #heads = new Map<string, Head>();

  constructor(parts: { store: MemoryStore; time: SimulatedClock; recorder: Recorder }) {
    this.#store = parts.store;
    this.#time = parts.time;
    this.#recorder = parts.recorder;
    this.#store.join(this);
  }

  /** The newest entry of a topic. */
  head(topic: string): Head | undefined {
    return this.#heads.get(topic);
  }

  get topics(): Iterable<string> {
    return this.#heads.keys();
  }

  hears(): boolean {
    return true;
  }

  ring(message: (bell: Bell) => void): void {
    const nothing = () => {};
    message({
      entries: (topic, entries) => this.#note(topic, entries),
      announced: (topic, { from }) => this.#note(topic, this.#entriesFrom(topic, from)),
      probed: nothing,
      superseded: nothing,
      up: nothing,
      down: nothing,
    });
  }

  lose(): void {}
  regain(): void {}

  /** Looks which entries the log still has: who was told that some are gone is judged by it. */
  look(topic: string): void {
    const state = this.#peek(topic);
    const [oldest] = state?.after(0, { entries: 1, bytes: 1 }).entries ?? [];
    const t = this.#time.nanoseconds + 1;
    // Of a topic that was forgotten, nothing is left.
    const first = oldest?.seq ?? (state ?? this.#heads.get(topic) ?? { seq: 0 }).seq + 1;
    const epoch = state?.epoch ?? '';
    this.#recorder.write({ kind: 'retained', t, topic, epoch, first });
  }

  /** The last word: what every topic is now. */
  conclude(): void {
    for (const topic of this.topics) {
      this.look(topic);
      const state = this.#store.topic(topic);
      if (state !== undefined) this.#lineage(topic, state);
    }
  }

  #note(topic: string, entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    if (this.#heads.get(topic)?.epoch !== last.epoch) {
      const state = this.#peek(topic);
      if (state !== undefined) this.#lineage(topic, state);
    }
    const { epoch } = last;
    this.#heads.set(topic, { epoch, seq: last.seq });
    const t = this.#time.nanoseconds;
    for (const { seq, data } of entries) {
      const message = received(JSON.parse(decoder.decode(data.bytes)));
      const hash = hashOfMessage(message);
      this.#recorder.write({ kind: 'entry', t, topic, epoch, seq, id: message.id, hash });
    }
  }

  #entriesFrom(topic: string, from: number): readonly Entry[] {
    return this.#peek(topic)?.after(from - 1, EVERYTHING).entries ?? [];
  }

  /** A copy, since a look at the store's own would take notice of a change of lineage. */
  #peek(topic: string): MemoryTopic | undefined {
    return this.#store.snapshot().topics.get(topic);
  }

  #lineage(topic: string, { epoch, seq, chain }: MemoryTopic): void {
    const epochs: LineageRecord['epochs'][number][] = [];
    let start = 0;
    for (const { epochs: names, limit } of [...chain].reverse()) {
      for (const [index, name] of names.entries()) {
        // Only the first of a link has messages; the others ended as they began.
        epochs.push({ epoch: name, start: index === 0 ? start : limit, end: limit });
      }
      start = Math.max(start, limit);
    }
    epochs.push({ epoch, start, end: seq });
    this.#recorder.write({ kind: 'lineage', t: this.#time.nanoseconds, topic, epochs });
  }
}
