import type { StreamSettings } from '../../settings/declaration.ts';
import { type ChainLink, endEpoch, originOf } from '../chain.ts';
import type { Entry } from '../stream.ts';
import { MemoryAnswers } from './memory-answers.ts';

/** What a topic needs of the store that it is in. */
export interface TopicHome {
  readonly nowMs: number;
  readonly metaMs: number;
  readonly settings: StreamSettings;
}

/** So many entries over the limit are let be, so that trimming costs nothing per publish. */
const TRIM_SLACK = 64;

/** One topic: its log, its meta, and what its producers were answered. */
export class MemoryTopic {
  epoch: string;
  lineage: string;
  chain: readonly ChainLink[];
  /** Second of its birth, … */
  readonly birth: number;
  /** … and the one at which the present epoch began. */
  since: number;
  seq = 0;
  metaExpiresAt: number;
  answers: MemoryAnswers;
  readonly #home: TopicHome;
  #entries: Entry[] = [];
  #logExpiresAt = 0;

  constructor(
    home: TopicHome,
    first: { epoch: string; lineage: string; chain: readonly ChainLink[]; birth: number },
  ) {
    this.#home = home;
    this.epoch = first.epoch;
    this.lineage = first.lineage;
    this.chain = first.chain;
    this.birth = first.birth;
    this.since = first.birth;
    this.metaExpiresAt = home.nowMs + home.metaMs;
    this.answers = new MemoryAnswers(home);
  }

  /** The present epoch is over. */
  beginEpoch(epoch: string): void {
    this.chain = endEpoch(this, this.since);
    this.epoch = epoch;
    this.since = Math.floor(this.#home.nowMs / 1000);
  }

  append(content: Pick<Entry, 'id' | 'data'>): Entry {
    const at = this.#home.nowMs;
    this.trim();
    this.seq += 1;
    const entry: Entry = { epoch: this.epoch, seq: this.seq, at, ...content };
    this.#entries.push(entry);
    this.#logExpiresAt = at + this.#home.settings.retentionS * 1000;
    this.touch();
    return entry;
  }

  /** Whoever holds a position of this topic can come back within twice the retention. */
  touch(): void {
    this.metaExpiresAt = this.#home.nowMs + this.#home.metaMs;
  }

  trim(): void {
    const { retentionS, retentionEntries } = this.#home.settings;
    const now = this.#home.nowMs;
    if (this.#entries.length > 0 && this.#logExpiresAt <= now) this.#entries = [];
    const oldest = now - retentionS * 1000;
    const over = this.#entries.length - retentionEntries;
    let drop = over >= TRIM_SLACK ? over : 0;
    while (drop < this.#entries.length && (this.#entries[drop]?.at ?? now) < oldest) drop += 1;
    if (drop >= TRIM_SLACK || drop === this.#entries.length) this.#entries.splice(0, drop);
  }

  /** Entries after `seq`, oldest first, by number and bytes; at least one when there is one. */
  after(seq: number, limit: { entries: number; bytes: number }) {
    this.trim();
    const start = this.#entries.findIndex((entry) => entry.seq > seq);
    const entries: Entry[] = [];
    let bytes = 0;
    for (let at = start; at >= 0 && at < this.#entries.length; at += 1) {
      const entry = this.#entries[at] as Entry;
      bytes += entry.data.bytes.length;
      const full = entries.length >= limit.entries || bytes > limit.bytes;
      if (full && entries.length > 0) return { entries, exhausted: false };
      entries.push(entry);
    }
    return { entries, exhausted: true };
  }

  /** The newest entries, oldest first. */
  latest(limit: { entries: number; bytes: number }): Entry[] {
    this.trim();
    let start = this.#entries.length;
    let bytes = 0;
    while (start > 0 && this.#entries.length - start < limit.entries) {
      bytes += this.#entries[start - 1]?.data.bytes.length ?? 0;
      if (bytes > limit.bytes && start < this.#entries.length) break;
      start -= 1;
    }
    return this.#entries.slice(start);
  }

  get isEmpty(): boolean {
    this.trim();
    return this.#entries.length === 0;
  }

  clear(): void {
    this.#entries = [];
  }

  /** As a replica that lags by `count` entries; never beyond the start of the epoch. */
  loseLast(count: number): void {
    const lost = Math.min(count, this.seq - (originOf(this)?.seq ?? 0));
    this.seq -= lost;
    this.#entries = this.#entries.filter((entry) => entry.seq <= this.seq);
    this.answers = this.answers.upTo(this.seq);
  }

  copy(): MemoryTopic {
    const copy = new MemoryTopic(this.#home, this);
    copy.since = this.since;
    copy.seq = this.seq;
    copy.metaExpiresAt = this.metaExpiresAt;
    copy.#entries = [...this.#entries];
    copy.#logExpiresAt = this.#logExpiresAt;
    copy.answers = this.answers.upTo(this.seq);
    return copy;
  }
}
