import type { Position } from '../../../protocol/position.ts';
import type {
  Entry,
  OpenedSession,
  Outcome,
  Page,
  PageLimit,
  PageStep,
  SaveResult,
  Sessions,
  Stream,
  StreamHealth,
  StreamListener,
} from '../../stream/stream.ts';
import { StreamError } from '../../stream/stream.ts';

interface Epoch {
  readonly id: string;
  /** The last seq of it that survived, and the last that somebody saw. Open-ended: the current. */
  limit: number;
  known: number;
}

interface WaitingRead {
  readonly topic: string;
  readonly page: () => Page;
  readonly resolve: (page: Page) => void;
  readonly reject: (error: Error) => void;
}

/** The history of one topic, with everything that can happen to it. */
export class ScriptedTopic {
  readonly name: string;
  readonly epochs: Epoch[] = [];
  readonly log: Entry[] = [];
  /** Everything that was ever written, by `epoch:seq`, lost entries included. */
  readonly written = new Map<string, Entry>();
  seq = 0;
  /** Numbers up to here were trimmed. */
  floor = 0;
  /** How far the listener was told; undefined: not followed or not yet opened. */
  told: Position | undefined;
  followed = false;

  constructor(name: string) {
    this.name = name;
    this.epochs.push({
      id: `${name}-1`,
      limit: Number.POSITIVE_INFINITY,
      known: Number.POSITIVE_INFINITY,
    });
  }

  get head(): Position {
    return { epoch: this.epochs.at(-1)?.id ?? '', seq: this.seq, confirmed: this.seq };
  }

  publish(bytes = 10): void {
    this.seq += 1;
    const data = { encoding: 'json' as const, bytes: new Uint8Array(bytes) };
    const entry: Entry = { epoch: this.head.epoch, seq: this.seq, at: this.seq * 1000, data };
    this.log.push(entry);
    this.written.set(`${entry.epoch}:${entry.seq}`, entry);
  }

  trim(floor: number): void {
    this.floor = Math.max(this.floor, Math.min(floor, this.seq));
  }

  /** A failover that loses the newest `lost` entries, of which somebody knew. */
  failover(lost: number): void {
    const current = this.epochs.at(-1) as Epoch;
    current.known = this.seq;
    const before = this.epochs.at(-2)?.limit ?? 0;
    current.limit = Math.max(before, this.floor, this.seq - lost);
    this.seq = current.limit;
    this.log.length = this.seq;
    const id = `${this.name}-${this.epochs.length + 1}`;
    this.epochs.push({ id, limit: Number.POSITIVE_INFINITY, known: Number.POSITIVE_INFINITY });
  }

  /** Whether a subscriber at `from` may be given the next entry, of `epoch`, without a gap. */
  leads(from: Position, epoch: string): boolean {
    const first = this.epochs.findIndex(({ id }) => id === from.epoch);
    const last = this.epochs.findIndex(({ id }) => id === epoch);
    const between = this.epochs.slice(first, last);
    return first >= 0 && between.every(({ limit, known }) => limit === from.seq && known <= limit);
  }

  page(from: Position, limit: PageLimit): Page {
    const steps: PageStep[] = [];
    let cursor = from;
    let index = this.epochs.findIndex(({ id }) => id === from.epoch);
    if (index < 0) {
      steps.push({ kind: 'gap', gap: { reason: 'epoch_unknown', position: this.head } });
      return { steps, cursor: this.head, head: this.head };
    }
    for (; index < this.epochs.length; index += 1) {
      const end = this.#end(index);
      if (cursor.seq < end) cursor = this.#replay(cursor, { end, limit: limit.entries, steps });
      if (cursor.seq < end) break;
      cursor = this.#leave(index, cursor, steps);
    }
    return { steps, cursor, head: this.head };
  }

