import { Canon, type Publication, type TopicCanon } from './canon.ts';
import { Hygiene } from './hygiene.ts';
import type {
  ConnectionRecord,
  DeliveryRecord,
  FaultRecord,
  HeldRecord,
  HistoryRecord,
  QuietRecord,
} from './records.ts';
import { Recovery } from './recovery.ts';
import { Track } from './track.ts';
import { type Expectations, type Figures, Findings, type Verdict, vacuity } from './verdict.ts';

/**
 * Judges a run by invariants I1–I11. Two passes, both linear: what was published and logged, then
 * what each subscriber was told.
 */
export function check(records: readonly HistoryRecord[], expect: Expectations): Verdict {
  return new Checker(records, expect).verdict();
}

interface Connection {
  open: boolean;
  /** The load keeps it from hearing anything: its silence is nobody's fault. */
  held: boolean;
  heard: number;
  /** Closings that an open connection had. */
  ended: number;
}

class Checker {
  readonly #canon: Canon;
  readonly #expect: Expectations;
  readonly #findings = new Findings();
  readonly #faults: readonly FaultRecord[];
  readonly #recovery: Recovery;
  /** subscriber/tap → topic → track. */
  readonly #tracks = new Map<string, Map<string, Track>>();
  readonly #connections = new Map<string, Connection>();
  /** identity and topic → since when it is not allowed. */
  readonly #forbidden = new Map<string, number>();
  readonly #hygiene: Hygiene;
  readonly #phases: [number, number, number] = [0, 0, 0];
  #deliveries = 0;
  /** The load leaves: what ends now ends on purpose. */
  #over = false;
  #longestSilence = 0;
  #catchUp = 0;

  constructor(records: readonly HistoryRecord[], expect: Expectations) {
    this.#expect = expect;
    this.#canon = new Canon(records);
    this.#hygiene = new Hygiene(this.#findings);
    this.#faults = records.filter((record) => record.kind === 'fault');
    const [first, last] = [this.#faults[0], this.#faults.at(-1)];
    this.#recovery = new Recovery(first?.start ?? 0, last?.end ?? 0);
    for (const record of records) this.#take(record);
    if (!records.some((record) => record.kind === 'quiet')) this.#judgeEnd();
    this.#judgePublications();
    for (const topic of this.#canon.topics.values()) this.#judgeTopic(topic);
  }

  verdict(): Verdict {
    const { violations, violated, late } = this.#findings;
    const inconclusive = vacuity(this.#faults, this.#phases, this.#expect);
    return {
      passed: violated.size === 0 && inconclusive.length === 0,
      violations,
      violated,
      late,
      inconclusive,
      figures: this.#figures(),
    };
  }

  #take(record: HistoryRecord): void {
    switch (record.kind) {
      case 'del':
        this.#heard(record);
        this.#delivered(record);
        break;
      case 'gap':
        this.#heard(record);
        this.#gaps[record.reason] = (this.#gaps[record.reason] ?? 0) + 1;
        this.#recovery.heard(record);
        this.#track(record).missed(record);
        break;
      case 'sub':
        this.#track(record).subscribed(record);
        this.#recovery.heard(record);
        break;
      case 'unsub':
        this.#track(record).unsubscribed();
        this.#recovery.unsubscribed(record.subscriber, record.topic);
        break;
      case 'pub':
        if (record.out === 'ok') this.#recovery.acknowledged(record.ret);
        break;
      case 'held':
        this.#held(record);
        break;
      case 'conn':
        this.#connection(record);
        break;
      case 'heard':
        this.#heard(record);
        break;
      case 'auth':
        if (record.allowed) this.#forbidden.delete(permission(record.identity, record.topic));
        else this.#forbidden.set(permission(record.identity, record.topic), record.t);
        break;
      case 'process':
        this.#hygiene.take(record);
        break;
      case 'quiet':
        this.#quiet(record);
        break;
      default:
        break;
    }
  }

  readonly #gaps: Record<string, number> = {};

  #track(record: { subscriber: string; tap: 'app' | 'wire'; topic: string }): Track {
    const who = `${record.subscriber}/${record.tap}`;
    let topics = this.#tracks.get(who);
    if (topics === undefined) {
      topics = new Map();
      this.#tracks.set(who, topics);
    }
    let track = topics.get(record.topic);
    if (track === undefined) {
      track = new Track({
        subscriber: record.subscriber,
        tap: record.tap,
        topic: this.#canon.topic(record.topic),
        expect: this.#expect,
        findings: this.#findings,
      });
      topics.set(record.topic, track);
    }
    return track;
  }

  #delivered(record: DeliveryRecord): void {
    const track = this.#track(record);
    track.delivered(record);
    this.#recovery.heard(record);
    const publication = this.#canon.publications.get(record.id);
    if (publication === undefined) {
      this.#wrong(record, 'I1', `${record.id} was never published`);
      return;
    }
    this.#judgeContent(record, publication);
    this.#judgeAuthority(record, track.identity);
    // One tap counts, or the same message would count twice.
    if (record.tap === 'wire' && this.#tracks.has(`${record.subscriber}/app`)) return;
    this.#deliveries += 1;
    this.#count(record, publication);
  }

  #judgeContent(record: DeliveryRecord, publication: Publication): void {
    if (publication.topic !== record.topic) {
      this.#wrong(record, 'I1', `${record.id} was published to ${publication.topic}`);
    } else if (publication.hash !== record.hash) {
      this.#wrong(record, 'I1', `${record.id} was changed on the way`);
    } else if (publication.invoked > record.t) {
      this.#wrong(record, 'I1', `${record.id} arrived before it was published`);
    }
    if (publication.outcome === 'failed') {
      this.#wrong(record, 'I2', `${record.id} was answered as failed`);
    }
  }

