import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import { systemClock } from '../../../protocol/clock.ts';
import type { Position } from '../../../protocol/position.ts';
import type { StreamSettings } from '../../settings/declaration.ts';
import type { Outcome, StreamEvent } from '../stream.ts';
import { TopicStream } from '../topic-stream.ts';
import { CheckingListener, type HeardTopic } from './checking-listener.ts';
import { type LogStore, type LogWorld, streamSettings, texts } from './log-world.ts';

const WAIT_MS = 15_000;
const LIMIT = { entries: 1_000, bytes: 1_000_000 };

/** A gateway's stream with a listener that checks all it hears. */
class Pod {
  readonly listener = new CheckingListener();
  readonly stream: TopicStream;

  constructor(world: LogWorld, name: string, settings: StreamSettings) {
    this.stream = new TopicStream({
      log: world.log(name),
      listener: this.listener,
      settings,
      replicas: 0,
      clock: systemClock,
      random: Math.random,
    });
  }

  async follow(topic: string): Promise<HeardTopic> {
    const heard = this.listener.expect(topic);
    this.stream.follow(topic);
    await wait(`${topic} to open`, () => heard.opened !== undefined);
    return heard;
  }

  publish(topic: string, text: string, seq?: number): Promise<Outcome> {
    const data = { encoding: 'json', bytes: Buffer.from(JSON.stringify(text)) } as const;
    const producer = seq === undefined ? {} : { producer: { id: 'p', seq } };
    return this.stream.publish({ topic, data, identity: 'me', ack: 'leader', ...producer });
  }

  /** Again and again until it is written, as a client does. */
  async insist(topic: string, text: string, seq: number): Promise<Position> {
    let position: Position | undefined;
    await wait(`${text} to be written`, async () => {
      const outcome = await this.publish(topic, text, seq);
      if (outcome.outcome === 'ok') position = outcome.position;
      return position !== undefined;
    });
    assert(position !== undefined);
    return position;
  }

  heard<T extends StreamEvent['type']>(type: T) {
    return this.listener.events.filter((event) => event.type === type);
  }
}

async function wait(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await until(holds, { for: what, deadlineMs: WAIT_MS, everyMs: 5 });
}

const told = ({ entries }: HeardTopic) => texts(entries.map((entry) => ({ kind: 'entry', entry })));
const lost = ({ gaps }: HeardTopic) => texts(gaps.map((gap) => ({ kind: 'gap', gap })));

function hears(heard: HeardTopic, ...expected: string[]): Promise<void> {
  return wait(`${expected}`, () => told(heard).join() === expected.join());
}

function positionOf(outcome: Outcome): Position {
  assert(outcome.outcome === 'ok', JSON.stringify(outcome));
  return outcome.position;
}

