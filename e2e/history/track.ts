import type { GapReason } from '../../protocol/codes.ts';
import type { Span, TopicCanon } from './canon.ts';
import { covers, type Range, uncovered } from './ranges.ts';
import type { DeliveryRecord, GapRecord, SubscribeRecord, Tap } from './records.ts';
import type { Expectations, Findings, Invariant } from './verdict.ts';
import { type Place, Visited } from './visited.ts';

export interface TrackOptions {
  readonly subscriber: string;
  readonly tap: Tap;
  readonly topic: TopicCanon;
  readonly expect: Expectations;
  readonly findings: Findings;
}

/**
 * Follows what one subscriber was told about one topic, record by record. An application's place
 * is its own, whatever its connection does. A plain client's is the server's: each connection may
 * begin at any place where the client has been, and within a connection there is no difference.
 */
export class Track {
  readonly subscriber: string;
  readonly tap: Tap;
  identity = '';
  gaps = 0;
  falseGaps = 0;
  duplicates = 0;
  signalled = 0;
  silent = 0;
  readonly #topic: TopicCanon;
  readonly #expect: Expectations;
  readonly #findings: Findings;
  #place: Place | undefined;
  /** Gaps since the last delivery, in order. */
  #told: GapRecord[] = [];
  /** False after `unsub`, until the next `sub`. */
  #subscribed = true;
  /** The connection is new, and what it begins with will show where the server resumed. */
  #resuming = false;
  /** Of a plain client. */
  readonly #visited: Visited;
  readonly #ids = new Set<string>();
  /** Losses that were counted: a resume may tell them again. */
  readonly #counted = new Set<string>();

  constructor(options: TrackOptions) {
    this.subscriber = options.subscriber;
    this.tap = options.tap;
    this.#topic = options.topic;
    this.#visited = new Visited(options.topic);
    this.#expect = options.expect;
    this.#findings = options.findings;
  }

  subscribed(record: SubscribeRecord): void {
    this.identity = record.identity;
    this.#subscribed = true;
    this.#resuming = false;
    this.#told = [];
    this.#be({ span: this.#topic.span(record.epoch), seq: record.seq });
  }

  unsubscribed(): void {
    this.#subscribed = false;
    this.#place = undefined;
    this.#told = [];
    // The next subscription begins where it is told to, and knows nothing of this one.
    this.#ids.clear();
  }

  reconnected(): void {
    if (this.tap === 'app') return;
    this.#arrive();
    this.#resuming = true;
  }

