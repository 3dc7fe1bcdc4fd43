import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Position } from '../../protocol/position.ts';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import { hubSettings } from '../settings/declaration.ts';
import type { PageLimit } from '../stream/stream.ts';
import { type HubCounts, silentCounts } from './counts.ts';
import type { Batch, Delivery } from './hub.ts';
import { SubscriptionTable } from './outlet-notes.ts';
import { RecordingOutlet } from './testing/recording-outlet.ts';
import { ScriptedStream, type ScriptedTopic } from './testing/scripted-stream.ts';
import { TopicHub } from './topic-hub.ts';

interface SetUp {
  readonly settings?: Partial<ReturnType<typeof hubSettings.parse>>;
  readonly page?: PageLimit;
  readonly counts?: Partial<HubCounts>;
}

/** A hub over a scripted stream, and what a test does with them. */
class Bench {
  readonly clock = new ManualClock();
  readonly stream = new ScriptedStream();
  readonly hub: TopicHub;
  #requests = 0;

  constructor({ settings = {}, page = { entries: 100, bytes: 100_000 }, counts = {} }: SetUp = {}) {
    this.hub = new TopicHub({
      settings: hubSettings.parse(settings),
      stream: this.stream,
      page,
      clock: this.clock,
      random: () => 0,
      counts: { ...silentCounts, ...counts },
    });
    this.stream.listener = this.hub;
  }

  outlet(name = 'outlet'): RecordingOutlet {
    return new RecordingOutlet(name, this.stream);
  }