/** Every promise of `Stream`, over whichever store. */
export function streamConformance(name: string, open: () => Promise<LogStore>): void {
  describe(`A stream over ${name}:`, () => {
    let store: LogStore | undefined;
    let world: LogWorld;
    let a: Pod;
    let b: Pod;

    async function begin(overrides: Partial<StreamSettings> = {}): Promise<void> {
      store ??= await open();
      const settings = streamSettings({ probeIntervalMs: 100, settleMs: 2_000, ...overrides });
      world = await store.world(settings);
      [a, b] = [new Pod(world, 'pod-a', settings), new Pod(world, 'pod-b', settings)];
      await a.stream.start(WAIT_MS);
      await b.stream.start(WAIT_MS);
    }

    async function end(): Promise<void> {
      await a.stream.stop(1_000);
      await b.stream.stop(1_000);
      await world.close();
    }

    beforeEach(() => begin());
    afterEach(() => end());
    after(() => store?.close());

    test('every follower on every pod hears the same messages in one order', async () => {
      const [here, there] = [await a.follow('t'), await b.follow('t')];
      const names = Array.from({ length: 40 }, (_, index) => `m${index}`);
      const outcomes = await Promise.all(
        names.map((text, n) => (n % 2 ? a : b).publish('t', text)),
      );
      await wait('all of them', () => there.entries.length === 40 && here.entries.length === 40);
      assert.deepEqual(told(here), told(there));
      for (const [index, outcome] of outcomes.entries()) {
        const { seq } = positionOf(outcome);
        assert.equal(told(here)[seq - 1], names[index]);
      }
    });

    test('publishes of one turn are written in the order of the calls', async () => {
      const here = await a.follow('t');
      await Promise.all(['1', '2', '3', '4'].map((text) => a.publish('t', text)));
      await hears(here, '1', '2', '3', '4');
    });

    test('a topic opens at its head, and nothing before that is told', async () => {
      await a.publish('t', 'before');
      const here = await a.follow('t');
      assert.equal(here.opened?.seq, 1);
      await b.publish('t', 'after');
      await hears(here, 'after');
    });

    test('the first message of a topic reaches who waited for it', async () => {
      const here = await b.follow('new');
      assert.equal(here.opened?.seq, 0);
      await a.publish('new', 'first');
      await hears(here, 'first');
      assert.deepEqual(here.gaps, []);
    });

    test('nothing is told after unfollow, and following again opens again', async () => {
      await a.follow('t');
      const written = b.publish('t', 'unheard');
      a.stream.unfollow('t');
      a.listener.dismiss('t');
      await written;
      const again = await a.follow('t');
      await b.publish('t', 'heard');
      await hears(again, 'heard');
    });

    test('the same producer and number is written once', async () => {
      const first = positionOf(await a.publish('t', 'x', 7));
      const second = await b.publish('t', 'x', 7);
      assert.deepEqual(second, { outcome: 'ok', position: first, duplicate: true });
      const other = await b.publish('t', 'y', 7);
      assert.equal(other.outcome === 'failed' && other.code, 'conflict');
    });

    test('messages too large to be sent along arrive in their place', async () => {
      await end();
      await begin({ inlineBytes: 10 });
      const here = await b.follow('t');
      const long = 'long'.repeat(10);
      for (const text of ['1', long, '2', '3', long]) await a.publish('t', text);
      await hears(here, '1', long, '2', '3', long);
    });

    test('a cursor reads on page by page, and latest gives the end', async () => {
      const start = positionOf(await a.publish('t', '1'));
      for (const text of ['2', '3', '4']) await a.publish('t', text);
      const page = await b.stream.read('t', start, { ...LIMIT, entries: 2 });
      assert.deepEqual(texts(page.steps), ['2', '3']);
      const rest = await b.stream.read('t', page.cursor, LIMIT);
      assert.deepEqual(texts(rest.steps), ['4']);
      assert.equal(rest.cursor.seq, rest.head.seq);
      assert.deepEqual(texts((await b.stream.latest('t', 2)).steps), ['3', '4']);
    });

    test('a new lineage that lost nothing is an epoch and no gap', async () => {
      const here = await a.follow('t');
      const idle = await a.follow('unborn');
      await a.insist('t', '1', 1);
      await world.restart();
      await b.insist('t', '2', 2);
      await hears(here, '1', '2');
      const confirmations = a.heard('confirmed').length;
      await wait('a confirmation', () => a.heard('confirmed').length > confirmations);
      await b.insist('unborn', 'first', 3);
      await hears(idle, 'first');
      assert.deepEqual([...here.gaps, ...idle.gaps], []);
      assert.equal(a.listener.stale, false);
    });

    test('what a failover lost is a gap for who saw it and for who did not', async () => {
      const here = await a.follow('t');
      const start = await a.insist('t', '1', 1);
      await world.lag();
      await b.insist('t', 'lost', 2);
      await hears(here, '1', 'lost');
      await world.failover();
      await b.insist('t', '2', 3);
      await hears(here, '1', 'lost', '2');
      assert.deepEqual(lost(here), ['<truncated 2-2>']);
      const page = await b.stream.read('t', start, LIMIT);
      assert.deepEqual(texts(page.steps), ['<lost 2-2>', '2']);
    });

    test('who had part of what was lost is told of all of it at once', async () => {
      await a.insist('t', '1', 1);
      await world.lag();
      const seen = await b.insist('t', '2', 2);
      const unseen = await b.insist('t', '3', 3);
      await world.failover();
      await b.insist('t', 'new 2', 4);
      const page = await b.stream.read('t', seen, LIMIT);
      assert.deepEqual(texts(page.steps), [`<truncated 2-${unseen.seq}>`, 'new 2']);
      const [truncated] = page.steps;
      assert(truncated?.kind === 'gap');
      const rest = await a.stream.read('t', truncated.gap.position, LIMIT);
      assert.deepEqual(texts(rest.steps), ['new 2']);
    });

    test('everything gone is a gap for every follower of a topic that had messages', async () => {
      const here = await a.follow('t');
      await a.insist('t', '1', 1);
      await hears(here, '1');
      await world.flush();
      await b.insist('t', 'again', 2);
      await wait('the gap', () => here.gaps.length > 0);
      // Exact where a pod could report what it had seen.
      assert.match(lost(here).join(), /^(<epoch_unknown>|<truncated 1-1>)$/);
    });

    test('a session opened elsewhere supersedes its holder', async () => {
      const key = { identity: 'me', session: 's' };
      const position = positionOf(await a.publish('t', '1'));
      const { generation } = await a.stream.sessions.open(key);
      const saved = await a.stream.sessions.save(key, generation, new Map([['t', position]]));
      assert.equal(saved, 'saved');
      a.listener.calling = true;
      const opening = b.stream.sessions.open(key);
      a.listener.calling = false;
      const taken = await opening;
      assert.deepEqual(taken.cursors.get('t'), position);
      await wait('the older holder to hear', () => a.heard('superseded').length === 1);
      const late = await a.stream.sessions.save(key, generation, new Map([['t', undefined]]));
      assert.equal(late, 'superseded');
    });

    test('a probe answers, health is good, and every head is confirmed repeatedly', async () => {
      await a.follow('t');
      await a.stream.probe();
      assert.equal(a.stream.health.connected, true);
      assert.equal(a.stream.health.downSince, undefined);
      assert.notEqual(a.stream.health.lineage, '');
      await wait('two confirmations', () => a.heard('confirmed').length >= 2);
    });

    test('stop answers everything, and nothing is told or taken afterwards', async () => {
      await a.follow('t');
      const outcomes = Promise.all(['1', '2'].map((text) => a.publish('t', text)));
      await a.stream.stop(1_000);
      for (const { outcome } of await outcomes) assert.equal(outcome, 'ok');
      const told = a.listener.events.length;
      const late = await a.publish('t', 'late');
      assert.equal(late.outcome === 'failed' && late.code, 'store_unavailable');
      await assert.rejects(a.stream.latest('t', 1), { name: 'StreamError' });
      await b.publish('t', '3');
      assert.equal(a.listener.events.length, told);
    });
  });
}
