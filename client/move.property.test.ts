import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock, turn } from '../protocol/testing/manual-clock.ts';
import { PublishError } from './errors.ts';
import type { Gap, Message } from './message.ts';
import { type FakeSocket, watchedClient } from './testing/fake-network.ts';
import { GatewaySession, TopicLog } from './testing/gateway-pair.ts';

const TOPICS = ['t', 'u'] as const;
type Topic = (typeof TOPICS)[number];

/** `which`: the older or the newer of the two connections, where there are two. */
type Action =
  | { readonly type: 'written'; readonly topic: Topic; readonly heard: readonly boolean[] }
  | { readonly type: 'failover' | 'trim'; readonly topic: Topic; readonly count: number }
  | { readonly type: 'read' | 'deliver' | 'look'; readonly which: number; readonly count: number }
  | { readonly type: 'move'; readonly within: number; readonly elsewhere: boolean }
  | { readonly type: 'cut'; readonly which: number; readonly code: number }
  | { readonly type: 'publish'; readonly topic: Topic }
  | { readonly type: 'pass'; readonly ms: number };

const topic = fc.constantFrom(...TOPICS);
const which = fc.nat(1);
const of = <T extends Action['type']>(...types: T[]) => fc.constantFrom(...types);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: of('written'),
      topic,
      heard: fc.tuple(fc.boolean(), fc.boolean()),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: of('failover'), topic, count: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ type: of('trim'), topic, count: fc.nat(4) }) },
  {
    weight: 16,
    arbitrary: fc.record({
      type: of('read', 'deliver', 'deliver', 'look'),
      which,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: of('move'),
      within: fc.constantFrom(50, 2_000, 60_000),
      elsewhere: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: of('cut'), which, code: fc.constantFrom(1006, 4000) }),
  },
  { weight: 3, arbitrary: fc.record({ type: of('publish'), topic }) },
  { weight: 1, arbitrary: fc.record({ type: of('pass'), ms: fc.integer({ min: 1, max: 3_000 }) }) },
);

/** What the application saw of a topic, each held against the log as it is then. */
class Seen {
  readonly ids = new Set<string>();
  readonly places = new Set<string>();
  /** Numbers that gaps named. */
  readonly missed = new Set<number>();
  readonly #log: TopicLog;
  #epoch = 'e0';
  readonly #epochs = new Set([this.#epoch]);

  constructor(log: TopicLog) {
    this.#log = log;
  }

  message({ data, position }: Message): void {
    const id = String(data);
    assert.ok(!this.ids.has(id), `${id} came twice`);
    this.ids.add(id);
    const [place = ''] = position.split('@');
    this.places.add(place);
    this.#enter(place);
  }

  gap({ reason, from = 1, to = 0, position }: Gap): void {
    let known = 0;
    for (let seq = from; seq <= to; seq += 1) {
      const trimmed = reason === 'trimmed' ? this.#log.entries[seq - 1] : undefined;
      const epochs = reason === 'truncated' ? this.#epochs : [trimmed?.epoch ?? this.#epoch];
      if ([...epochs].some((epoch) => this.places.has(`${epoch}:${seq}`))) known += 1;
      this.missed.add(seq);
    }
    const right = reason === 'truncated' ? known > 0 : known === 0;
    assert.ok(right, `a gap ${reason} ${from}–${to} of which ${known} had come`);
    this.#enter(position);
  }

  #enter(position: string): void {
    [this.#epoch = ''] = position.split(':');
    this.#epochs.add(this.#epoch);
  }

  /** After everything has come that will. */
  judge(): void {
    const { entries, lost } = this.#log;
    const missing = [...entries, ...lost].filter(
      ({ id, seq }) => !this.ids.has(id) && !this.missed.has(seq),
    );
    assert.deepEqual(missing, [], 'was neither delivered nor named by a gap');
    const gone = new Set(lost.map(({ id }) => id));
    const inLog = entries.map(({ id }) => id).filter((id) => this.ids.has(id) && !gone.has(id));
    const inOrder = [...this.ids].filter((id) => inLog.includes(id));
    assert.deepEqual(inOrder, inLog, 'the order is another one');
  }
}

class Run {
  readonly clock = new ManualClock();
  readonly logs = new Map<string, TopicLog>(TOPICS.map((name) => [name, new TopicLog()]));
  readonly watched = watchedClient({
    clock: this.clock,
    url: ['ws://a/ws', 'ws://b/ws'],
    connectTimeoutMs: 5_000,
    publishTimeoutMs: 600_000,
  });
  readonly seen = new Map<string, Seen>();
  readonly publishes: Promise<unknown>[] = [];
  readonly failed: string[] = [];
  moves = 0;
  #written = 0;
  #published = 0;
  /** The state may leave `connected` now. */
  #mayLeave = false;
  readonly #sessions = new Map<FakeSocket, GatewaySession>();

