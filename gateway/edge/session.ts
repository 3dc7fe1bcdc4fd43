import type { Position } from '../../protocol/position.ts';
import type { SessionKey, Sessions } from '../stream/stream.ts';
import type { EdgeCounts } from './counts.ts';
import type { SessionHolder } from './session-holders.ts';

/** What a session needs of the connection that holds it. All times are the wheel's. */
export interface SessionOwner {
  /** Where the client is in each topic, by what was handed to it. */
  positions(): Map<string, Position>;
  /** Sends a ping behind everything handed to the client so far, and returns its counter. */
  mark(): number;
  /** The session's deadlines changed. */
  plan(): void;
  /** The session is settled, or was taken by a newer holder. */
  onSettled(): void;
  onTaken(): void;
}

export interface SessionParts {
  readonly owner: SessionOwner;
  readonly store: Sessions;
  readonly counts: EdgeCounts;
  /** The store gave the session up for newer ones: no cursors are kept any more. */
  readonly onForgotten: () => void;
  /** Shortest time between two markers, and between two saves. */
  readonly markerMs: number;
  /** Cursors that are kept; at least as many as one connection may have topics. */
  readonly topics: number;
  /** A saved cursor is refreshed when what it confirms is this many seconds older. */
  readonly refreshS: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const RETRY_MS = 1_000;

/**
 * The cursors that the server keeps for one named session.
 *
 * Writing to a socket proves nothing, so a cursor moves only to what the client has proved to have
 * read: the positions at a marker (a ping behind the messages) once a pong for it came, or those
 * of an `ack`. A client that acks is moved by its acks alone.
 *
 * One marker is under way at a time; the next covers everything since. Who settles sends one more
 * behind it, or what was written since the first would come again.
 */
export class Session implements SessionHolder {
  readonly key: SessionKey;
  readonly generation: number;
  readonly #parts: SessionParts;
  /** As in the store, as far as is known here. */
  readonly #cursors: Map<string, Position>;
  /** Proved and not yet in the store. Undefined: to be removed. */
  #unsaved = new Map<string, Position | undefined>();
  /** Under way, in the order in which they were sent. */
  #markers: Marker[] = [];
  #markAt = NEVER;
  #markedAt = Number.NEGATIVE_INFINITY;
  #saveAt = NEVER;
  #savedAt = Number.NEGATIVE_INFINITY;
  /** What is being written to the store. */
  #saving: ReadonlyMap<string, Position | undefined> | undefined = undefined;
  #acks: boolean;
  #ended = false;
  #taken = false;
  #forgotten = false;

  constructor(parts: SessionParts, opened: OpenSession) {
    this.#parts = parts;
    this.key = opened.key;
    this.generation = opened.generation;
    this.#cursors = new Map(opened.cursors);
    this.#acks = opened.acks;
  }