  delivered(record: DeliveryRecord): void {
    if (!this.#subscribed) this.#found('I10', `${record.id} delivered without a subscription`);
    const other = this.#topic.observe(record.epoch, record.seq, record.id);
    const where = `${record.epoch}:${record.seq}`;
    if (other !== undefined) this.#found('I4', `${where} is ${record.id}, and ${other} elsewhere`);
    const span = this.#topic.span(record.epoch);
    if (span.firstListed < 0) this.#found('I1', `${where}: the log never had this epoch`);
    else if (record.seq <= (span.origin?.seq ?? 0)) {
      this.#found('I1', `${where}: the epoch begins later`);
    }
    if (this.#resuming) this.#resume(this.#visited.beforeMessage({ span, seq: record.seq }));
    if (this.#isRepeat(record, span)) return;
    this.#advance(record, span);
    this.#be({ span, seq: record.seq });
    if (this.#told.length > 0) this.#told = [];
  }

  missed(record: GapRecord): void {
    this.gaps += 1;
    if (!this.#subscribed) this.#found('I10', `gap ${record.reason} without a subscription`);
    if (this.#resuming) this.#resume(this.#beforeGap(record));
    this.#told.push(record);
    if (this.tap === 'wire') this.#visited.add(this.#after(record));
  }

  /** Nothing more will come: whoever is still subscribed must be at the end of the topic. */
  finish(absent: boolean): void {
    const head = this.#topic.head;
    if (absent || !this.#subscribed || head === undefined) return;
    // Nothing came: the next message would have shown where it was resumed.
    const next = { span: head.span, seq: head.seq + 1 };
    if (this.#resuming) this.#resume(this.#visited.beforeMessage(next));
    const place = this.#place;
    if (place === undefined) return;
    if (place.span === head.span && place.seq > head.seq) {
      this.#found('I1', `${text(place)}: the log ends at ${head.seq}`);
    }
    this.#pass(place, head);
  }

  #be(place: Place): void {
    this.#place = place;
    if (this.tap === 'wire') this.#visited.add(place);
  }

  /** The gaps that were told last are where it is: judges them before anything else is told. */
  #arrive(): void {
    const last = this.#told.at(-1);
    if (last === undefined) return;
    const place = this.#after(last);
    if (this.#place !== undefined) this.#pass(this.#place, place);
    this.#told = [];
    this.#be(place);
  }

  /** Where a gap leaves the subscriber. */
  #after({ epoch, seq }: GapRecord): Place {
    return { span: this.#topic.span(epoch), seq };
  }

  /** Where there is no such place, it must go on from where it was. */
  #resume(cursor: Place | undefined): void {
    this.#resuming = false;
    if (cursor !== undefined) this.#place = cursor;
  }

  #beforeGap(gap: GapRecord): Place | undefined {
    const next = this.#topic.span(gap.epoch);
    if (isRanged(gap)) return this.#visited.beforeGap(gap, next);
    return this.#visited.last((place) => this.#isForgotten(place, next));
  }

  /** Had it already: a violation at the application, counted on the wire. */
  #isRepeat(record: DeliveryRecord, span: Span): boolean {
    const place = this.#place;
    if (this.#ids.has(record.id)) {
      this.duplicates += 1;
      if (this.tap === 'app') {
        this.#found('I3', `${record.id} delivered twice, now as ${record.epoch}:${record.seq}`);
        return true;
      }
    }
    this.#ids.add(record.id);
    const back =
      place !== undefined && (span.order < place.span.order || samePlaceOrBefore(record, place));
    if (back) this.#found('I4', `${record.epoch}:${record.seq} after ${text(place)}`);
    return back;
  }

  #advance(record: DeliveryRecord, span: Span): void {
    const place = this.#place;
    if (place === undefined) return;
    const contiguous = place.span === span && record.seq === place.seq + 1;
    if (contiguous && this.#told.length === 0) return;
    this.#pass(place, { span, seq: record.seq - 1 });
  }

  /** From one place to another with the gaps told in between: was everything accounted for? */
  #pass(from: Place, to: Place): void {
    let at = from;
    let told: readonly GapRecord[] = this.#told;
    for (const gap of told) this.#judgeGap(gap, this.#before(gap, from, told));
    const unranged = told.findLastIndex((gap) => !isRanged(gap));
    if (unranged >= 0) {
      const gap = told[unranged] as GapRecord;
      this.#forgiven(at, gap);
      at = this.#after(gap);
      told = told.slice(unranged + 1);
    }
    if (!this.#topic.related(at.span, to.span)) {
      this.#found('I6', `${text(at)} is of a history that is gone, and no gap said so`);
      return;
    }
    this.#holes(at, to, rangesOf(told, keptReasons));
    this.#losses(at, to, rangesOf(told, lostReasons));
    const last = told.at(-1);
    if (last !== undefined && to.seq < last.seq) {
      this.#false(last, `what follows it comes from before its position, ${text(to)}`);
    }
  }

  /** Everything that the log kept between the two places must be covered. */
  #holes(at: Place, to: Place, ranges: readonly Range[]): void {
    const kept = this.#kept(at, to.span);
    for (const hole of uncovered({ from: kept + 1, to: to.seq }, ranges)) {
      if (this.#hadAll(hole, to.span)) continue;
      this.#found('I6', `${hole.from} to ${hole.to} missing after ${text(at)}, no gap`);
    }
    if (at.span === to.span) return;
    if (to.seq < kept) this.#found('I4', `after ${text(at)} the topic went back to ${text(to)}`);
  }

  /** How much of what a place stands for is part of another epoch's history. */
  #kept({ span, seq }: Place, next: Span): number {
    // An epoch without messages may come and go between two looks.
    return span.order < 0 ? seq : Math.min(seq, this.#topic.common(span, next));
  }

  /**
   * A publish of unknown outcome that was delivered, lost by a failover and tried again has a new
   * number; an application that had it does not get it again.
   */
  #hadAll({ from, to }: Range, epoch: Span): boolean {
    if (this.tap === 'wire') return false;
    for (let seq = from; seq <= to; seq += 1) {
      const id = this.#topic.message(seq, epoch);
      if (id === undefined || !this.#ids.has(id)) return false;
    }
    return true;
  }

  /** What was acknowledged and lost in the epochs that were left must be covered as well. */
  #losses(at: Place, to: Place, ranges: readonly Range[]): void {
    if (at.span.order < 0 || at.span === to.span) return;
    const kept = this.#topic.common(at.span, to.span);
    if (uncovered({ from: kept + 1, to: at.seq }, ranges).length > 0) {
      this.#found('I6', `${text(at)} was taken back beyond ${kept}, and no gap said so`);
    }
    for (let order = at.span.order; order < to.span.order; order += 1) {
      const span = this.#topic.ordered[order] as Span;
      if (!this.#topic.related(span, to.span)) continue;
      const last = this.#topic.common(span, to.span);
      for (const seq of span.acked) {
        if (seq <= last) continue;
        if (covers(ranges, seq)) this.#countSignalled(span, seq);
        else {
          this.silent += 1;
          this.#found('I6', `${span.epoch}:${seq} was acknowledged and lost, and no gap says so`);
        }
      }
    }
  }

  /** A gap without a range covers every loss of the histories that it ends. */
  #forgiven(at: Place, gap: GapRecord): void {
    const end = this.#topic.span(gap.epoch).order;
    for (let order = Math.max(0, at.span.order); order < end; order += 1) {
      const span = this.#topic.ordered[order] as Span;
      for (const seq of span.lost) this.#countSignalled(span, seq);
    }
  }

  #countSignalled({ epoch }: Span, seq: number): void {
    if (this.#counted.has(`${epoch}:${seq}`)) return;
    this.#counted.add(`${epoch}:${seq}`);
    this.signalled += 1;
  }

  /** Where the subscriber was when it was told this gap. */
  #before(gap: GapRecord, from: Place, told: readonly GapRecord[]): Place {
    const previous = told[told.indexOf(gap) - 1];
    return previous === undefined ? from : this.#after(previous);
  }

  /** I8: reason and range are what the arbiter saw. */
  #judgeGap(gap: GapRecord, at: Place): void {
    if (gap.reason === 'slow') this.#false(gap, 'no topic here has a policy that drops');
    else if (!isRanged(gap)) this.#judgeUnranged(gap, at);
    else if (gap.from > gap.to) this.#false(gap, 'its range is empty');
    else if (gap.reason === 'trimmed') this.#judgeTrimmed(gap, at);
    else this.#judgeLost(gap, at);
  }

