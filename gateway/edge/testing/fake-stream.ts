import type { ErrorName } from '../../../protocol/codes.ts';
import type { Position } from '../../../protocol/position.ts';
import type {
  Draft,
  Entry,
  OpenedSession,
  Outcome,
  Page,
  PageLimit,
  SaveResult,
  SessionKey,
  Sessions,
  Stream,
  StreamEvent,
  StreamHealth,
} from '../../stream/stream.ts';
import { StreamError } from '../../stream/stream.ts';

/**
 * A stand-in for the stream in the edge's own tests: one epoch, everything in lists, and switches
 * for what the real one does rarely. That edge, hub and the real stream fit together is tested in
 * `edge.test.ts`.
 */
export class FakeStream implements Stream, Sessions {
  readonly health: StreamHealth = {
    connected: true,
    downSince: undefined,
    unsuitable: [],
    lineage: 'fake',
  };
  readonly sessions: Sessions = this;
  readonly saved: SavedCursors[] = [];
  /** Publishes wait until `release`. */
  holding = false;
  /** Topics are not opened until `openTopics`. */
  unopened = false;
  /** Sessions can be neither opened nor saved. */
  down = false;
  /** No session is kept: there are too many others. */
  forgetful = false;
  /** With what reading the log fails. */
  unreadable: ErrorName | undefined;
  /** What the log's clock says. */
  time = 1_000_000;
  readonly drafts: Draft[] = [];
  readonly opened: SessionKey[] = [];
  readonly #held: (() => void)[] = [];
  readonly #topics = new Map<string, Entry[]>();
  readonly #followed = new Set<string>();
  readonly #generations = new Map<string, OpenedSession>();
  #listeners: ((event: StreamEvent) => void)[] = [];

  listen(listener: (event: StreamEvent) => void): void {
    this.#listeners.push(listener);
  }

  tell(event: StreamEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  now(): number {
    return this.time;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  async publish(draft: Draft): Promise<Outcome> {
    this.drafts.push(draft);
    if (this.holding) await new Promise<void>((resolve) => this.#held.push(resolve));
    const entries = this.#entries(draft.topic);
    const entry: Entry = {
      epoch: 'fake',
      seq: entries.length + 1,
      at: 1_000_000,
      data: draft.data,
    };
    entries.push(entry);
    if (this.#followed.has(draft.topic)) {
      this.tell({ type: 'entries', topic: draft.topic, entries: [entry] });
    }
    return { outcome: 'ok', position: this.head(draft.topic), duplicate: false };
  }

  release(): void {
    for (const held of this.#held.splice(0)) held();
  }

  head(topic: string): Position {
    return { epoch: 'fake', seq: this.#entries(topic).length, confirmed: 1_000 };
  }

  follow(topic: string): void {
    this.#followed.add(topic);
    if (!this.unopened) queueMicrotask(() => this.#opened(topic));
  }

  openTopics(): void {
    this.unopened = false;
    for (const topic of this.#followed) this.#opened(topic);
  }

  #opened(topic: string): void {
    this.tell({ type: 'opened', topic, head: this.head(topic) });
  }

  unfollow(topic: string): void {
    this.#followed.delete(topic);
  }

  async read(topic: string, cursor: Position, limit: PageLimit): Promise<Page> {
    if (this.unreadable !== undefined) throw new StreamError(this.unreadable, 'not now');
    const entries = this.#entries(topic).slice(cursor.seq, cursor.seq + limit.entries);
    const steps = entries.map((entry) => ({ kind: 'entry', entry }) as const);
    const seq = cursor.seq + entries.length;
    return { steps, cursor: { epoch: 'fake', seq, confirmed: 1_000 }, head: this.head(topic) };
  }

  latest(topic: string, count: number): Promise<Page> {
    const seq = Math.max(0, this.#entries(topic).length - count);
    const cursor = { epoch: 'fake', seq, confirmed: 1_000 };
    return this.read(topic, cursor, { entries: count, bytes: Number.POSITIVE_INFINITY });
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  async open(key: SessionKey): Promise<OpenedSession> {
    if (this.down) throw new StreamError('store_unavailable', 'down');
    this.opened.push(key);
    const name = JSON.stringify(key);
    const before = this.#generations.get(name);
    const generation = (before?.generation ?? 0) + 1;
    const opened = { generation, cursors: new Map(before?.cursors ?? []) };
    this.#generations.set(name, opened);
    return { generation, cursors: new Map(opened.cursors) };
  }

  async save(
    key: SessionKey,
    generation: number,
    changed: ReadonlyMap<string, Position | undefined>,
  ): Promise<SaveResult> {
    if (this.down) throw new StreamError('store_unavailable', 'down');
    const held = this.#generations.get(JSON.stringify(key));
    if (held === undefined || held.generation !== generation) return 'superseded';
    if (this.forgetful) return 'forgotten';
    this.saved.push({ session: key.session, changed: new Map(changed) });
    const cursors = held.cursors as Map<string, Position>;
    for (const [topic, position] of changed) {
      if (position === undefined) cursors.delete(topic);
      else cursors.set(topic, position);
    }
    return 'saved';
  }

  #entries(topic: string): Entry[] {
    let entries = this.#topics.get(topic);
    if (entries === undefined) {
      entries = [];
      this.#topics.set(topic, entries);
    }
    return entries;
  }
}

export interface SavedCursors {
  readonly session: string;
  readonly changed: ReadonlyMap<string, Position | undefined>;
}
