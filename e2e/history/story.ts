import type { DeliveryRecord, GapRecord, HistoryRecord, SubscribeRecord } from './records.ts';

/** Histories as a correct system would leave them, to check the checker with. */
export interface Plot {
  readonly topics: number;
  readonly subscribers: number;
  /** Messages per topic before the fault, and after it. */
  readonly messages: number;
  /** Acknowledged messages per topic that a failover loses; half of the subscribers saw some. */
  readonly lost?: number;
  /** Messages per topic that the second half of the subscribers never see: trimmed meanwhile. */
  readonly trimmed?: number;
  /** Written with a wire tap as well, on which the resume repeats so many. */
  readonly repeated?: number;
}

export function tell(plot: Plot): HistoryRecord[] {
  return new Story(plot).tell();
}

const STEP = 1_000;

class Story {
  readonly #plot: Plot;
  readonly #records: HistoryRecord[] = [];
  #time = 0;
  readonly #numbers = new Map<string, number>();

  constructor(plot: Plot) {
    this.#plot = plot;
  }

  tell(): HistoryRecord[] {
    const { topics, lost = 0, trimmed = 0, repeated = 0 } = this.#plot;
    const names = Array.from({ length: topics }, (_, index) => `room.${index}`);
    for (const topic of names) this.#open(topic);
    for (const topic of names) this.#publish(topic, this.#plot.messages, this.#everyone());
    const start = this.#tick();
    for (const topic of names) {
      if (lost > 0) this.#failover(topic, lost);
      if (trimmed > 0) this.#trim(topic, trimmed);
      if (repeated > 0) this.#repeat(topic, repeated);
    }
    for (const topic of names) this.#publish(topic, this.#plot.messages, this.#everyone());
    const evidence = { reconnects: 1 };
    const end = this.#tick();
    this.#records.push({ kind: 'fault', fault: 'test', target: 'all', start, end, evidence });
    for (const topic of names) this.#publish(topic, this.#plot.messages, this.#everyone());
    for (const topic of names) this.#lineage(topic);
    this.#records.push({ kind: 'quiet', t: this.#tick(), absent: [] });
    return this.#records;
  }

