import type { EntryRecord, HistoryRecord, LineageRecord, PublishRecord } from './records.ts';

/**
 * What really happened to every topic: which numbers were written under which epoch, what of it a
 * failover lost, what the log still has, and how each publish ended. Made from the publishers'
 * and the arbiter's records; the subscribers' are judged against it.
 */
export class Canon {
  readonly topics = new Map<string, TopicCanon>();
  readonly publications = new Map<string, Publication>();

  constructor(records: readonly HistoryRecord[]) {
    for (const record of records) {
      if (record.kind === 'pub') this.#publish(record);
      else if (record.kind === 'entry') this.topic(record.topic).entry(record);
      else if (record.kind === 'lineage') this.topic(record.topic).lineage(record);
      else if (record.kind === 'retained') this.topic(record.topic).retained.push(record);
    }
    for (const topic of this.topics.values()) topic.settle();
  }

  topic(name: string): TopicCanon {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new TopicCanon(name);
      this.topics.set(name, topic);
    }
    return topic;
  }

  #publish(record: PublishRecord): void {
    const known = this.publications.get(record.id);
    const publication = known ?? new Publication(record);
    if (known === undefined) this.publications.set(record.id, publication);
    publication.add(record);
    if (record.out === 'unknown') this.topic(record.topic).unsettled += 1;
    if (record.epoch === undefined || record.seq === undefined) return;
    const { epoch, seq, id, level } = record;
    this.topic(record.topic).acknowledged({ epoch, seq, id, level });
  }
}

/** One message that somebody wanted to publish, all attempts together. */
export class Publication {
  readonly id: string;
  readonly topic: string;
  readonly hash: number;
  readonly publisher: string;
  readonly pn: number;
  readonly invoked: number;
  outcome: 'ok' | 'failed' | 'unknown' = 'failed';
  /** Of the last attempt that was acknowledged. */
  position: { readonly epoch: string; readonly seq: number } | undefined;

  constructor(first: PublishRecord) {
    this.id = first.id;
    this.topic = first.topic;
    this.hash = first.hash;
    this.publisher = first.publisher;
    this.pn = first.pn;
    this.invoked = first.inv;
  }

  add(attempt: PublishRecord): void {
    // One acknowledgement settles it; one unknown attempt makes a later failure say nothing.
    if (attempt.out === 'ok') this.outcome = 'ok';
    else if (attempt.out === 'unknown' && this.outcome !== 'ok') this.outcome = 'unknown';
    if (attempt.epoch !== undefined && attempt.seq !== undefined) {
      this.position = { epoch: attempt.epoch, seq: attempt.seq };
    }
  }
}

/** One epoch of one topic. */
export class Span {
  readonly epoch: string;
  /** Place among the topic's epochs, oldest first; −1 when the store never listed it. */
  order = -1;
  /** Up to `seq` its history is that of `span`, whatever the store says later of either. */
  origin: { readonly span: Span; readonly seq: number } | undefined;
  start = 0;
  /** The last number that was kept; what came after it was lost. Infinity: as far as it went. */
  end = Number.POSITIVE_INFINITY;
  /** Numbers of the lineage records that list it, first and last. */
  firstListed = -1;
  lastListed = -1;
  /** What observers say stands at each number. */
  readonly ids = new Map<number, string>();
  /** Numbers that the arbiter itself read. */
  readonly read = new Set<number>();
  readonly acked = new Set<number>();
  /** Acknowledged and lost, ascending. */
  lost: readonly number[] = [];
  /** The highest number that anybody saw or had acknowledged. */
  highest = 0;

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  kept(seq: number): boolean {
    return seq > this.start && seq <= this.end;
  }
}

interface Stands {
  readonly epoch: string;
  readonly seq: number;
  readonly id: string;
}

export class TopicCanon {
  readonly name: string;
  readonly spans = new Map<string, Span>();
  readonly ordered: Span[] = [];
  readonly retained: { readonly t: number; readonly epoch: string; readonly first: number }[] = [];
  /** Two observers named different messages at one place. */
  readonly conflicts: string[] = [];
  /** `epoch:seq` of what was acknowledged at level `replicas`. */
  readonly replicated = new Set<string>();
  /** Attempts to publish whose outcome nobody knows. */
  unsettled = 0;
  /** The epoch that is current in the end, and its last number. */
  head: { readonly span: Span; readonly seq: number } | undefined;
  #records = 0;

  constructor(name: string) {
    this.name = name;
  }