  constructor() {
    const { client } = this.watched;
    for (const [name, log] of this.logs) {
      const seen = new Seen(log);
      this.seen.set(name, seen);
      const room = client.subscribe(name, { position: 'e0:0@1' });
      room.on('message', (message) => seen.message(message));
      room.on('gap', (gap) => seen.gap(gap));
    }
    client.on('moved', () => {
      this.moves += 1;
    });
    client.on('state', ({ old }) => {
      assert.ok(old !== 'connected' || this.#mayLeave, 'the state left connected');
    });
  }

  /** Those that live, the older first. */
  get sessions(): GatewaySession[] {
    const alive = this.watched.network.sockets.filter(({ over }) => !over);
    assert.ok(alive.length <= 2, `${alive.length} connections at once`);
    return alive.map((socket) => {
      const session = this.#sessions.get(socket) ?? new GatewaySession(socket, this.logs);
      this.#sessions.set(socket, session);
      return session;
    });
  }

  async step(one: Action): Promise<void> {
    const log = 'topic' in one ? this.logs.get(one.topic) : undefined;
    const session = 'which' in one ? this.sessions.at(-1 - one.which) : undefined;
    if (one.type === 'written') {
      log?.write(`x:${++this.#written}`);
      for (const [i, hears] of one.heard.entries()) if (hears) this.sessions[i]?.look();
    } else if (one.type === 'failover') log?.failover(one.count);
    else if (one.type === 'trim') log?.trim(one.count);
    else if (one.type === 'move') this.#askToMove(one);
    else if (one.type === 'publish') this.#publish(one.topic);
    else if (one.type === 'cut') this.#cut(session, one.code);
    else if (one.type === 'pass') await this.clock.advance(one.ms);
    else for (let i = 0; i < one.count; i += 1) session?.[one.type]();
    await turn();
  }

  /** Everything is served until nothing happens any more. */
  async settle(): Promise<void> {
    for (let round = 0; round < 400; round += 1) {
      for (const session of this.sessions) {
        session.read();
        session.look();
        while (!session.idle && !session.socket.over) {
          session.read();
          session.deliver();
        }
      }
      await this.clock.advance(250);
    }
    await Promise.all(this.publishes);
  }

  judge(): void {
    for (const seen of this.seen.values()) seen.judge();
    for (const log of this.logs.values()) {
      const own = log.entries.filter(({ id }) => !id.startsWith('x:')).map(({ id }) => id);
      assert.deepEqual(own, [...new Set(own)], 'a publish was written twice');
      const numbers = own.map((id) => Number(id.split(':')[1]));
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        'publishes changed places',
      );
    }
  }

  #askToMove({ within, elsewhere }: Extract<Action, { type: 'move' }>): void {
    const to = elsewhere ? { to: 'ws://c/ws' } : {};
    this.sessions[0]?.say({ type: 'move', ...to, within, reason: 'drain', token: 'token' });
  }

  #publish(name: Topic): void {
    const data = `own ${++this.#published}`;
    const published = this.watched.client.publish(name, data).then(
      () => {},
      (error: unknown) => {
        assert.ok(error instanceof PublishError && error.code === 'out_of_order', String(error));
        this.failed.push(data);
      },
    );
    this.publishes.push(published);
  }

  #cut(session: GatewaySession | undefined, code: number): void {
    if (session === undefined) return;
    const others = this.sessions.filter((one) => one !== session);
    this.#mayLeave = !others.some(({ welcomed }) => welcomed);
    session.socket.drop(code);
    this.#mayLeave = false;
  }
}

describe('while it moves, whatever both connections say, and in whatever order', () => {
  it('the application sees each message once, in order, or a gap; it stays connected', async () => {
    let moves = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 60, maxLength: 200, size: 'max' }),
        async (actions) => {
          const run = new Run();
          await run.settle();
          for (const one of actions) await run.step(one);
          await run.settle();
          moves += run.moves;
          run.judge();
          const told = run.watched.errors.filter(({ code }) => code !== 'move_failed');
          assert.deepEqual(told, [], 'the application saw something wrong');
          await run.watched.client.close();
          assert.equal(run.clock.timers, 0);
        },
      ),
      { numRuns: 300 },
    );
    assert.ok(moves >= 100, `${moves} moves`);
  });
});
