import type { Position } from '../../protocol/position.ts';
import { isWorldEpoch, type Origin, type Reach } from './chain.ts';
import type { RepairCause, StreamCounts } from './counts.ts';
import { eventsOf, Inconsistent, isSamePlace, type TopicEvent } from './follower-page.ts';
import { type CopyRange, Parked, type ParkedCopy } from './follower-parked.ts';
import { EPOCHS_PER_TOPIC } from './known.ts';
import type { Log, Resumed } from './log.ts';
import type { Entry } from './stream.ts';

/** What a follower needs of the stream that it belongs to. */
export interface FollowerHost {
  readonly log: Pick<Log, 'listen' | 'resume'>;
  readonly counts: StreamCounts;
  readonly settings: {
    readonly parkedBytes: number;
    readonly pageEntries: number;
    readonly pageBytes: number;
  };
  /** Everything told so far was the head at this Redis second; 0: never. */
  readonly confirmed: number;
  tell(event: TopicEvent): void;
  /** Resolves when a probe that began after the call came back on the live connection. */
  prove(): Promise<unknown>;
  /** The follower is no longer level: `step` must be called until it says `level`. */
  behind(follower: Follower): void;
}

/**
 * `opening`: the head is not known yet. `live`: told everything there is; a live copy that fits is
 * told at once. `repairing`: the log is read up to the head, live copies wait. `settling`: the
 * same, but the log does not know yet what a failover lost. `closed`: tells nothing any more.
 */
export type FollowerState = 'opening' | 'live' | 'repairing' | 'settling' | 'closed';

/** What a step came to. `settling`: milliseconds until it makes sense to try again, at most. */
export type Step = 'level' | 'again' | 'closed' | { readonly settling: number };

const NO_PAST: readonly Reach[] = [];

/** One followed topic: turns live copies and pages of the log into one contiguous history. */
export class Follower {
  readonly topic: string;
  /** The order in which followers stopped to be level; the queue's own note. */
  ticket = 0;
  /** Failed steps in a row; the queue's own note. */
  failures = 0;
  readonly #host: FollowerHost;
  readonly #parked: Parked;
  #state: FollowerState = 'opening';
  #listening = false;
  /** What the listener was told last; `#epoch` is empty until it was told anything. */
  #epoch = '';
  #seq = 0;
  #second = 0;
  /** Where that epoch began, if the log said so. */
  #origin: Origin | undefined;
  /** The epochs before it, as far as they went, oldest first. */
  #past: readonly Reach[] = NO_PAST;
  /** What was heard last, told or not. */
  #heard: CopyRange & { readonly second: number } = { epoch: '', from: 0, to: 0, second: 0 };
  /** Lineage of the log when the follower was level last. */
  #lineage = '';
  /** Grows whenever it becomes uncertain that everything was heard. */
  #doubts = 0;
  #mayHaveMissed = false;
  /** Something was heard and dropped; a read that begins from now on will bring it. */
  #dropped = false;

  constructor(topic: string, host: FollowerHost) {
    this.topic = topic;
    this.#host = host;
    this.#parked = new Parked(host.settings.parkedBytes);
  }