  #end(index: number): number {
    return Math.min(this.seq, (this.epochs[index] as Epoch).limit);
  }

  #replay(
    from: Position,
    { end, limit, steps }: { end: number; limit: number; steps: PageStep[] },
  ): Position {
    let cursor = from;
    if (cursor.seq < this.floor) {
      const to = Math.min(this.floor, end);
      cursor = { ...cursor, seq: to };
      steps.push({
        kind: 'gap',
        gap: { reason: 'trimmed', from: from.seq + 1, to, position: cursor },
      });
    }
    while (cursor.seq < end && steps.length < limit) {
      const entry = this.log[cursor.seq] as Entry;
      steps.push({ kind: 'entry', entry });
      cursor = { epoch: entry.epoch, seq: entry.seq, confirmed: entry.seq };
    }
    return cursor;
  }

  /** From the end of an epoch into the next one. */
  #leave(index: number, cursor: Position, steps: PageStep[]): Position {
    const { known } = this.epochs[index] as Epoch;
    const limit = this.#end(index);
    const next = this.epochs[index + 1]?.id ?? cursor.epoch;
    const after = { epoch: next, seq: limit, confirmed: limit };
    const to = Math.max(cursor.seq, next === cursor.epoch ? 0 : known);
    if (to > limit) {
      const reason = cursor.seq > limit ? 'truncated' : 'lost';
      steps.push({ kind: 'gap', gap: { reason, from: limit + 1, to, position: after } });
    }
    return after;
  }
}

/** A stream for tests in which everything happens when the test says so. */
export class ScriptedStream implements Stream {
  listener: StreamListener = { onStream() {} };
  readonly topics = new Map<string, ScriptedTopic>();
  readonly waiting: WaitingRead[] = [];
  reads = 0;
  /** New topics are opened by `open`, not by themselves. */
  manualOpen = false;
  readonly health: StreamHealth = {
    connected: true,
    downSince: undefined,
    unsuitable: [],
    lineage: 'scripted',
  };
  readonly sessions: Sessions = {
    open: (): Promise<OpenedSession> => Promise.resolve({ generation: 1, cursors: new Map() }),
    save: (): Promise<SaveResult> => Promise.resolve('saved'),
  };

  topic(name: string): ScriptedTopic {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new ScriptedTopic(name);
      this.topics.set(name, topic);
    }
    return topic;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  publish(): Promise<Outcome> {
    return Promise.reject(new Error('publish through the topic'));
  }

  now(): number {
    return 0;
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  follow(name: string): void {
    const topic = this.topic(name);
    if (topic.followed) throw new Error(`${name} is followed twice`);
    topic.followed = true;
    if (!this.manualOpen) queueMicrotask(() => this.open(name));
  }

  unfollow(name: string): void {
    const topic = this.topic(name);
    if (!topic.followed) throw new Error(`${name} is not followed`);
    topic.followed = false;
    topic.told = undefined;
  }

  open(name: string): void {
    const topic = this.topic(name);
    if (!topic.followed || topic.told !== undefined) return;
    topic.told = topic.head;
    this.listener.onStream({ type: 'opened', topic: name, head: topic.head });
  }

  /** Tells the listener up to `count` steps of what it does not know yet. */
  tell(name: string, count = Number.POSITIVE_INFINITY): void {
    const topic = this.topic(name);
    if (topic.told === undefined) return;
    const { steps, cursor } = topic.page(topic.told, {
      entries: count,
      bytes: Number.POSITIVE_INFINITY,
    });
    let epoch = topic.told.epoch;
    const entries: Entry[] = [];
    const emit = () => {
      if (entries.length === 0) return;
      this.listener.onStream({ type: 'entries', topic: name, entries: entries.splice(0) });
    };
    const enter = (head: Position) => {
      if (head.epoch === epoch) return;
      emit();
      epoch = head.epoch;
      this.listener.onStream({ type: 'epoch', topic: name, head });
    };
    for (const step of steps) {
      if (step.kind === 'entry') {
        enter({ epoch: step.entry.epoch, seq: step.entry.seq - 1, confirmed: 0 });
        entries.push(step.entry);
      } else {
        emit();
        epoch = step.gap.position.epoch;
        this.listener.onStream({ type: 'gap', topic: name, gap: step.gap });
      }
    }
    emit();
    enter(cursor);
    topic.told = cursor;
  }

  read(name: string, cursor: Position, limit: PageLimit): Promise<Page> {
    this.reads += 1;
    const topic = this.topic(name);
    return new Promise((resolve, reject) => {
      this.waiting.push({ topic: name, page: () => topic.page(cursor, limit), resolve, reject });
    });
  }

  latest(): Promise<Page> {
    return Promise.reject(new Error('not scripted'));
  }

  /** Answers reads that wait, with what the log is now; returns how many there were. */
  answer(): number {
    const reads = this.waiting.splice(0);
    for (const read of reads) read.resolve(read.page());
    return reads.length;
  }

  fail(code: StreamError['code'] = 'store_unavailable'): void {
    for (const read of this.waiting.splice(0)) read.reject(new StreamError(code, 'scripted'));
  }
}