  #tick(): number {
    this.#time += STEP;
    return this.#time;
  }

  #everyone(): string[] {
    return Array.from({ length: this.#plot.subscribers }, (_, index) => `s${index}`);
  }

  readonly #epochs = new Map<string, { epoch: string; start: number }[]>();

  #head(topic: string): { epoch: string; seq: number } {
    const epoch = this.#epochs.get(topic)?.at(-1)?.epoch ?? 'none';
    return { epoch, seq: this.#numbers.get(topic) ?? 0 };
  }

  #open(topic: string): void {
    this.#epochs.set(topic, [{ epoch: 'e1', start: 0 }]);
    this.#lineage(topic);
    for (const subscriber of this.#everyone()) {
      const t = this.#tick();
      this.#records.push({ kind: 'conn', t, subscriber, state: 'open' });
      this.#subscribe({ t, subscriber, topic, tap: 'app', ...this.#head(topic) });
      if (this.#plot.repeated === undefined) continue;
      this.#subscribe({ t, subscriber, topic, tap: 'wire', ...this.#head(topic) });
    }
  }

  #subscribe(at: Omit<SubscribeRecord, 'kind' | 'identity'>): void {
    this.#records.push({ kind: 'sub', identity: 'someone', ...at });
  }

  #lineage(topic: string): void {
    const epochs = this.#epochs.get(topic) ?? [];
    this.#records.push({
      kind: 'lineage',
      t: this.#tick(),
      topic,
      epochs: epochs.map(({ epoch, start }, index) => ({
        epoch,
        start,
        end: epochs[index + 1]?.start ?? this.#head(topic).seq,
      })),
    });
  }

  #publish(topic: string, count: number, subscribers: readonly string[]): void {
    for (let written = 0; written < count; written += 1) {
      const { epoch, seq: before } = this.#head(topic);
      const seq = before + 1;
      this.#numbers.set(topic, seq);
      const pn = (this.#numbers.get(`pn ${topic}`) ?? 0) + 1;
      this.#numbers.set(`pn ${topic}`, pn);
      const publisher = `p${pn % 3}`;
      const id = `run/${topic}/${pn}`;
      const said = { topic, id, hash: pn, epoch, seq };
      const inv = this.#tick();
      const ret = this.#tick();
      this.#records.push(
        { kind: 'pub', publisher, pn, attempt: 1, inv, ret, out: 'ok', level: 'leader', ...said },
        { kind: 'entry', t: ret, ...said },
      );
      for (const subscriber of subscribers) this.#deliver({ subscriber, ...said });
    }
  }

  #deliver(to: Omit<DeliveryRecord, 'kind' | 't' | 'tap'>): void {
    const t = this.#tick();
    this.#records.push({ kind: 'del', t, tap: 'app', ...to });
    if (this.#plot.repeated === undefined) return;
    this.#records.push({ kind: 'del', t, tap: 'wire', ...to });
  }

  #failover(topic: string, lost: number): void {
    const kept = this.#head(topic).seq;
    const [seers, others] = halves(this.#everyone());
    const seen = Math.ceil(lost / 2);
    this.#publish(topic, seen, seers);
    this.#publish(topic, lost - seen, []);
    const known = this.#head(topic).seq;
    this.#numbers.set(topic, kept);
    this.#epochs.get(topic)?.push({ epoch: 'e2', start: kept });
    this.#lineage(topic);
    const position = this.#head(topic);
    for (const subscriber of seers) {
      this.#gap({ subscriber, topic, reason: 'truncated', ...range(kept, known), position });
    }
    for (const subscriber of others) {
      this.#gap({ subscriber, topic, reason: 'lost', ...range(kept, known), position });
    }
  }

  #trim(topic: string, trimmed: number): void {
    const before = this.#head(topic).seq;
    const [present, away] = halves(this.#everyone());
    this.#publish(topic, trimmed, present);
    const position = this.#head(topic);
    const first = position.seq + 1;
    this.#records.push({ kind: 'retained', t: this.#tick(), topic, epoch: position.epoch, first });
    for (const subscriber of away) {
      this.#gap({ subscriber, topic, reason: 'trimmed', ...range(before, position.seq), position });
    }
  }

  #gap(told: {
    subscriber: string;
    topic: string;
    reason: GapRecord['reason'];
    from: number;
    to: number;
    position: { epoch: string; seq: number };
  }): void {
    const { position, ...rest } = told;
    this.#records.push({ kind: 'gap', t: this.#tick(), tap: 'app', ...rest, ...position });
    if (this.#plot.repeated === undefined) return;
    this.#records.push({ kind: 'gap', t: this.#tick(), tap: 'wire', ...rest, ...position });
  }

  #repeat(topic: string, count: number): void {
    const again = this.#records.filter(
      (record): record is DeliveryRecord =>
        record.kind === 'del' && record.tap === 'wire' && record.topic === topic,
    );
    for (const subscriber of this.#everyone()) {
      const closed = { kind: 'conn', subscriber, state: 'closed', code: 1006 } as const;
      this.#records.push(
        { ...closed, t: this.#tick() },
        { kind: 'conn', t: this.#tick(), subscriber, state: 'open' },
      );
      const mine = again.filter((record) => record.subscriber === subscriber).slice(-count);
      for (const record of mine) this.#records.push({ ...record, t: this.#tick() });
    }
  }
}

/** The numbers after `after`, up to `to`. */
const range = (after: number, to: number) => ({ from: after + 1, to });

function halves<T>(all: readonly T[]): [T[], T[]] {
  const middle = Math.ceil(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)];
}