  get state(): FollowerState {
    return this.#state;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Where the listener is; undefined until it was told. */
  get position(): Position | undefined {
    if (this.#epoch === '') return undefined;
    const confirmed = Math.max(this.#second, this.#host.confirmed);
    return { epoch: this.#epoch, seq: this.#seq, confirmed };
  }

  /**
   * How far each epoch is known to have gone, oldest first; `confirmed`: when that was published.
   */
  get reaches(): readonly Reach[] {
    const { epoch, to, second } = this.#heard;
    const present = this.#epoch === '' ? this.#past : [...this.#past, this.#reach];
    const foreign = epoch !== '' && epoch !== this.#epoch;
    return foreign ? [...present, { epoch, seq: to, confirmed: second }] : present;
  }

  /** Of the present epoch. */
  get #reach(): Reach {
    const { epoch, to, second } = this.#heard;
    const origin = this.#origin;
    const told = { epoch: this.#epoch, ...(origin && { origin }) };
    if (epoch === this.#epoch && to > this.#seq) return { ...told, seq: to, confirmed: second };
    return { ...told, seq: this.#seq, confirmed: this.#second };
  }

  close(): void {
    this.#state = 'closed';
    this.#parked.clear();
  }

  /** A live copy came. */
  hear(entries: readonly Entry[], second: number): void {
    const range = rangeOf(entries);
    if (range === undefined) {
      this.#dropped = true;
      if (this.#state === 'live') this.#repair('hole');
      return;
    }
    const fits = range.epoch === this.#epoch && range.from <= this.#seq + 1;
    if (fits && this.#state === 'live') {
      this.#tellNew({ entries, second, range });
      return;
    }
    this.#note(range, second);
    if (this.#state === 'live') this.#repair(range.epoch === this.#epoch ? 'hole' : 'epoch');
    this.#park({ entries, second, range });
  }

  /** A live copy was too large to come along. */
  announced(range: CopyRange): void {
    this.#note(range, Math.max(this.#second, this.#host.confirmed));
    if (this.#state !== 'live') this.#park({ entries: undefined, range });
    else if (range.epoch !== this.#epoch) this.#repair('epoch');
    else if (range.to > this.#seq) this.#repair('announced');
    else this.#host.counts.repeated(range.to - range.from + 1);
  }

  /** What was heard may not have been all. Nothing is told until the log was read again. */
  doubt(): void {
    this.#doubts += 1;
    this.#mayHaveMissed = true;
    if (this.#state === 'live') this.#repair('doubt');
  }

  /** The head of the topic was this one after `since` had been told. */
  compare(head: Position, since: Position): void {
    if (this.#state !== 'live' || since.epoch !== this.#epoch) return;
    const fits = head.epoch === this.#epoch && head.seq >= since.seq && head.seq <= this.#seq;
    if (!fits) this.#repair('rotation');
  }

  /** Goes one step towards being level. Rejects when the log cannot be read. */
  async step(): Promise<Step> {
    const doubts = this.#doubts;
    this.#dropped = false;
    const from = this.position;
    const page = from === undefined ? await this.#readHead() : await this.#readPage(from);
    if (page === undefined || this.isClosed) return 'closed';
    if (doubts !== this.#doubts) return 'again';
    if (from === undefined) return this.#open(page);
    if (page.unsettledMs > 0) {
      this.#state = 'settling';
      return { settling: page.unsettledMs };
    }
    this.#state = 'repairing';
    return this.#apply(from, page);
  }

  async #readHead(): Promise<Resumed | undefined> {
    if (!this.#listening) await this.#host.log.listen(this.topic);
    this.#listening = true;
    if (this.isClosed) return undefined;
    await this.#host.prove();
    return this.isClosed ? undefined : this.#host.log.resume(this.topic, this.#request(undefined));
  }

  #readPage(from: Position): Promise<Resumed> {
    return this.#host.log.resume(this.topic, this.#request(from));
  }

  #request(from: Position | undefined) {
    const { pageEntries, pageBytes } = this.#host.settings;
    return { from, heard: true, maxEntries: pageEntries, maxBytes: pageBytes };
  }

  #open({ head, lineage, origin }: Resumed): Step {
    const foreign = this.#parked.epochs;
    foreign.delete(head.epoch);
    if (foreign.size > 0) {
      // The head or the copies are of a history that is over, or one that has just begun.
      this.#parked.clear();
      return 'again';
    }
    this.#state = 'repairing';
    this.#moveTo(head);
    this.#origin = origin;
    this.#host.tell({ type: 'opened', topic: this.topic, head });
    return this.#join(lineage);
  }

  #apply(from: Position, page: Resumed): Step {
    const excusesUnborn = !this.#mayHaveMissed || page.lineage !== this.#lineage;
    const events = eventsOf(this.topic, { ...from, excusesUnborn }, page);
    for (const event of events) {
      this.#tell(event);
      if (this.isClosed) return 'closed';
    }
    this.#second = Math.max(this.#second, page.cursor.confirmed);
    if (this.#epoch === page.head.epoch) this.#origin ??= page.origin;
    if (!isSamePlace(page.cursor, page.head)) return 'again';
    const step = this.#join(page.lineage);
    if (step === 'again' && events.length === 0 && !this.#dropped) {
      // The log ends before what was heard of it in the same epoch. The log decides.
      this.#parked.clear();
      throw new Inconsistent(`the log of ${this.topic} ends at ${this.#seq}, more was heard`);
    }
    return step;
  }

  #tell(event: TopicEvent): void {
    if (event.type === 'gap') {
      this.#moveTo(event.gap.position);
      this.#host.counts.gap(event.gap.reason);
    } else if (event.type === 'entries') {
      const last = event.entries.at(-1);
      if (last !== undefined) this.#seq = last.seq;
      if (last !== undefined) this.#second = Math.floor(last.at / 1000);
      this.#host.counts.told(event.entries.length);
    } else this.#moveTo(event.head);
    this.#host.tell(event);
  }

  #moveTo(position: Position): void {
    if (this.#epoch !== position.epoch) this.#leaveEpoch(position.epoch);
    this.#epoch = position.epoch;
    this.#seq = position.seq;
    this.#second = position.confirmed;
  }

  #leaveEpoch(next: string): void {
    // What was before the topic was forgotten is nobody's loss.
    if (isWorldEpoch(next)) this.#past = NO_PAST;
    else if (this.#epoch !== '' && !isWorldEpoch(this.#epoch)) {
      this.#past = [...this.#past, this.#reach].slice(1 - EPOCHS_PER_TOPIC);
    }
    this.#origin = undefined;
  }

  /** The head was reached: what was heard meanwhile follows, or shows that more is missing. */
  #join(lineage: string): Step {
    if (this.isClosed) return 'closed';
    const waiting = this.#parked.take();
    for (const [index, copy] of waiting.entries()) {
      const { epoch, from, to } = copy.range;
      // Copies are parked only while their epoch is the present one; this one has been left.
      if (epoch !== this.#epoch) continue;
      const fits = to <= this.#seq || (copy.entries !== undefined && from <= this.#seq + 1);
      if (!fits) {
        for (const later of waiting.slice(index)) this.#park(later);
        return 'again';
      }
      this.#tellNew(copy);
      if (this.isClosed) return 'closed';
    }
    if (this.#dropped) return 'again';
    this.#state = 'live';
    this.#lineage = lineage;
    this.#mayHaveMissed = false;
    this.#heard = { epoch: '', from: 0, to: 0, second: 0 };
    return 'level';
  }

  /** Tells of a copy that begins at or before the next number what was not told before. */
  #tellNew({ entries, range, ...copy }: ParkedCopy & { readonly second?: number }): void {
    const old = this.#seq - range.from + 1;
    if (old > 0) this.#host.counts.repeated(Math.min(old, range.to - range.from + 1));
    if (entries === undefined || range.to <= this.#seq) return;
    this.#seq = range.to;
    this.#second = copy.second ?? this.#second;
    this.#host.counts.told(entries.length - old);
    const news = old > 0 ? entries.slice(old) : entries;
    this.#host.tell({ type: 'entries', topic: this.topic, entries: news });
  }

  #park(copy: ParkedCopy): void {
    const opening = this.#epoch === '';
    if (opening || copy.range.epoch === this.#epoch) {
      if (this.#parked.add(copy)) return;
      this.#host.counts.overflowed();
    }
    // Whatever it is, a read from now on brings it, or shows that it is of a history left behind.
    this.#dropped = true;
  }

  #note(range: CopyRange, second: number): void {
    const { epoch, to } = this.#heard;
    if (epoch !== range.epoch || to < range.to) this.#heard = { ...range, second };
  }

  #repair(cause: RepairCause): void {
    this.#state = 'repairing';
    this.#host.counts.repair(cause);
    this.#host.behind(this);
  }
}

/** Undefined: not what the log writes in one step, and so of no use as a copy of it. */
function rangeOf(entries: readonly Entry[]): CopyRange | undefined {
  const [first] = entries;
  const last = entries.at(-1);
  if (first === undefined || last === undefined || first.epoch !== last.epoch) return undefined;
  if (last.seq - first.seq !== entries.length - 1) return undefined;
  return { epoch: first.epoch, from: first.seq, to: last.seq };
}