  #judgeUnranged(gap: GapRecord, at: Place): void {
    if (gap.reason !== 'epoch_unknown' && gap.reason !== 'expired') {
      this.#false(gap, 'this reason has a range');
    } else if (!this.#expect.mayForget) {
      this.#false(gap, 'nothing was forgotten');
    } else if (!this.#isForgotten(at, this.#topic.span(gap.epoch))) {
      this.#false(gap, `${text(at)} is still known`);
    }
  }

  #isForgotten(at: Place, next: Span): boolean {
    if (at.span.highest === 0 || !this.#topic.related(at.span, next)) return true;
    // Back to before the topic's birth: the history in between is gone.
    if (next.order < at.span.order || at.seq > at.span.end) return true;
    return !this.#left(at.span, next).every(nothingLost);
  }

  /** The epochs between the two: the first is among them, the last is not. */
  #left(from: Span, to: Span): readonly Span[] {
    const first = Math.max(0, from.order);
    // A gap may leave the subscriber in the epoch of which it speaks, when more of it follows.
    return this.#topic.ordered.slice(
      first,
      to.order < 0 ? undefined : Math.max(to.order, first + 1),
    );
  }

  #judgeTrimmed(gap: Ranged, at: Place): void {
    const next = this.#topic.span(gap.epoch);
    if (!this.#expect.mayTrim) this.#false(gap, 'nothing was trimmed');
    const from = this.#kept(at, next) + 1;
    const had = gap.from > from && this.#hadAll({ from, to: gap.from - 1 }, at.span);
    if (gap.from !== from && !had) {
      this.#false(gap, `from ${gap.from}, but the subscriber was at ${text(at)}`);
    }
    // A topic that was forgotten in between begins at 1 again.
    const highest = this.#expect.mayForget ? at.span.highest : 0;
    if (gap.to > Math.max(this.#topic.head?.seq ?? 0, highest)) {
      this.#false(gap, `${gap.to} was never written`);
    }
    if (this.#topic.hadAfter(gap.t, next, gap.to)) {
      this.#false(gap, `${gap.to} was still in the log`);
    }
  }

  /** One gap for everything that was lost behind the place up to which the log kept anything. */
  #judgeLost(gap: Ranged, at: Place): void {
    if (!this.#expect.mayLose) this.#false(gap, 'nothing was lost');
    const next = this.#topic.span(gap.epoch);
    const bound = this.#topic.unsettled;
    const cuts = this.#left(at.span, next).map((span) => ({
      end: this.#topic.common(span, next),
      last: Math.max(span.highest, span === at.span ? at.seq : 0) + bound,
    }));
    const begins = cuts.some(({ end, last }) => gap.from === end + 1 && last > end);
    const ends = cuts.some(({ end, last }) => gap.to > end && gap.to <= last);
    if (!begins || !ends) this.#false(gap, `after ${text(at)} nothing of that range was lost`);
    const kept = this.#kept(at, next);
    if (gap.reason === 'lost') {
      if (at.seq > kept) this.#false(gap, `of what ${text(at)} had, all behind ${kept} was lost`);
    } else if (gap.from !== kept + 1 || gap.to < at.seq || this.#had(at) <= kept) {
      this.#false(gap, `${text(at)} was cut at ${kept}`);
    }
  }

  /** How far a subscriber came: messages that it had under other numbers moved it as well. */
  #had({ span, seq }: Place): number {
    let had = seq;
    while (this.#hadAll({ from: had + 1, to: had + 1 }, span)) had += 1;
    return had;
  }

  #false(gap: GapRecord, why: string): void {
    this.falseGaps += 1;
    this.#found('I8', `gap ${gap.reason} ${gap.from ?? '?'} to ${gap.to ?? '?'}: ${why}`);
  }

  #found(invariant: Invariant, detail: string): void {
    this.#findings.add({
      invariant,
      subscriber: `${this.subscriber}/${this.tap}`,
      topic: this.#topic.name,
      detail,
    });
  }
}

const keptReasons: readonly GapReason[] = ['trimmed', 'slow'];
const lostReasons: readonly GapReason[] = ['truncated', 'lost'];

/** Numbers are reused after a failover: a lost 11 says nothing about the 11 that the log has. */
function rangesOf(told: readonly GapRecord[], reasons: readonly GapReason[]): Range[] {
  return told.filter(isRanged).filter(({ reason }) => reasons.includes(reason));
}

const nothingLost = (span: Span): boolean => span.lost.length === 0;

type Ranged = GapRecord & Range;

const isRanged = (gap: GapRecord): gap is Ranged => gap.from !== undefined && gap.to !== undefined;

function samePlaceOrBefore(record: DeliveryRecord, place: Place): boolean {
  return record.epoch === place.span.epoch && record.seq <= place.seq;
}

function text(place: Place): string {
  return `${place.span.epoch}:${place.seq}`;
}