  span(epoch: string): Span {
    let span = this.spans.get(epoch);
    if (span === undefined) {
      span = new Span(epoch);
      this.spans.set(epoch, span);
    }
    return span;
  }

  entry(record: EntryRecord): void {
    const other = this.observe(record.epoch, record.seq, record.id);
    if (other !== undefined) this.#conflict(record, other);
    this.span(record.epoch).read.add(record.seq);
  }

  acknowledged(ack: Stands & { level: PublishRecord['level'] }): void {
    const other = this.observe(ack.epoch, ack.seq, ack.id);
    if (other !== undefined) this.#conflict(ack, other);
    this.span(ack.epoch).acked.add(ack.seq);
    if (ack.level === 'replicas') this.replicated.add(`${ack.epoch}:${ack.seq}`);
  }

  /** Remembers what stands at a place; answers with what another observer said instead. */
  observe(epoch: string, seq: number, id: string): string | undefined {
    const span = this.span(epoch);
    if (seq > span.highest) span.highest = seq;
    const known = span.ids.get(seq);
    if (known === undefined) span.ids.set(seq, id);
    return known === undefined || known === id ? undefined : known;
  }

  lineage(record: LineageRecord): void {
    const number = this.#records;
    this.#records += 1;
    record.epochs.forEach(({ epoch, start, end }, index) => {
      const span = this.span(epoch);
      if (!this.ordered.includes(span)) {
        this.#insert(span, record, index);
        const before = record.epochs.slice(0, index).find((one) => one.end === start);
        if (before !== undefined) span.origin = { span: this.span(before.epoch), seq: start };
      }
      if (span.firstListed < 0) span.firstListed = number;
      span.lastListed = number;
      span.start = start;
      const current = index === record.epochs.length - 1;
      span.end = current ? Number.POSITIVE_INFINITY : end;
      if (current) this.head = { span, seq: end };
    });
  }

  /** New ones are newer than all, except where the record itself lists a known one after them. */
  #insert(span: Span, { epochs }: LineageRecord, index: number): void {
    const later = epochs.slice(index + 1).map(({ epoch }) => this.span(epoch));
    const next = this.ordered.findIndex((known) => later.includes(known));
    this.ordered.splice(next < 0 ? this.ordered.length : next, 0, span);
  }

  /** Whether the store still lists the epoch in the end. */
  current(span: Span): boolean {
    return span.lastListed >= 0 && span.lastListed === this.#records - 1;
  }

  settle(): void {
    this.ordered.forEach((span, order) => {
      span.order = order;
    });
    for (const span of this.spans.values()) {
      span.lost = [...span.acked].filter((seq) => seq > span.end).sort((a, b) => a - b);
    }
  }

  /** The last number up to which two epochs have one history; Infinity: they are the same. */
  common(one: Span, other: Span): number {
    const reached = new Map([[other, Number.POSITIVE_INFINITY]]);
    let seq = Number.POSITIVE_INFINITY;
    for (let { origin } = other; origin !== undefined; { origin } = origin.span) {
      seq = Math.min(seq, origin.seq);
      reached.set(origin.span, seq);
    }
    seq = Number.POSITIVE_INFINITY;
    for (let span: Span | undefined = one; span !== undefined; span = span.origin?.span) {
      const there = reached.get(span);
      if (there !== undefined) return Math.min(seq, there);
      seq = Math.min(seq, span.origin?.seq ?? 0);
    }
    return 0;
  }

  /** Whether the store knew, when it began `to`, how it follows from `from`. */
  related(from: Span, to: Span): boolean {
    // An epoch without messages may come and go between two looks; nothing can be lost in it.
    if (from === to || from.firstListed < 0) return true;
    return from.lastListed >= to.firstListed && to.firstListed >= 0;
  }

  /** The message that bears the number in the history of an epoch. */
  message(seq: number, epoch: Span): string | undefined {
    let span = epoch;
    while (span.origin !== undefined && seq <= span.origin.seq) span = span.origin.span;
    return span.ids.get(seq);
  }

  /** A later read of the log still found something at or below `seq` after time `t`. */
  hadAfter(t: number, epoch: Span, seq: number): boolean {
    return this.retained.some(
      (sample) =>
        sample.t > t && sample.first <= seq && this.related(epoch, this.span(sample.epoch)),
    );
  }

  #conflict(where: Stands, other: string): void {
    this.conflicts.push(`${where.epoch}:${where.seq} is ${where.id} and ${other}`);
  }
}