  subscribe(outlet: RecordingOutlet, topic: string, from?: Position): void {
    this.#requests += 1;
    outlet.expect(topic, from, this.#requests);
    this.hub.subscribe(outlet, topic, { from, request: this.#requests });
  }

  /** A topic that already has entries when the hub first hears of it. */
  history(name: string, entries: number): ScriptedTopic {
    const topic = this.stream.topic(name);
    for (let n = 0; n < entries; n += 1) topic.publish();
    return topic;
  }

  async publish(name: string, entries = 1): Promise<void> {
    for (let n = 0; n < entries; n += 1) {
      this.stream.topic(name).publish();
      this.stream.tell(name);
      await turn();
    }
  }

  /** Answers reads until nobody reads any more. */
  async readAll(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await this.clock.advance(0);
      quiet = this.stream.answer() === 0 ? quiet + 1 : 0;
    }
  }
}

const at = (topic: ScriptedTopic, seq: number): Position => ({ ...topic.head, seq });
const batches = (outlet: RecordingOutlet): Batch[] =>
  outlet.seen.filter((delivery): delivery is Batch => delivery.kind === 'entries');

test('a subscriber gets subbed with the head and then what is published', async () => {
  const bench = new Bench();
  bench.history('a', 5);
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a');
  assert.deepEqual(outlet.seen, [], 'nothing is delivered inside the call');
  await turn();
  const position = { epoch: 'a-1', seq: 5, confirmed: 5 };
  assert.deepEqual(outlet.seen, [
    { kind: 'subbed', topic: 'a', request: 1, position, replay: 0 },
  ] satisfies Delivery[]);
  await bench.publish('a');
  assert.deepEqual(outlet.seqs('a'), [6]);
  assert.equal(outlet.flushes, 2);
  assert.equal(bench.stream.reads, 0);
});

test('what arrives in one turn leaves as one batch and one flush, shared by all', async () => {
  const bench = new Bench();
  const outlets = Array.from({ length: 20 }, (_, index) => bench.outlet(`${index}`));
  for (const outlet of outlets) bench.subscribe(outlet, 'a');
  await turn();
  for (let n = 0; n < 3; n += 1) {
    bench.stream.topic('a').publish();
    bench.stream.tell('a');
  }
  await turn();
  const [first] = outlets.map(batches);
  for (const outlet of outlets) {
    assert.deepEqual(outlet.seqs('a'), [1, 2, 3]);
    assert.equal(batches(outlet)[0], first?.[0], 'the same object');
    assert.equal(outlet.flushes, 2);
  }
});

test('an outlet with several topics is flushed once per turn', async () => {
  const bench = new Bench();
  const outlet = bench.outlet();
  for (const topic of ['a', 'b', 'c']) bench.subscribe(outlet, topic);
  await turn();
  const before = outlet.flushes;
  for (const topic of ['a', 'b', 'c']) {
    bench.stream.topic(topic).publish();
    bench.stream.tell(topic);
  }
  await turn();
  assert.equal(outlet.flushes, before + 1);
});

test('one topic costs an outlet no table, one subscriber costs a topic no array', async () => {
  const bench = new Bench();
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a');
  await turn();
  assert.ok(!(outlet.subscriptions instanceof SubscriptionTable));
  bench.subscribe(outlet, 'b');
  assert.ok(outlet.subscriptions instanceof SubscriptionTable);
  outlet.watched.delete('a');
  bench.hub.unsubscribe(outlet, 'a');
  assert.ok(!(outlet.subscriptions instanceof SubscriptionTable));
  await turn();
  await bench.publish('b');
  assert.deepEqual(outlet.seqs('b'), [1]);
});

test('5,000 clients that resume at once on one topic cost one read per range', async () => {
  const sources: string[] = [];
  const bench = new Bench({
    settings: { recentTopicBytes: 0 },
    counts: { resumed: (by) => sources.push(by) },
  });
  const topic = bench.history('a', 250);
  const outlets = Array.from({ length: 5_000 }, (_, index) => bench.outlet(`${index}`));
  for (const outlet of outlets) bench.subscribe(outlet, 'a', at(topic, 0));
  await bench.readAll();
  assert.equal(bench.stream.reads, 3);
  assert.equal(sources.length, 5_000);
  const seqs = Array.from({ length: 250 }, (_, index) => index + 1);
  for (const outlet of outlets) assert.deepEqual(outlet.seqs('a'), seqs);
  assert.equal(
    batches(outlets[0] as RecordingOutlet)[0],
    batches(outlets[99] as RecordingOutlet)[0],
  );
});

test('clients that resume from different places share the reads on their way up', async () => {
  const bench = new Bench({ settings: { recentTopicBytes: 0 } });
  const topic = bench.history('a', 1_000);
  for (let from = 0; from < 1_000; from += 1) {
    bench.subscribe(bench.outlet(`${from}`), 'a', at(topic, from));
  }
  await bench.readAll();
  assert.ok(bench.stream.reads <= 20, `${bench.stream.reads} reads of 10 ranges`);
});

test('whoever resumes within the recent entries is served without a read', async () => {
  const sources: string[] = [];
  const bench = new Bench({ counts: { resumed: (by) => sources.push(by) } });
  bench.subscribe(bench.outlet(), 'a');
  await turn();
  await bench.publish('a', 30);
  const late = bench.outlet('late');
  bench.subscribe(late, 'a', at(bench.stream.topic('a'), 12));
  await turn();
  assert.deepEqual(
    late.seqs('a'),
    Array.from({ length: 18 }, (_, index) => index + 13),
  );
  assert.deepEqual(sources, ['memory']);
  assert.equal(bench.stream.reads, 0);
});

test('what was read to catch up serves the next one from memory', async () => {
  const bench = new Bench();
  const topic = bench.history('a', 150);
  bench.subscribe(bench.outlet(), 'a', at(topic, 90));
  await bench.readAll();
  assert.equal(bench.stream.reads, 1);
  const second = bench.outlet('second');
  bench.subscribe(second, 'a', at(topic, 100));
  await turn();
  assert.equal(second.seqs('a').length, 50);
  assert.equal(bench.stream.reads, 1);
});

test('a topic keeps its recent entries within its bytes', async () => {
  const bench = new Bench({ settings: { recentTopicBytes: 1_000 } });
  bench.subscribe(bench.outlet(), 'a');
  await turn();
  await bench.publish('a', 50);
  assert.ok(bench.hub.state.recentBytes <= 1_000);
  assert.ok(bench.hub.state.recentBytes > 500);
  const late = bench.outlet('late');
  bench.subscribe(late, 'a', at(bench.stream.topic('a'), 10));
  await bench.readAll();
  assert.equal(bench.stream.reads, 1);
  assert.equal(late.seqs('a').length, 40);
});

test('a full outlet gets nothing until it is drained, then goes on where it was', async () => {
  let slow = 0;
  const bench = new Bench({ counts: { slow: () => (slow += 1) } });
  const outlet = bench.outlet();
  const other = bench.outlet('other');
  for (const topic of ['a', 'b']) bench.subscribe(outlet, topic);
  bench.subscribe(other, 'a');
  await turn();
  outlet.room = 1;
  await bench.publish('a', 5);
  await bench.publish('b', 2);
  assert.deepEqual(outlet.seqs('a'), [1]);
  assert.equal(bench.hub.positions(outlet).get('a')?.seq, 1);
  assert.equal(bench.hub.positions(outlet).get('b')?.seq, 0);
  assert.equal(bench.hub.state.slow, 1);
  assert.deepEqual(other.seqs('a'), [1, 2, 3, 4, 5]);
  outlet.full = false;
  outlet.room = Number.POSITIVE_INFINITY;
  bench.hub.drained(outlet);
  await turn();
  assert.deepEqual(outlet.seqs('a'), [1, 2, 3, 4, 5]);
  assert.deepEqual(outlet.seqs('b'), [1, 2]);
  assert.equal(slow, 1);
  assert.equal(bench.hub.state.slow, 0);
});

test('one long way back holds up nobody: after each page the next one has its step', async () => {
  const bench = new Bench({ page: { entries: 2, bytes: 100_000 } });
  bench.subscribe(bench.outlet(), 'a');
  await turn();
  await bench.publish('a', 100);
  const order: string[] = [];
  for (const [name, from] of [
    ['long', 0],
    ['short', 97],
  ] as const) {
    const outlet = bench.outlet(name);
    outlet.onDelivery = ({ kind }) => kind === 'entries' && order.push(name);
    bench.subscribe(outlet, 'a', at(bench.stream.topic('a'), from));
  }
  await bench.readAll();
  assert.deepEqual(order.slice(0, 4), ['long', 'short', 'long', 'short']);
  assert.equal(order.length, 52);
});

test('a turn of catching up is bounded, and live messages go between', async () => {
  const bench = new Bench({ page: { entries: 1, bytes: 1 } });
  const live = bench.outlet('live');
  bench.subscribe(live, 'a');
  bench.subscribe(live, 'b');
  await turn();
  await bench.publish('a', 1_500);
  const back = bench.outlet('back');
  bench.subscribe(back, 'a', at(bench.stream.topic('a'), 0));
  await turn();
  assert.ok(back.seqs('a').length < 1_100, 'it is not there yet');
  await bench.publish('b');
  await bench.clock.advance(0);
  assert.deepEqual(live.seqs('b'), [1]);
  await bench.readAll();
  assert.equal(back.seqs('a').length, 1_500);
});

test('a cursor ahead of this pod is not given twice what it saw elsewhere', async () => {
  const bench = new Bench();
  bench.subscribe(bench.outlet(), 'a');
  await turn();
  const topic = bench.history('a', 3);
  const outlet = bench.outlet('ahead');
  bench.subscribe(outlet, 'a', at(topic, 2));
  await bench.readAll();
  assert.deepEqual(outlet.kinds(), ['subbed']);
  bench.stream.tell('a');
  await bench.readAll();
  assert.deepEqual(outlet.seqs('a'), [3]);
});

test('a cursor beyond the log itself is told that what it claims was truncated', async () => {
  const bench = new Bench();
  const topic = bench.history('a', 3);
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a', at(topic, 9));
  await bench.readAll();
  await bench.publish('a');
  assert.deepEqual(outlet.kinds(), ['subbed', 'gap', 'entries']);
  assert.deepEqual(outlet.seqs('a'), [4]);
});

test('a resume from number 0 asks the log, even where the topic is there too', async () => {
  const bench = new Bench();
  bench.subscribe(bench.outlet(), 'a');
  await turn();
  const outlet = bench.outlet('zero');
  bench.subscribe(outlet, 'a', at(bench.stream.topic('a'), 0));
  await turn();
  const [read] = bench.stream.waiting.splice(0);
  assert.ok(read, 'the log is asked');
  // The topic was born, published to and forgotten, and is back where it was.
  const position = bench.stream.topic('a').head;
  const gap = { reason: 'expired' as const, position };
  read.resolve({ steps: [{ kind: 'gap', gap }], cursor: position, head: position });
  await turn();
  await bench.publish('a');
  assert.deepEqual(outlet.kinds(), ['subbed', 'gap', 'entries']);
});

test('a failover is told once, to the live and to those behind', async () => {
  const reasons: string[] = [];
  const bench = new Bench({
    counts: { gap: (reason, outlets) => reasons.push(reason, `${outlets}`) },
  });
  const live = bench.outlet('live');
  bench.subscribe(live, 'a');
  await turn();
  await bench.publish('a', 10);
  const old = at(bench.stream.topic('a'), 4);
  const behind = bench.outlet('behind');
  behind.room = 1;
  bench.subscribe(behind, 'a', old);
  await turn();
  bench.stream.topic('a').failover(3);
  bench.stream.tell('a');
  await turn();
  behind.full = false;
  behind.room = Number.POSITIVE_INFINITY;
  bench.hub.drained(behind);
  await bench.readAll();
  await bench.publish('a', 2);
  assert.deepEqual(live.kinds(), [
    'subbed',
    ...Array(10).fill('entries'),
    'gap',
    ...Array(2).fill('entries'),
  ]);
  assert.deepEqual(behind.seqs('a'), [5, 6, 7, 8, 9]);
  assert.deepEqual(reasons, ['truncated', '1', 'lost', '1']);
});

test('a page of an epoch that this pod has not heard of waits until it has', async () => {
  const bench = new Bench();
  bench.subscribe(bench.outlet(), 'a');
  await turn();
  const topic = bench.history('a', 4);
  const old = at(topic, 1);
  bench.stream.tell('a');
  await turn();
  topic.failover(0);
  topic.publish();
  const outlet = bench.outlet('late');
  bench.subscribe(outlet, 'a', { ...old, epoch: topic.head.epoch, seq: 4 });
  await bench.readAll();
  assert.deepEqual(outlet.kinds(), ['subbed']);
  bench.stream.tell('a');
  await bench.readAll();
  assert.deepEqual(outlet.seqs('a'), [5]);
});

test('failed reads are tried again with growing pauses, one at a time', async () => {
  const failures: string[] = [];
  const bench = new Bench({ counts: { readFailed: (code) => failures.push(code) } });
  const topic = bench.history('a', 5);
  const outlets = ['1', '2', '3'].map((name) => bench.outlet(name));
  for (const outlet of outlets) bench.subscribe(outlet, 'a', at(topic, 0));
  await turn();
  for (const pause of [100, 200, 400, 800]) {
    assert.equal(bench.stream.waiting.length, 1);
    bench.stream.fail();
    await turn();
    await bench.clock.advance(pause - 1);
    assert.equal(bench.stream.waiting.length, 0, `nothing is read within ${pause} ms`);
    await bench.clock.advance(1);
  }
  await bench.readAll();
  assert.equal(failures.length, 4);
  for (const outlet of outlets) assert.deepEqual(outlet.seqs('a'), [1, 2, 3, 4, 5]);
});

test('a subscription is refused when its history cannot be read for too long', async () => {
  const bench = new Bench({ settings: { catchUpTimeoutMs: 1_000 } });
  const topic = bench.history('a', 5);
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a', at(topic, 0));
  for (let n = 0; n < 40 && outlet.watched.size > 0; n += 1) {
    await bench.clock.advance(100);
    bench.stream.fail();
    await turn();
  }
  assert.deepEqual(outlet.kinds(), ['subbed', 'refused']);
  assert.equal(bench.hub.state.subscriptions, 0);
  assert.equal(outlet.flushes, 2);
});

test('an error that cannot pass refuses at once', async () => {
  const bench = new Bench();
  const topic = bench.history('a', 5);
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a', at(topic, 0));
  await turn();
  bench.stream.fail('not_supported');
  await turn();
  assert.deepEqual(outlet.kinds(), ['subbed', 'refused']);
});

test('a topic that does not open in time is refused by its number', async () => {
  const bench = new Bench({ settings: { openTimeoutMs: 500 } });
  bench.stream.manualOpen = true;
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a');
  await turn();
  await bench.clock.advance(499);
  assert.equal(outlet.seen.length, 0);
  await bench.clock.advance(2);
  const [refused] = outlet.seen;
  assert.deepEqual(refused?.kind === 'refused' && [refused.request, refused.code], [
    1,
    'store_unavailable',
  ]);
});

test('whoever comes after another gave up waiting has the whole time', async () => {
  const bench = new Bench({ settings: { openTimeoutMs: 500 } });
  bench.stream.manualOpen = true;
  const first = bench.outlet('first');
  bench.subscribe(first, 'a');
  await turn();
  await bench.clock.advance(400);
  bench.hub.leave(first);
  const second = bench.outlet('second');
  bench.subscribe(second, 'a');
  await turn();
  await bench.clock.advance(400);
  bench.stream.open('a');
  await turn();
  assert.deepEqual(second.kinds(), ['subbed']);
});

test('a read that ends after its topic was left leaves nothing behind', async () => {
  const bench = new Bench({ settings: { lingerMs: 0 } });
  const topic = bench.history('a', 5);
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a', at(topic, 0));
  await turn();
  bench.hub.leave(outlet);
  assert.equal(bench.stream.answer(), 1);
  await turn();
  assert.equal(bench.hub.state.recentBytes, 0);
  assert.equal(bench.clock.timers, 0);
});

test('an outlet that left within a delivery is not flushed', async () => {
  const bench = new Bench();
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a');
  outlet.onDelivery = () => bench.hub.leave(outlet);
  await turn();
  assert.deepEqual([outlet.kinds(), outlet.flushes], [['subbed'], 0]);
});

test('after unsubscribe nothing is delivered, whatever was under way', async () => {
  const bench = new Bench();
  const topic = bench.history('a', 5);
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a', at(topic, 0));
  await turn();
  assert.equal(bench.stream.waiting.length, 1);
  outlet.watched.delete('a');
  assert.equal(bench.hub.unsubscribe(outlet, 'a'), 0);
  assert.equal(bench.hub.unsubscribe(outlet, 'a'), undefined);
  await bench.readAll();
  assert.deepEqual(outlet.kinds(), ['subbed']);
});

test('subscribing again starts afresh from the new position', async () => {
  const bench = new Bench();
  bench.subscribe(bench.outlet('other'), 'a');
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a');
  await turn();
  await bench.publish('a', 3);
  bench.subscribe(outlet, 'a', at(bench.stream.topic('a'), 1));
  await turn();
  assert.deepEqual(outlet.seqs('a'), [1, 2, 3, 2, 3]);
  assert.equal(bench.hub.state.subscriptions, 2);
  await bench.publish('a');
  assert.deepEqual(outlet.seqs('a'), [1, 2, 3, 2, 3, 4]);
});

test('a topic is followed for a while after its last subscriber', async () => {
  const bench = new Bench({ settings: { lingerMs: 1_000 } });
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a');
  await turn();
  await bench.publish('a', 2);
  bench.hub.leave(outlet);
  await bench.clock.advance(900);
  await bench.publish('a', 2);
  const back = bench.outlet('back');
  bench.subscribe(back, 'a', at(bench.stream.topic('a'), 1));
  await turn();
  assert.deepEqual(back.seqs('a'), [2, 3, 4]);
  assert.equal(bench.stream.reads, 0);
  bench.hub.leave(back);
  await bench.clock.advance(1_000);
  assert.equal(bench.stream.topic('a').followed, false);
  assert.deepEqual(bench.hub.state, {
    ...{ topics: 0, subscriptions: 0, outlets: 0, slow: 0 },
    recentBytes: 0,
    resumes: { complete: 1, broken: 0 },
  });
});

test('outlets may leave or subscribe from within a delivery', async () => {
  const bench = new Bench();
  const outlets = Array.from({ length: 9 }, (_, index) => bench.outlet(`${index}`));
  for (const outlet of outlets) bench.subscribe(outlet, 'a');
  await turn();
  const [first, second, , fourth] = outlets as [
    RecordingOutlet,
    RecordingOutlet,
    unknown,
    RecordingOutlet,
  ];
  const extra = bench.outlet('extra');
  second.onDelivery = () => {
    second.onDelivery = () => {};
    for (const gone of [first, second, fourth]) {
      gone.watched.clear();
      bench.hub.leave(gone);
    }
    bench.subscribe(extra, 'a');
  };
  await bench.publish('a');
  await bench.clock.advance(0);
  await bench.publish('a');
  assert.deepEqual(
    outlets.map((outlet) => outlet.seqs('a').length),
    [1, 1, 2, 0, 2, 2, 2, 2, 2],
  );
  assert.deepEqual(extra.seqs('a'), [2]);
});

test('stale is told to every outlet, late ones too, and taken back', async () => {
  const bench = new Bench();
  const early = bench.outlet('early');
  bench.subscribe(early, 'a');
  await turn();
  bench.hub.onStream({ type: 'stale', stale: true });
  await turn();
  const late = bench.outlet('late');
  bench.subscribe(late, 'a');
  await turn();
  assert.ok(early.stale && late.stale);
  early.watched.delete('a');
  bench.hub.unsubscribe(early, 'a');
  bench.hub.onStream({ type: 'stale', stale: false });
  await turn();
  assert.ok(!early.stale && !late.stale);
});

test('a confirmation makes positions fresh where nothing newer was delivered', async () => {
  const bench = new Bench();
  const outlet = bench.outlet();
  for (const topic of ['a', 'b']) bench.subscribe(outlet, topic);
  await turn();
  await bench.publish('a', 3);
  bench.stream.topic('b').publish();
  bench.stream.tell('b');
  bench.hub.onStream({ type: 'confirmed', second: 900 });
  assert.deepEqual(
    outlet.seqs('b'),
    [1],
    'what was told before the second is out before it counts',
  );
  assert.deepEqual(bench.hub.positions(outlet).get('a'), { epoch: 'a-1', seq: 3, confirmed: 900 });
  assert.deepEqual([...bench.hub.confirmed(outlet, 2).keys()], ['b']);
  assert.deepEqual([...bench.hub.confirmed(outlet, 900).keys()], ['a', 'b']);
  await bench.publish('a');
  assert.equal(bench.hub.positions(outlet).get('a')?.confirmed, 4);
  assert.deepEqual([...bench.hub.confirmed(outlet, 4).keys()], ['b']);
});

test('after a turn that took long the next one waits as long, at most coalesceMs', async () => {
  const bench = new Bench({ settings: { coalesceMs: 4 } });
  const outlet = bench.outlet();
  bench.subscribe(outlet, 'a');
  await turn();
  outlet.onDelivery = () => bench.clock.pass(20);
  await bench.publish('a');
  outlet.onDelivery = () => {};
  await bench.publish('a', 3);
  assert.deepEqual(outlet.seqs('a'), [1], 'they wait');
  await bench.clock.advance(4);
  assert.deepEqual(outlet.seqs('a'), [1, 2, 3, 4]);
  assert.equal(batches(outlet).length, 2);
  await bench.publish('a');
  assert.equal(batches(outlet).length, 3, 'idle again: at once');
});
