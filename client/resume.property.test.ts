import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import { type FakeSocket, watchedClient } from './testing/fake-network.ts';

interface Entry {
  readonly epoch: string;
  readonly seq: number;
  readonly id: string;
}

interface Chained {
  readonly epoch: string;
  /** The last number of this epoch that the next one took over. */
  readonly limit: number;
}

/**
 * A gateway with one topic, small enough to be seen to be right: a log, the epochs before, and
 * what a failover does to them. It speaks to the newest socket of the client.
 */
class ModelGateway {
  readonly log: Entry[] = [];
  readonly #chain: Chained[] = [];
  #epoch = 'e0';
  #ids = 0;
  socket: FakeSocket | undefined;
  /** How many it told. */
  gaps = 0;
  /** The socket has been answered: entries reach it. */
  live = false;

  get head(): string {
    return `${this.#epoch}:${this.log.length}@1`;
  }

  publish(id = `p:${++this.#ids}`): Entry {
    const entry = { epoch: this.#epoch, seq: this.log.length + 1, id };
    this.log.push(entry);
    return entry;
  }

  tell({ epoch, seq, id }: Entry): void {
    if (this.live) this.socket?.message(`${epoch}:${seq}@1`, id, { id });
  }

  /** The newest `lost` entries are gone; a new epoch begins. Returns what was lost. */
  failover(lost: number): Entry[] {
    const gone = this.log.splice(Math.max(0, this.log.length - lost));
    this.#chain.push({ epoch: this.#epoch, limit: this.log.length });
    this.#epoch = `e${this.#chain.length}`;
    return gone;
  }

  /** Answers a `sub` as §5.2 of the protocol says: what was missed, a gap where it is gone. */
  answer(socket: FakeSocket): void {
    const { id, topics } = socket.asked('sub') as {
      id?: number;
      topics?: (string | { position: string })[];
    };
    const [wanted] = topics ?? [];
    const position = typeof wanted === 'object' ? wanted.position : this.head;
    this.socket = socket;
    this.live = true;
    socket.say({ type: 'subbed', id, topics: [{ topic: 't', position, replay: 0 }] });
    const [, epoch = '', number = ''] = /^(\w+):(\d+)@/.exec(position) ?? [];
    let after = Number(number);
    const known = this.#chain.findIndex((one) => one.epoch === epoch);
    const later = known < 0 ? [] : this.#chain.slice(known);
    const limit = Math.min(after, ...later.map((one) => one.limit));
    if (limit < after) {
      const gap = { from: limit + 1, to: after, position: `${this.#epoch}:${limit}@1` };
      this.gaps += 1;
      socket.say({ type: 'gap', topic: 't', reason: 'truncated', ...gap });
      after = limit;
    }
    for (const entry of this.log.slice(after)) this.tell(entry);
  }
}

type Action =
  | { readonly type: 'publish' }
  | { readonly type: 'repeat' }
  | { readonly type: 'swallow' }
  | { readonly type: 'tick' }
  | { readonly type: 'break' }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'failover'; readonly lost: number; readonly again: boolean };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ type: 'publish' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'repeat' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'swallow' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'tick' as const }) },
  { weight: 2, arbitrary: fc.constant({ type: 'break' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.integer({ min: 1, max: 3_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('failover' as const),
      lost: fc.nat(3),
      again: fc.boolean(),
    }),
  },
);

class Run {
  readonly clock = new ManualClock();
  readonly gateway = new ModelGateway();
  readonly watched = watchedClient({ clock: this.clock });
  readonly room = this.watched.client.subscribe('t', { position: 'e0:0@1' });
  /** What the application saw: ids of messages, and gaps. */
  readonly seen: string[] = [];
  gaps = 0;
  #last = 0;

  constructor() {
    this.room.on('message', ({ data, seq }) => {
      // Only what came before under another number may be passed over.
      const passed = this.gateway.log.slice(this.#last, seq - 1).map(({ id }) => id);
      const unseen = passed.filter((id) => !this.seen.includes(id));
      assert.ok(seq > this.#last && unseen.length === 0, `${unseen} was skipped without a gap`);
      this.#last = seq;
      this.seen.push(String(data));
    });
    this.room.on('gap', ({ position }) => {
      this.gaps += 1;
      this.#last = Number(/:(\d+)@/.exec(position)?.[1]);
    });
  }

  /** Opens sockets and answers subscriptions that wait for it. */
  serve(): void {
    const { last } = this.watched.network;
    if (last.over) return;
    if (last.said('hello').length === 0) last.welcome({ heartbeat: 1_000_000 });
    const asked = last.said('sub').length;
    if (asked > 0 && last.said('sub').length !== this.#answered.get(last)) {
      this.#answered.set(last, asked);
      this.gateway.answer(last);
    }
  }
  readonly #answered = new Map<FakeSocket, number>();

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      await this.clock.advance(Math.min(left, 250));
      this.serve();
    }
  }

  async step(one: Action): Promise<void> {
    const { gateway } = this;
    if (one.type === 'publish') gateway.tell(gateway.publish());
    else if (one.type === 'swallow') gateway.publish();
    else if (one.type === 'repeat') for (const entry of gateway.log.slice(-2)) gateway.tell(entry);
    else if (one.type === 'tick') this.#tick();
    else if (one.type === 'break') this.#break();
    else if (one.type === 'pass') await this.pass(one.ms);
    else {
      this.#break();
      const gone = gateway.failover(one.lost);
      // Their publishers try again, with the ids that they had.
      if (one.again) for (const { id } of gone) gateway.publish(id);
    }
  }

  #tick(): void {
    if (!this.gateway.live) return;
    const positions = [{ topic: 't', position: this.gateway.head }];
    this.watched.network.last.say({ type: 'tick', at: 1, positions });
  }

  #break(): void {
    this.gateway.live = false;
    if (!this.watched.network.last.over) this.watched.network.last.drop();
  }
}

describe('whatever the network and the log do', () => {
  it('the application sees each message once, in order, or a gap', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const run = new Run();
        run.serve();
        for (const one of actions) await run.step(one);
        // What was swallowed last is found by the next tick.
        await run.step({ type: 'break' });
        await run.pass(120_000);
        const { seen, gateway, watched } = run;
        assert.deepEqual(watched.errors, [], 'the application saw something wrong');
        assert.deepEqual(seen, [...new Set(seen)], 'a message came twice');
        assert.equal(run.gaps, gateway.gaps, 'a gap was made up or swallowed');
        const missing = gateway.log.filter(({ id }) => !seen.includes(id));
        assert.deepEqual(missing, [], 'a message did not come');
        await watched.client.close();
        assert.equal(run.clock.timers, 0);
      }),
      { numRuns: 150 },
    );
  });
});
