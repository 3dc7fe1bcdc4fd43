import assert from 'node:assert/strict';
import type { Position } from '../../../protocol/position.ts';
import { samePlace } from '../deliveries.ts';
import type { Batch, Delivery, GapDelivery, Outlet, SubbedDelivery } from '../hub.ts';
import type { ScriptedStream } from './scripted-stream.ts';

interface Watched {
  readonly request: number;
  readonly from: Position | undefined;
  /** Where the outlet is; undefined until `subbed`. */
  position: Position | undefined;
}

/** An outlet for tests: it checks every delivery against the history as it comes. */
export class RecordingOutlet implements Outlet {
  subscriptions: unknown;
  readonly name: string;
  readonly watched = new Map<string, Watched>();
  readonly seen: Delivery[] = [];
  /** Deliveries that it has room for. */
  room = Number.POSITIVE_INFINITY;
  full = false;
  stale = false;
  flushes = 0;
  /** Called in every delivery, after it was checked. */
  onDelivery: (delivery: Delivery) => void = () => {};
  readonly #stream: ScriptedStream;
  #unflushed = false;

  constructor(name: string, stream: ScriptedStream) {
    this.name = name;
    this.#stream = stream;
  }

  expect(topic: string, from: Position | undefined, request: number): void {
    this.watched.set(topic, { request, from, position: undefined });
  }

  deliver(delivery: Delivery): boolean {
    assert.ok(!this.full, 'nothing is delivered to a full outlet');
    this.seen.push(delivery);
    this.#unflushed = true;
    this.#check(delivery);
    this.room -= 1;
    if (this.room <= 0) this.full = true;
    const full = this.full;
    this.onDelivery(delivery);
    return !full;
  }

  flush(): void {
    assert.ok(this.#unflushed, 'a flush follows a delivery');
    this.#unflushed = false;
    this.flushes += 1;
  }

  /** Seqs of all entries seen of a topic. */
  seqs(topic: string): number[] {
    return this.seen.flatMap((delivery) =>
      delivery.kind === 'entries' && delivery.topic === topic
        ? delivery.entries.map(({ seq }) => seq)
        : [],
    );
  }

  kinds(): string[] {
    return this.seen.map(({ kind }) => kind);
  }

  #check(delivery: Delivery): void {
    if (delivery.kind === 'stale') {
      assert.notEqual(delivery.stale, this.stale, 'stale is news');
      this.stale = delivery.stale;
      return;
    }
    const watched = this.watched.get(delivery.topic);
    assert.ok(watched, `${this.name}: a ${delivery.kind} of a topic without subscription`);
    if (delivery.kind === 'subbed') this.#checkSubbed(watched, delivery);
    else if (delivery.kind === 'entries') this.#checkEntries(watched, delivery);
    else if (delivery.kind === 'gap') this.#checkGap(watched, delivery);
    else this.watched.delete(delivery.topic);
  }

  #checkSubbed(watched: Watched, { request, position }: SubbedDelivery): void {
    assert.equal(watched.position, undefined, 'subbed comes once');
    assert.equal(request, watched.request, 'subbed answers the newest request');
    if (watched.from !== undefined) assert.ok(samePlace(position, watched.from));
    watched.position = position;
  }

  #checkEntries(watched: Watched, { topic, entries }: Batch): void {
    const history = this.#stream.topic(topic);
    for (const entry of entries) {
      const { position } = watched;
      assert.ok(position, 'subbed comes first');
      const here = `${entry.epoch}:${entry.seq}`;
      const at = `${this.name}: ${here} after ${position.epoch}:${position.seq}`;
      assert.equal(entry.seq, position.seq + 1, at);
      assert.equal(history.written.get(`${entry.epoch}:${entry.seq}`), entry, at);
      if (entry.epoch !== position.epoch) assert.ok(history.leads(position, entry.epoch), at);
      watched.position = { epoch: entry.epoch, seq: entry.seq, confirmed: entry.seq };
    }
  }

  #checkGap(watched: Watched, { topic, gap }: GapDelivery): void {
    const { position } = watched;
    assert.ok(position, 'subbed comes first');
    const at = `${this.name}: ${JSON.stringify(gap)} after ${position.epoch}:${position.seq}`;
    if (gap.reason === 'truncated') {
      assert.ok((gap.from ?? 0) <= position.seq && (gap.to ?? 0) >= position.seq, at);
      assert.equal(gap.from, gap.position.seq + 1, at);
    }
    if (gap.reason === 'trimmed') {
      assert.equal(gap.from, position.seq + 1, at);
      assert.ok((gap.to ?? 0) <= this.#stream.topic(topic).floor, at);
    }
    if (gap.reason === 'lost') assert.equal(gap.from, position.seq + 1, at);
    watched.position = gap.position;
  }
}