  /** Where the client continues in a topic; undefined: nothing is known. */
  cursor(topic: string): Position | undefined {
    if (this.#unsaved.has(topic)) return this.#unsaved.get(topic);
    if (this.#saving?.has(topic)) return this.#saving.get(topic);
    return this.#cursors.get(topic);
  }

  /** A subscription began at `position`: whoever comes back before the first message, is there. */
  started(topic: string, position: Position, now: number): void {
    if (this.cursor(topic) !== undefined) return;
    this.#unsaved.set(topic, position);
    this.#planSave(now);
  }

  /** The client left the topic. */
  forget(topic: string, now: number): void {
    for (const { covered } of this.#markers) covered.delete(topic);
    if (this.cursor(topic) === undefined) return;
    this.#unsaved.set(topic, undefined);
    this.#planSave(now);
  }

  /** Messages were written. */
  written(now: number): void {
    if (this.#acks || this.#markers.length > 0 || this.#markAt !== NEVER) return;
    this.#markAt = Math.max(now, this.#markedAt + this.#parts.markerMs);
    this.#parts.owner.plan();
  }

  /** The client answered every ping up to `counter`. */
  answered(counter: number, now: number): void {
    const answered = this.#markers.filter((marker) => marker.counter <= counter);
    if (answered.length === 0) return;
    this.#markers = this.#markers.filter((marker) => marker.counter > counter);
    for (const { covered } of this.#acks ? [] : answered) {
      for (const [topic, position] of covered) this.#unsaved.set(topic, position);
    }
    this.#planSave(now);
    // What was written behind the marker needs one of its own.
    this.written(now);
  }

  /** The client processed everything up to `position`. False: it was never sent that. */
  acked(topic: string, position: Position, sent: Position | undefined): boolean {
    this.#acks = true;
    this.#markAt = NEVER;
    if (sent === undefined) return false;
    const known = this.cursor(topic);
    // Numbers may be given again after a failover: they compare within one epoch only.
    const beyond = position.epoch === sent.epoch ? position.seq > sent.seq : known === undefined;
    const foreign = position.epoch !== sent.epoch && position.epoch !== known?.epoch;
    if (beyond || foreign) return false;
    const back = known?.epoch === position.epoch && position.seq < known.seq;
    if (!back && isNews(known, position, this.#parts.refreshS)) this.#unsaved.set(topic, position);
    return true;
  }

  /** Acks of one command are saved together. */
  saveSoon(now: number): void {
    this.#planSave(now);
  }

  /** The next time at which `onTime` has something to do. */
  get due(): number {
    if (this.#lost) return NEVER;
    return this.#saving === undefined ? Math.min(this.#markAt, this.#saveAt) : this.#markAt;
  }

  onTime(now: number): void {
    if (this.#ended || this.#lost) return;
    if (now >= this.#markAt) this.#mark(now);
    if (now >= this.#saveAt && this.#saving === undefined) this.#save(now);
  }

  /** Refreshes cursors that stood still for long, so that they do not look forgotten. */
  refresh(now: number): void {
    this.written(now);
  }

  /** Proves and saves what can be; `owner.onSettled` follows unless it is settled already. */
  settle(now: number): void {
    if (this.#lost) return;
    if (!this.#acks) this.#mark(now);
    if (this.#unsaved.size > 0 && this.#saving === undefined) this.#save(now);
  }

  /** Nothing is unproved or unsaved. */
  get settled(): boolean {
    if (this.#lost) return true;
    return this.#markers.length === 0 && this.#unsaved.size === 0 && this.#saving === undefined;
  }

  superseded(): void {
    if (this.#taken) return;
    this.#taken = true;
    this.#parts.owner.onTaken();
  }

  /** The connection closed. What was proved is saved; what was not comes again. */
  end(now: number): void {
    if (this.#ended || this.#lost) return;
    if (this.#unsaved.size > 0 && this.#saving === undefined) this.#save(now);
    this.#ended = true;
  }

  /** The connection goes on without. */
  #forget(): void {
    this.#forgotten = true;
    if (this.#ended) return;
    this.#parts.onForgotten();
    this.#parts.owner.onSettled();
  }

  /** Nothing is marked or saved any more: it is somebody else's, or nobody's. */
  get #lost(): boolean {
    return this.#taken || this.#forgotten;
  }

  #mark(now: number): void {
    this.#markAt = NEVER;
    const { owner, refreshS } = this.#parts;
    const before = this.#markers.at(-1)?.covered;
    const covered = new Map<string, Position>();
    for (const [topic, position] of owner.positions()) {
      const known = before?.get(topic) ?? this.cursor(topic);
      if (isNews(known, position, refreshS)) covered.set(topic, position);
    }
    if (covered.size === 0) return;
    this.#markedAt = now;
    this.#markers.push({ counter: owner.mark(), covered });
  }

  #planSave(now: number): void {
    if (this.#unsaved.size === 0 || this.#saveAt !== NEVER) return;
    this.#saveAt = Math.max(now, this.#savedAt + this.#parts.markerMs);
    // At the end of this turn, with all that it brings; the wheel would let a quick return overtake
    // the first save.
    if (this.#saveAt <= now) queueMicrotask(() => this.onTime(now));
    else this.#parts.owner.plan();
  }

  /** Beyond the limit, the topics go that the client is not in and was seen in longest ago. */
  #bound(): void {
    const kept = new Map<string, Position>();
    for (const topic of new Set([...this.#cursors.keys(), ...this.#unsaved.keys()])) {
      const position = this.cursor(topic);
      if (position !== undefined) kept.set(topic, position);
    }
    const excess = kept.size - this.#parts.topics;
    if (excess <= 0) return;
    const current = this.#parts.owner.positions();
    const dropped = [...kept]
      .filter(([topic]) => !current.has(topic))
      .sort(([, a], [, b]) => a.confirmed - b.confirmed)
      .slice(0, excess);
    for (const [topic] of dropped) this.#unsaved.set(topic, undefined);
    this.#parts.counts.cursors('dropped', dropped.length);
  }

  #save(now: number): void {
    this.#bound();
    const changed = this.#unsaved;
    this.#unsaved = new Map();
    this.#saveAt = NEVER;
    this.#savedAt = now;
    this.#saving = changed;
    this.#parts.store.save(this.key, this.generation, changed).then(
      (result) => {
        this.#saving = undefined;
        if (result === 'superseded') this.superseded();
        else if (result === 'forgotten') this.#forget();
        else this.#saved(changed, now);
      },
      () => {
        this.#saving = undefined;
        this.#failed(changed, now);
      },
    );
  }

  #saved(changed: ReadonlyMap<string, Position | undefined>, now: number): void {
    this.#parts.counts.cursors('saved', changed.size);
    for (const [topic, position] of changed) {
      if (position === undefined) this.#cursors.delete(topic);
      else this.#cursors.set(topic, position);
    }
    // What was proved while this was being written.
    if (this.#ended && this.#unsaved.size > 0 && !this.#lost) this.#save(now);
    else this.#next(0);
  }

  /** The store could not be reached: tried again until the connection ends. */
  #failed(changed: ReadonlyMap<string, Position | undefined>, now: number): void {
    this.#parts.counts.cursors('failed', changed.size);
    for (const [topic, position] of changed) {
      if (!this.#unsaved.has(topic)) this.#unsaved.set(topic, position);
    }
    this.#next(now + RETRY_MS);
  }

  #next(earliest: number): void {
    if (this.#ended || this.#lost) return;
    this.#saveAt = NEVER;
    if (this.#unsaved.size > 0) {
      this.#saveAt = Math.max(earliest, this.#savedAt + this.#parts.markerMs);
    }
    this.#parts.owner.plan();
    if (this.settled) this.#parts.owner.onSettled();
  }
}

/** A ping behind messages, and what is proved to be read once it is answered. */
interface Marker {
  readonly counter: number;
  readonly covered: Map<string, Position>;
}

function isNews(known: Position | undefined, position: Position, refreshS: number): boolean {
  if (known === undefined || known.epoch !== position.epoch) return true;
  if (known.seq !== position.seq) return true;
  return position.confirmed - known.confirmed >= refreshS;
}

export interface OpenSession {
  readonly key: SessionKey;
  readonly generation: number;
  readonly cursors: ReadonlyMap<string, Position>;
  /** The client said that it acks. */
  readonly acks: boolean;
}
