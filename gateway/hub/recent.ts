import type { Position } from '../../protocol/position.ts';
import type { Entry, PageLimit } from '../stream/stream.ts';

/** What an entry costs beside its payload: objects and strings, rounded up. */
const ENTRY_OVERHEAD = 200;

export function entryBytes(entry: Entry): number {
  return entry.data.bytes.length + ENTRY_OVERHEAD;
}

/**
 * The newest entries of one topic, of one epoch, without a hole, up to where the topic was told.
 * A cursor within them is served from here; every other one is the log's business.
 */
export class Recent {
  /** What comes right before the first kept entry. */
  epoch: string;
  after: number;
  bytes = 0;
  /** Neighbours in the order of use: a list of links, since a Set is slow to find its first. */
  older: Recent | undefined;
  newer: Recent | undefined;
  #entries: Entry[] = [];
  /** Index of the first kept entry: dropping from the front moves this, and seldom the array. */
  #start = 0;

  constructor(head: Position) {
    this.epoch = head.epoch;
    this.after = head.seq;
  }

  get length(): number {
    return this.#entries.length - this.#start;
  }

  get last(): number {
    return this.after + this.length;
  }

  covers(cursor: Position): boolean {
    return cursor.epoch === this.epoch && cursor.seq >= this.after && cursor.seq <= this.last;
  }

  /** What follows `seq`, from the oldest, within the limit; at least one when there is one. */
  slice(seq: number, limit: PageLimit): Entry[] {
    const first = this.#start + (seq - this.after);
    let end = first;
    let bytes = 0;
    for (let entry = this.#entries[end]; entry !== undefined; entry = this.#entries[end]) {
      bytes += entry.data.bytes.length;
      if (end > first && (bytes > limit.bytes || end - first >= limit.entries)) break;
      end += 1;
    }
    return this.#entries.slice(first, end);
  }

  append(entry: Entry): void {
    if (entry.epoch !== this.epoch || entry.seq !== this.last + 1) {
      this.clear({ epoch: entry.epoch, seq: entry.seq - 1 });
    }
    this.#entries.push(entry);
    this.bytes += entryBytes(entry);
  }

  /** Puts entries that end where the kept ones begin before them, as far as `room` bytes go. */
  prepend(entries: readonly Entry[], room: number): void {
    let left = room;
    let first = entries.length;
    while (first > 0) {
      const entry = entries[first - 1] as Entry;
      left -= entryBytes(entry);
      if (left < 0) break;
      first -= 1;
    }
    const added = entries.slice(first);
    this.#entries = [...added, ...this.#entries.slice(this.#start)];
    this.#start = 0;
    this.after -= added.length;
    for (const entry of added) this.bytes += entryBytes(entry);
  }

  /** Drops the oldest entry. */
  shift(): void {
    const entry = this.#entries[this.#start];
    if (entry === undefined) return;
    this.bytes -= entryBytes(entry);
    this.after = entry.seq;
    this.#start += 1;
    if (this.#start >= 64 && this.#start * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }

  clear(head: { epoch: string; seq: number }): void {
    this.#entries = [];
    this.#start = 0;
    this.bytes = 0;
    this.epoch = head.epoch;
    this.after = head.seq;
  }
}

/** The run of entries, without a hole, that ends right before the kept ones. */
function leadingTo({ epoch, after }: Recent, entries: readonly Entry[]): readonly Entry[] {
  const end = entries.findLastIndex((entry) => entry.epoch === epoch && entry.seq === after) + 1;
  let start = end;
  for (let entry = entries[start - 1]; entry !== undefined; entry = entries[start - 1]) {
    if (entry.epoch !== epoch || entry.seq !== after - (end - start)) break;
    start -= 1;
  }
  return entries.slice(start, end);
}

export interface RecentLimits {
  readonly recentTopicBytes: number;
  readonly recentBytes: number;
}

/** Holds the recent entries of all topics within their limits; the quietest topic goes first. */
export class RecentBudget {
  readonly #limits: RecentLimits;
  /** Of those that hold something: used longest ago, and last. */
  #oldest: Recent | undefined;
  #newest: Recent | undefined;
  #bytes = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(recent: Recent, entries: readonly Entry[]): void {
    const before = recent.bytes;
    for (const entry of entries) recent.append(entry);
    while (recent.bytes > this.#limits.recentTopicBytes) recent.shift();
    this.#changed(recent, before);
  }

  /**
   * Takes over what a page shows of the history right before the kept entries. Ignored when it
   * does not end there: a hole in memory would be a hole for a subscriber.
   */
  prepend(recent: Recent, entries: readonly Entry[]): void {
    const older = leadingTo(recent, entries);
    if (older.length === 0) return;
    const before = recent.bytes;
    const room = Math.min(
      this.#limits.recentTopicBytes - before,
      this.#limits.recentBytes - this.#bytes,
    );
    recent.prepend(older, room);
    this.#changed(recent, before);
  }

  /** Nothing before `head` may be served from memory. */
  clear(recent: Recent, head: Position): void {
    const before = recent.bytes;
    recent.clear(head);
    this.#changed(recent, before);
  }

  #changed(recent: Recent, before: number): void {
    this.#bytes += recent.bytes - before;
    this.#unlink(recent);
    if (recent.length > 0) this.#linkNewest(recent);
    while (this.#bytes > this.#limits.recentBytes && this.#oldest !== undefined) {
      const oldest = this.#oldest;
      this.#bytes -= oldest.bytes;
      oldest.clear({ epoch: oldest.epoch, seq: oldest.last });
      this.#unlink(oldest);
    }
  }

  #linkNewest(recent: Recent): void {
    recent.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = recent;
    else this.#newest.newer = recent;
    this.#newest = recent;
  }

  #unlink(recent: Recent): void {
    const { older, newer } = recent;
    if (older !== undefined) older.newer = newer;
    else if (this.#oldest === recent) this.#oldest = newer;
    if (newer !== undefined) newer.older = older;
    else if (this.#newest === recent) this.#newest = older;
    recent.older = undefined;
    recent.newer = undefined;
  }
}