  #judgeAuthority(record: DeliveryRecord, identity: string): void {
    if (this.#forbidden.size === 0) return;
    const since = this.#forbidden.get(permission(identity, record.topic));
    if (since === undefined || record.t <= since + this.#expect.authorityMs * 1e6) return;
    this.#wrong(record, 'I10', `${record.id} delivered to ${identity}, who may not have it`);
  }

  #wrong(record: DeliveryRecord, invariant: 'I1' | 'I2' | 'I10', detail: string): void {
    const subscriber = `${record.subscriber}/${record.tap}`;
    this.#findings.add({ invariant, subscriber, topic: record.topic, detail });
  }

  #count(record: DeliveryRecord, publication: Publication): void {
    const first = this.#faults[0];
    const last = this.#faults.at(-1);
    if (first === undefined || last === undefined) return;
    if (record.t < first.start) this.#phases[0] += 1;
    else if (record.t <= last.end) this.#phases[1] += 1;
    else this.#phases[2] += 1;
    if (publication.invoked > last.end) return;
    this.#catchUp = Math.max(this.#catchUp, record.t - last.end);
  }

  #connection(record: ConnectionRecord): void {
    const connection = this.#connections.get(record.subscriber);
    if (connection === undefined) {
      const open = record.state === 'open';
      this.#connections.set(record.subscriber, { open, held: false, heard: record.t, ended: 0 });
      return;
    }
    this.#heard(record);
    if (connection.open && record.state === 'closed' && !this.#over) connection.ended += 1;
    connection.open = record.state === 'open';
    connection.heard = record.t;
    if (!connection.open) return;
    for (const tap of ['app', 'wire']) {
      const tracks = this.#tracks.get(`${record.subscriber}/${tap}`)?.values() ?? [];
      for (const track of tracks) track.reconnected();
    }
  }

  /** I9: an open connection is never silent for long. */
  #heard(record: { subscriber: string; t: number }): void {
    const connection = this.#connections.get(record.subscriber);
    if (connection === undefined || !connection.open) return;
    const silent = (record.t - connection.heard) / 1e6;
    connection.heard = record.t;
    if (connection.held) return;
    if (silent > this.#longestSilence) this.#longestSilence = silent;
    const limit = this.#expect.silenceMs;
    if (limit === undefined || silent <= limit) return;
    const detail = `heard nothing for ${Math.round(silent)} ms on an open connection`;
    this.#findings.add({ invariant: 'I9', subscriber: record.subscriber, detail, late: true });
  }

  #held(record: HeldRecord): void {
    this.#recovery.held(record);
    this.#heard(record);
    const connection = this.#connections.get(record.subscriber);
    if (connection !== undefined) connection.held = record.held;
  }

  #quiet(record: QuietRecord): void {
    this.#over = true;
    const absent = new Set(record.absent);
    for (const [subscriber, connection] of this.#connections) {
      if (absent.has(subscriber)) continue;
      if (connection.open) this.#heard({ subscriber, t: record.t });
      else this.#findings.add({ invariant: 'I9', subscriber, detail: 'never came back' });
      // What is held is not judged: it must end.
      if (!connection.held) continue;
      this.#findings.add({ invariant: 'I9', subscriber, detail: 'was held to the end' });
    }
    this.#judgeEnd(absent);
    this.#recovery.ended(record.t, absent);
    const catchUp = this.#catchUp / 1e6;
    if (catchUp <= this.#expect.catchUpMs) return;
    const detail = `the last one was level ${Math.round(catchUp)} ms after the fault`;
    this.#findings.add({ invariant: 'I9', detail, late: true });
  }

  #judgeEnd(absent: ReadonlySet<string> = new Set()): void {
    for (const topics of this.#tracks.values()) {
      for (const track of topics.values()) track.finish(absent.has(track.subscriber));
    }
  }

  /** I5, and I7 for what a failover lost. */
  #judgePublications(): void {
    const newest = new Map<string, Publication>();
    const ordered = [...this.#canon.publications.values()].sort((a, b) => a.pn - b.pn);
    for (const publication of ordered) {
      const { position, topic: name } = publication;
      if (position === undefined) continue;
      const topic = this.#canon.topic(name);
      const key = permission(publication.publisher, name);
      const before = newest.get(key);
      newest.set(key, publication);
      if (before?.position !== undefined && !follows(topic, before.position, position)) {
        const detail = `${publication.id} stands before ${before.id} of the same publisher`;
        this.#findings.add({ invariant: 'I5', topic: name, detail });
      }
    }
  }

  #judgeTopic(topic: TopicCanon): void {
    const add = (invariant: 'I2' | 'I4' | 'I7', detail: string) =>
      this.#findings.add({ invariant, topic: topic.name, detail });
    for (const conflict of topic.conflicts) add('I4', conflict);
    for (const span of topic.spans.values()) {
      const invented = span.firstListed < 0 && span.acked.size > 0 && !this.#expect.mayForget;
      if (invented) add('I7', `${span.epoch} was acknowledged, and the log never had it`);
    }
    const places = new Map<string, string>();
    for (const span of topic.ordered) {
      if (!topic.current(span)) {
        if (!this.#expect.mayForget && span.acked.size > 0) add('I7', `${span.epoch} is gone`);
        continue;
      }
      for (const seq of span.read) {
        if (!span.kept(seq)) continue;
        const id = span.ids.get(seq) as string;
        const other = places.get(id);
        if (other !== undefined) add('I2', `${id} is in the log as ${span.epoch}:${seq}, ${other}`);
        places.set(id, `${span.epoch}:${seq}`);
      }
    }
    this.#judgeKept(topic, (detail) => add('I7', detail));
  }

  /** I7: what was acknowledged is in the log, was trimmed by policy, or lost where that may be. */
  #judgeKept(topic: TopicCanon, add: (detail: string) => void): void {
    const first = topic.retained.at(-1)?.first ?? 1;
    for (const span of topic.ordered) {
      if (!topic.current(span)) continue;
      for (const seq of span.acked) {
        const lost = !span.kept(seq);
        if (lost && this.#expect.mayLose && !topic.replicated.has(`${span.epoch}:${seq}`)) continue;
        if (lost) add(`${span.epoch}:${seq} was acknowledged and is lost`);
        else if (!span.read.has(seq) && seq >= first) {
          add(`${span.epoch}:${seq} was acknowledged and is not in the log`);
        }
      }
    }
  }

  #figures(): Figures {
    const publications = [...this.#canon.publications.values()];
    const tracks = [...this.#tracks.values()].flatMap((topics) => [...topics.values()]);
    const total = (count: (track: Track) => number) =>
      tracks.reduce((sum, track) => sum + count(track), 0);
    const judged = (track: Track) =>
      track.tap === 'app' || !this.#tracks.has(`${track.subscriber}/app`);
    const outcome = (name: Publication['outcome']) =>
      publications.filter((publication) => publication.outcome === name).length;
    const spans = [...this.#canon.topics.values()].flatMap((topic) => topic.ordered);
    return {
      published: publications.length,
      acknowledged: outcome('ok'),
      unknown: outcome('unknown'),
      deliveries: this.#deliveries,
      perPhase: this.#phases,
      wireDuplicates: total((track) => (track.tap === 'wire' ? track.duplicates : 0)),
      gaps: this.#gaps,
      falseGaps: total((track) => track.falseGaps),
      ackedLost: spans.reduce((sum, span) => sum + span.lost.length, 0),
      signalled: total((track) => (judged(track) ? track.signalled : 0)),
      silent: total((track) => (judged(track) ? track.silent : 0)),
      reconnects: [...this.#connections.values()].reduce((sum, { ended }) => sum + ended, 0),
      longestSilenceMs: Math.round(this.#longestSilence),
      catchUpMs: Math.round(this.#catchUp / 1e6),
      ...this.#recovery.waits,
    };
  }
}

const permission = (who: string, topic: string) => `${who}\n${topic}`;

interface Stands {
  readonly epoch: string;
  readonly seq: number;
}

function follows(topic: TopicCanon, before: Stands, after: Stands): boolean {
  if (before.epoch === after.epoch) return after.seq > before.seq;
  return topic.span(before.epoch).order < topic.span(after.epoch).order;
}
