import type { GapReason } from '../../protocol/codes.ts';
import type { Span, TopicCanon } from './canon.ts';
import { covers, type Range, uncovered } from './ranges.ts';
import type { DeliveryRecord, GapRecord, SubscribeRecord, Tap } from './records.ts';
import type { Expectations, Findings, Invariant } from './verdict.ts';

/** Where a subscriber is: everything up to `seq` of the epoch was delivered, or told as missed. */
interface Place {
  readonly span: Span;
  readonly seq: number;
}

/** Where a subscriber was when it was told a gap, and when the first of several in a row came. */
interface Told {
  readonly at: Place;
  readonly since: Place;
}

export interface TrackOptions {
  readonly subscriber: string;
  readonly tap: Tap;
  readonly topic: TopicCanon;
  readonly expect: Expectations;
  readonly findings: Findings;
}

/** Follows what one subscriber was told about one topic, record by record. */
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
  /** The connection was renewed: an at-least-once tap may repeat what it had. */
  #renewed = false;
  readonly #ids = new Set<string>();

  constructor(options: TrackOptions) {
    this.subscriber = options.subscriber;
    this.tap = options.tap;
    this.#topic = options.topic;
    this.#expect = options.expect;
    this.#findings = options.findings;
  }

  subscribed(record: SubscribeRecord): void {
    this.identity = record.identity;
    this.#subscribed = true;
    this.#place = { span: this.#topic.span(record.epoch), seq: record.seq };
    this.#told = [];
  }

  unsubscribed(): void {
    this.#subscribed = false;
    this.#place = undefined;
    this.#told = [];
  }

  reconnected(): void {
    this.#renewed = true;
  }

  delivered(record: DeliveryRecord): void {
    if (!this.#subscribed) this.#found('I10', `${record.id} delivered without a subscription`);
    const other = this.#topic.observe(record.epoch, record.seq, record.id);
    const where = `${record.epoch}:${record.seq}`;
    if (other !== undefined) this.#found('I4', `${where} is ${record.id}, and ${other} elsewhere`);
    const span = this.#topic.span(record.epoch);
    if (span.firstListed < 0) this.#found('I1', `${where}: the log never had this epoch`);
    else if (record.seq <= span.start) this.#found('I1', `${where}: the epoch begins later`);
    if (this.#isRepeat(record, span)) return;
    this.#advance(record, span);
    this.#place = { span, seq: record.seq };
    if (this.#told.length > 0) this.#told = [];
  }

  missed(record: GapRecord): void {
    this.gaps += 1;
    if (!this.#subscribed) this.#found('I10', `gap ${record.reason} without a subscription`);
    if (this.#renewed && this.tap === 'wire') {
      if (this.#isPast(record) || this.#told.some((told) => isSameGap(told, record))) return;
    }
    this.#told.push(record);
  }

  /** Nothing more will come: whoever is still subscribed must be at the end of the topic. */
  finish(absent: boolean): void {
    const head = this.#topic.head;
    if (absent || !this.#subscribed || this.#place === undefined || head === undefined) return;
    this.#pass(this.#place, { span: head.span, seq: head.seq });
  }

  #isPast({ reason, from, epoch, seq }: GapRecord): boolean {
    const place = this.#place;
    if (place === undefined) return false;
    // It takes back what was had; where more was lost, the subscriber stays in the old epoch.
    if (reason === 'truncated' && from === place.span.end + 1) return false;
    const order = this.#topic.span(epoch).order;
    return order < place.span.order || (order === place.span.order && seq < place.seq);
  }

  /** Had it already: a violation at the application, counted on the wire. */
  #isRepeat(record: DeliveryRecord, span: Span): boolean {
    const place = this.#place;
    if (this.tap === 'app') {
      if (this.#ids.has(record.id)) {
        this.#found('I3', `${record.id} delivered twice, now as ${record.epoch}:${record.seq}`);
        return true;
      }
      this.#ids.add(record.id);
    }
    const back =
      place !== undefined && (span.order < place.span.order || samePlaceOrBefore(record, place));
    if (!back) return false;
    this.duplicates += 1;
    if (this.tap === 'app' || !this.#renewed) {
      this.#found('I4', `${record.epoch}:${record.seq} after ${text(place)}`);
    }
    return true;
  }

  #advance(record: DeliveryRecord, span: Span): void {
    const place = this.#place;
    if (place === undefined) return;
    const contiguous = place.span === span && record.seq === place.seq + 1;
    this.#renewed = false;
    if (contiguous && this.#told.length === 0) return;
    this.#pass(place, { span, seq: record.seq - 1 });
  }

  /** From one place to another with the gaps told in between: was everything accounted for? */
  #pass(from: Place, to: Place): void {
    let at = from;
    let told: readonly GapRecord[] = this.#told;
    for (const gap of told) {
      this.#judgeGap(gap, { at: this.#before(gap, from, told), since: from });
    }
    const unranged = told.findLastIndex((gap) => gap.from === undefined || gap.to === undefined);
    if (unranged >= 0) {
      const gap = told[unranged] as GapRecord;
      this.#forgiven(at, gap);
      at = { span: this.#topic.span(gap.epoch), seq: gap.seq };
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
    const kept = Math.min(at.seq, at.span === to.span ? at.seq : at.span.end);
    for (const hole of uncovered({ from: kept + 1, to: to.seq }, ranges)) {
      if (this.#hadAll(hole, to.span)) continue;
      this.#found('I6', `${hole.from} to ${hole.to} missing after ${text(at)}, no gap`);
    }
    if (at.span === to.span) return;
    if (to.seq < kept) this.#found('I4', `after ${text(at)} the topic went back to ${text(to)}`);
  }

  /**
   * A publish of unknown outcome that was delivered, lost by a failover and tried again has a new
   * number; whoever had it does not get it again.
   */
  #hadAll({ from, to }: Range, span: Span): boolean {
    for (let seq = from; seq <= to; seq += 1) {
      const id = span.ids.get(seq);
      if (id === undefined || !this.#ids.has(id)) return false;
    }
    return true;
  }

  /** What was acknowledged and lost in the epochs that were left must be covered as well. */
  #losses(at: Place, to: Place, ranges: readonly Range[]): void {
    if (at.span.order < 0 || at.span === to.span) return;
    const withdrawn = uncovered({ from: at.span.end + 1, to: at.seq }, ranges);
    // A plain client may have read beyond the cursor that the server keeps for it.
    if (this.tap === 'app' && withdrawn.length > 0) {
      this.#found('I6', `${text(at)} was taken back beyond ${at.span.end}, and no gap said so`);
    }
    for (let order = at.span.order; order < to.span.order; order += 1) {
      const span = this.#topic.ordered[order] as Span;
      if (span.lost.length === 0 || !this.#topic.related(span, to.span)) continue;
      for (const seq of span.lost) {
        if (covers(ranges, seq)) this.signalled += 1;
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
      this.signalled += this.#topic.ordered[order]?.lost.length ?? 0;
    }
  }

  /** Where the subscriber was when it was told this gap. */
  #before(gap: GapRecord, from: Place, told: readonly GapRecord[]): Place {
    const previous = told[told.indexOf(gap) - 1];
    if (previous === undefined) return from;
    return { span: this.#topic.span(previous.epoch), seq: previous.seq };
  }

  /**
   * I8: reason and range are what the arbiter saw. A plain client's range is that of the cursor
   * which the server kept for it, and may begin earlier than what it has read.
   */
  #judgeGap(gap: GapRecord, where: Told): void {
    const { at } = where;
    const next = this.#topic.span(gap.epoch);
    if (gap.reason === 'slow') this.#false(gap, 'no topic here has a policy that drops');
    else if (gap.from === undefined || gap.to === undefined) this.#judgeUnranged(gap, at, next);
    else if (gap.from > gap.to) this.#false(gap, 'its range is empty');
    else if (gap.reason === 'trimmed') this.#judgeTrimmed(gap, at, { from: gap.from, to: gap.to });
    else this.#judgeLost(gap, where, { from: gap.from, to: gap.to });
  }

  #judgeUnranged(gap: GapRecord, at: Place, next: Span): void {
    if (gap.reason !== 'epoch_unknown' && gap.reason !== 'expired') {
      this.#false(gap, 'this reason has a range');
    } else if (!this.#expect.mayForget) {
      this.#false(gap, 'nothing was forgotten');
    } else if (at.span.highest > 0 && this.#topic.related(at.span, next)) {
      // Back to before the topic's birth: the history in between is gone.
      const forgotten = next.order < at.span.order || at.seq > at.span.end;
      const untouched = !forgotten && this.#left(at.span, next).every(nothingLost);
      if (untouched) this.#false(gap, `${text(at)} is still known`);
    }
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

  #judgeTrimmed(gap: GapRecord, at: Place, range: Range): void {
    const next = this.#topic.span(gap.epoch);
    if (!this.#expect.mayTrim) this.#false(gap, 'nothing was trimmed');
    const from = Math.min(at.seq, at.span.end) + 1;
    const had = range.from > from && this.#hadAll({ from, to: range.from - 1 }, at.span);
    if (!had && (this.tap === 'app' ? range.from !== from : range.from > from)) {
      this.#false(gap, `from ${range.from}, but the subscriber was at ${text(at)}`);
    }
    // A topic that was forgotten in between begins at 1 again.
    const highest = this.#expect.mayForget ? at.span.highest : 0;
    if (range.to > Math.max(this.#topic.head?.seq ?? 0, highest)) {
      this.#false(gap, `${range.to} was never written`);
    }
    if (this.#topic.hadAfter(gap.t, next, range.to)) {
      this.#false(gap, `${range.to} was still in the log`);
    }
  }

  #judgeLost(gap: GapRecord, { at, since }: Told, range: Range): void {
    if (!this.#expect.mayLose) this.#false(gap, 'nothing was lost');
    const left = this.#left(since.span, this.#topic.span(gap.epoch));
    const bound = this.#topic.unsettled;
    const happened = left.some((span) => {
      // Exactly from where the subscriber's own knowledge, and what was kept, ends.
      const known = span === since.span && gap.reason === 'lost' ? since.seq : 0;
      const { end, highest } = span;
      const exact = Math.max(known, end) + 1;
      const begins = this.tap === 'app' ? range.from === exact : range.from <= exact;
      return begins && range.from > end && range.to <= highest + bound;
    });
    if (!happened) this.#false(gap, `after ${text(at)} nothing of that range was lost`);
    if (gap.reason !== 'truncated') return;
    // What a plain client has read may be more than the cursor knows that the server kept for it.
    const had = range.to > at.seq && this.#hadAll({ from: at.seq + 1, to: range.to }, at.span);
    const to = this.tap === 'wire' || range.to === at.seq || had;
    if (range.from !== at.span.end + 1 || !to) {
      this.#false(gap, `${text(at)} was cut at ${at.span.end}`);
    }
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
  return told.flatMap(({ reason, from, to }) =>
    from === undefined || to === undefined || !reasons.includes(reason) ? [] : [{ from, to }],
  );
}

const nothingLost = (span: Span): boolean => span.lost.length === 0;

function isSameGap(one: GapRecord, other: GapRecord): boolean {
  const same = one.reason === other.reason && one.from === other.from && one.to === other.to;
  return same && one.epoch === other.epoch && one.seq === other.seq;
}

function samePlaceOrBefore(record: DeliveryRecord, place: Place): boolean {
  return record.epoch === place.span.epoch && record.seq <= place.seq;
}

function text(place: Place): string {
  return `${place.span.epoch}:${place.seq}`;
}
