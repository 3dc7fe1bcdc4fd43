import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, turn } from '../protocol/testing/manual-clock.ts';
import type { Gap, Message } from './message.ts';
import type { ClientOptions } from './options.ts';
import { persisted, webStorage } from './storage.ts';
import type { SubscribeOptions } from './subscription.ts';
import { watchedClient } from './testing/fake-network.ts';

function start(options: Partial<ClientOptions> = {}, subscribe?: SubscribeOptions) {
  const clock = new ManualClock();
  const watched = watchedClient({ clock, ...options });
  const room = watched.client.subscribe('t', subscribe);
  return { clock, room, ...watched };
}

/** Connected, subscribed at e:5, and everything it gets through handlers. */
function listening(options: Partial<ClientOptions> = {}, subscribe?: SubscribeOptions) {
  const started = start(options, subscribe);
  const messages: Message[] = [];
  const gaps: Gap[] = [];
  started.room.on('message', (message) => messages.push(message));
  started.room.on('gap', (gap) => gaps.push(gap));
  started.network.last.welcome({ heartbeat: 1_000_000 });
  started.network.last.subbed('e:5@1');
  return { ...started, messages, gaps, seqs: () => messages.map(({ seq }) => seq) };
}

/** Breaks the connection and makes the next one. */
async function reconnect({ clock, network }: ReturnType<typeof start>): Promise<void> {
  network.last.drop();
  while (network.last.over) await clock.advance(500);
  network.last.welcome({ heartbeat: 1_000_000 });
}

describe('a subscription', () => {
  it('asks together with the others of the same turn, and says its states', async () => {
    const { client, network, room } = start();
    const changes: string[] = [];
    room.on('state', (change) => changes.push(`${change.old} ${change.new} ${change.reason}`));
    client.subscribe('u');
    network.last.welcome();
    assert.deepEqual(network.last.asked('sub')['topics'], ['t', 'u']);
    network.last.subbed('e:5@1');
    await room.ready;
    client.subscribe('v');
    client.subscribe('w');
    await turn();
    assert.deepEqual(network.last.asked('sub')['topics'], ['v', 'w']);
    room.unsubscribe();
    assert.deepEqual(network.last.asked('unsub')['topics'], ['t']);
    assert.deepEqual(changes, [
      'waiting subscribing asked',
      'subscribing subscribed answered',
      'subscribed closed closed',
    ]);
  });

  it('is one object per topic, and refuses what is wrong at once', () => {
    const { client, room } = start();
    assert.equal(client.subscribe('t'), room);
    assert.throws(() => client.subscribe('t', {}), { code: 'already_subscribed' });
    assert.throws(() => client.subscribe('a*'), { code: 'bad_topic' });
    assert.throws(() => client.subscribe('b', { position: 'x' }), { code: 'bad_position' });
  });

  it('splits more topics than one command may name', () => {
    const { client, network } = start();
    for (let i = 0; i < 1_500; i += 1) client.subscribe(`t${i}`);
    network.last.welcome();
    const asked = network.last.said('sub').map(({ topics }) => (topics as string[]).length);
    assert.deepEqual(asked, [1_000, 501]);
  });

  it('splits what is longer than the gateway takes, on each connection', async () => {
    const started = start({ backoffBaseMs: 1, backoffCapMs: 1 });
    const { client, network } = started;
    // The longest that there are: on the wire each quote is two bytes.
    const position = `${'e'.repeat(32)}:9007199254740991@99999999999`;
    const names = Array.from({ length: 600 }, (_, i) => `${i}-`.padEnd(256, '"'));
    for (const name of names) client.subscribe(name, { position });
    const inForce = [16_384, 1_048_576, 16_384];
    for (const frameBytes of inForce) {
      network.last.welcome({ limits: { frameBytes, topics: 1_000 } });
      const frames = network.last.said('sub');
      const longest = Math.max(...frames.map((frame) => JSON.stringify(frame).length));
      assert.ok(longest <= frameBytes && longest > frameBytes / 4, `${longest} of ${frameBytes}`);
      const asked = frames.flatMap(({ topics }) => topics as { readonly topic: string }[]);
      assert.deepEqual(asked.map(({ topic }) => topic ?? 't').slice(1), names);
      network.last.drop();
      await started.clock.until('another try', () => !network.last.over);
    }
  });

  it('lets go of its request when every topic of it was answered', async () => {
    const { client, clock, network } = start();
    client.subscribe('u');
    network.last.welcome({ heartbeat: 1_000_000 });
    const { id } = network.last.asked('sub');
    const waiting = clock.timers;
    const answer = (topic: string) =>
      network.last.say({
        type: 'subbed',
        id,
        topics: [{ topic, position: 'e:5@1', replay: 0 }],
      });
    answer('t');
    assert.equal(clock.timers, waiting);
    answer('u');
    assert.equal(clock.timers, waiting - 1);
  });

  it('continues after its position, also on another connection', async () => {
    const started = listening({}, { position: 'e:5@1' });
    const { network, room } = started;
    assert.deepEqual(network.last.asked('sub')['topics'], [{ topic: 't', position: 'e:5@1' }]);
    network.last.message('e:6@2', 'a');
    network.last.say({ type: 'tick', at: 1, positions: [{ topic: 't', position: 'e:6@9' }] });
    assert.equal(room.position, 'e:6@9');
    await reconnect(started);
    assert.deepEqual(network.last.asked('sub')['topics'], [{ topic: 't', position: 'e:6@9' }]);
  });

  it('drops what it has, and what comes before its answer', async () => {
    const started = listening();
    const { network, seqs } = started;
    network.last.message('e:6@2', 'a');
    network.last.message('e:6@2', 'a');
    network.last.message('e:5@2', 'a');
    await reconnect(started);
    network.last.message('e:7@2', 'early');
    network.last.subbed('e:6@2');
    network.last.message('e:6@2', 'a');
    network.last.message('e:7@2', 'b');
    assert.deepEqual(seqs(), [6, 7]);
  });

  it('drops messages that come again in another epoch, by their ids', () => {
    const { network, messages, room } = listening();
    network.last.message('e:6@2', 'a', { id: 'p:1' });
    network.last.message('f:7@3', 'a', { id: 'p:1' });
    network.last.message('f:8@3', 'b', { id: 'p:2' });
    assert.deepEqual(
      messages.map(({ data }) => data),
      ['a', 'b'],
    );
    assert.equal(room.position, 'f:8@3');
  });

  it('asks again from its position when there is a hole that no gap explains', async () => {
    for (const hole of ['e:8@2', 'f:9@2'] as const) {
      const { clock, network, seqs, room } = listening();
      network.last.message('e:6@2', 'a');
      network.last.message(hole, 'c');
      assert.equal(room.state, 'waiting');
      await clock.advance(1_000);
      assert.deepEqual(network.last.asked('sub')['topics'], [{ topic: 't', position: 'e:6@2' }]);
      network.last.subbed('e:6@2');
      network.last.message('e:7@2', 'b');
      assert.deepEqual(seqs(), [6, 7]);
    }
  });

  it('finds a hole by a tick, too', async () => {
    const { clock, network } = listening();
    network.last.say({ type: 'tick', at: 1, positions: [{ topic: 't', position: 'e:7@9' }] });
    await clock.advance(1_000);
    assert.equal(network.last.said('sub').length, 2);
  });

  it('tells a gap, and marks the message behind it', () => {
    const { network, messages, gaps } = listening();
    const gap = { topic: 't', reason: 'trimmed', from: 6, to: 9, position: 'e:9@3' } as const;
    network.last.say({ type: 'gap', ...gap });
    network.last.message('e:10@3', 'x');
    network.last.message('e:11@3', 'y');
    assert.deepEqual(gaps, [gap]);
    assert.deepEqual(
      messages.map((message) => message.gap?.to),
      [9, undefined],
    );
  });

  it('fails when the gateway refuses for good, and tries again when it need not', async () => {
    const { clock, client, network, room, errors } = start();
    network.last.welcome({ heartbeat: 1_000_000 });
    const refuse = (error: string) =>
      network.last.say({
        type: 'subbed',
        id: network.last.asked('sub')['id'],
        topics: [{ topic: 't', error, message: 'no' }],
      });
    refuse('store_unavailable');
    assert.equal(room.state, 'waiting');
    await clock.advance(1_000);
    assert.equal(room.state, 'subscribing');
    refuse('forbidden');
    assert.equal(room.state, 'failed');
    assert.equal(errors.at(-1)?.code, 'forbidden');
    await assert.rejects(room.ready, { code: 'forbidden' });
    await assert.rejects(room[Symbol.asyncIterator]().next(), { code: 'forbidden' });
    assert.notEqual(client.subscribe('t'), room);
  });

  it('ends when the gateway says so, and asks again when it is not answered', async () => {
    const { clock, network, room } = listening();
    const refusal = { message: 'no', at: 1, request: 'r', topic: 't' };
    network.last.say({ type: 'err', code: 'store_unavailable', ...refusal });
    assert.equal(room.state, 'waiting');
    await clock.advance(1_000);
    assert.equal(network.last.said('sub').length, 2);
    await clock.advance(22_000);
    assert.equal(network.last.said('sub').length, 3);
    network.last.subbed('e:5@1');
    network.last.say({ type: 'err', code: 'forbidden', ...refusal });
    assert.equal(room.state, 'failed');
  });

  it('heeds only the answer to its newest request', async () => {
    const { clock, network, room } = start();
    network.last.welcome({ heartbeat: 1_000_000 });
    const { id } = network.last.asked('sub');
    await clock.advance(22_000);
    network.last.say({
      type: 'subbed',
      id,
      topics: [{ topic: 't', position: 'e:1@1', replay: 0 }],
    });
    assert.equal(room.state, 'subscribing');
    network.last.subbed('e:5@1');
    assert.equal(room.position, 'e:5@1');
  });

  it('is not broken by a handler that throws', () => {
    const { network, room, seqs, errors } = listening();
    room.on('message', () => {
      throw new Error('mine');
    });
    network.last.message('e:6@2', 'a');
    network.last.message('e:7@2', 'b');
    assert.deepEqual(seqs(), [6, 7]);
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['handler_failed', 'handler_failed'],
    );
  });
});

describe('a loop over a subscription', () => {
  it('gets what came before it began, in order, and ends at unsubscribe', async () => {
    const { network, room } = start();
    network.last.welcome();
    network.last.subbed('e:5@1');
    network.last.message('e:6@2', 'a');
    network.last.message('e:7@2', 'b');
    const got: unknown[] = [];
    for await (const { data } of room) {
      got.push(data);
      if (got.length === 2) network.last.message('e:8@2', 'c');
      if (got.length === 3) room.unsubscribe();
    }
    assert.deepEqual(got, ['a', 'b', 'c']);
  });

  it('counts a message as processed when the next one is asked for', async () => {
    const { network, room } = start();
    network.last.welcome();
    network.last.subbed('e:5@1');
    const loop = room[Symbol.asyncIterator]();
    network.last.message('e:6@2', 'a');
    await loop.next();
    assert.equal(room.position, 'e:5@1');
    const next = loop.next();
    await turn();
    assert.equal(room.position, 'e:6@2');
    network.last.message('e:7@2', 'b');
    assert.equal((await next).value?.seq, 7);
  });

  it('is the only one', async () => {
    const { room } = start();
    const first = room[Symbol.asyncIterator]();
    void first.next();
    await assert.rejects(room[Symbol.asyncIterator]().next(), { code: 'already_reading' });
  });

  it('that is too slow gets the rest from the log', async () => {
    const { network, room } = start({ bufferCount: 4 });
    network.last.welcome();
    network.last.subbed('e:0@1');
    for (let seq = 1; seq <= 6; seq += 1) network.last.message(`e:${seq}@1`, seq);
    assert.equal(room.state, 'behind');
    assert.deepEqual(network.last.asked('unsub')['topics'], ['t']);
    const got: number[] = [];
    for await (const { seq } of room) {
      got.push(seq);
      if (seq === 3) {
        await turn();
        assert.deepEqual(network.last.asked('sub')['topics'], [{ topic: 't', position: 'e:4@1' }]);
        network.last.subbed('e:4@1');
        for (const again of [5, 6]) network.last.message(`e:${again}@1`, again);
      }
      if (seq === 6) break;
    }
    assert.deepEqual(got, [1, 2, 3, 4, 5, 6]);
  });

  it('ends with the error when the client gives up, after what had come', async () => {
    const { network, room } = start();
    network.last.welcome();
    network.last.subbed('e:5@1');
    network.last.message('e:6@1', 'a');
    network.last.drop(4500);
    const got: unknown[] = [];
    await assert.rejects(
      async () => {
        for await (const { data } of room) got.push(data);
      },
      { code: 'gave_up' },
    );
    assert.deepEqual(got, ['a']);
  });

  it('ends when the client is closed', async () => {
    const { client, room } = start();
    const next = room[Symbol.asyncIterator]().next();
    await client.close();
    assert.equal((await next).done, true);
  });
});

describe('resync', () => {
  const gap = { type: 'gap', topic: 't', reason: 'lost', from: 6, to: 9, position: 'f:9@3' };

  it('delivers nothing until the application has its state, then what follows it', async () => {
    const asked: Gap[] = [];
    const answer = Promise.withResolvers<string>();
    const resync = (missed: Gap) => {
      asked.push(missed);
      return answer.promise;
    };
    const { network, room, seqs } = listening({}, { resync });
    network.last.say(gap);
    network.last.message('f:10@3', 'x');
    assert.equal(room.state, 'resyncing');
    assert.equal(asked[0]?.to, 9);
    answer.resolve('f:11@4');
    await turn();
    await turn();
    assert.deepEqual(network.last.asked('sub')['topics'], [{ topic: 't', position: 'f:11@4' }]);
    network.last.subbed('f:11@4');
    network.last.message('f:12@4', 'y');
    assert.deepEqual(seqs(), [12]);
  });

  it('is tried again when it fails, takes too long, or gives no position', async () => {
    const outcomes = [
      () => Promise.reject(new Error('down')),
      () => new Promise<string>(() => {}),
      () => 'nonsense',
      () => undefined,
    ];
    let calls = 0;
    const resync = () => outcomes[calls++]?.();
    const { clock, network, room, errors } = listening({ resyncTimeoutMs: 1_000 }, { resync });
    network.last.say(gap);
    await clock.advance(20_000);
    assert.equal(calls, 4);
    assert.equal(errors.length, 3);
    assert.ok(errors.every(({ code }) => code === 'resync_failed'));
    assert.equal(room.state, 'subscribing');
    assert.deepEqual(network.last.asked('sub')['topics'], [{ topic: 't', position: 'f:9@3' }]);
  });

  it('is aborted when the subscription ends', () => {
    let signal: AbortSignal | undefined;
    const resync = (_: Gap, context: { signal: AbortSignal }) => {
      signal = context.signal;
      return new Promise<string>(() => {});
    };
    const { clock, client, network, room } = listening({}, { resync });
    network.last.say(gap);
    room.unsubscribe();
    assert.equal(signal?.aborted, true);
    void client.close();
    assert.equal(clock.timers, 0);
  });
});

describe('stale', () => {
  it('is told once, and taken back by a gateway that is not', async () => {
    const started = listening();
    const { client, network } = started;
    const told: boolean[] = [];
    client.on('stale', ({ stale }) => told.push(stale));
    network.last.say({ type: 'stale', stale: true, at: 1 });
    network.last.say({ type: 'stale', stale: true, at: 2 });
    assert.equal(client.stale, true);
    await reconnect(started);
    assert.deepEqual(told, [true, false]);
  });
});

describe('saved positions', () => {
  function memory(initial: Record<string, string> = {}) {
    const items = new Map([['key', JSON.stringify(initial)]]);
    const storage = webStorage(
      {
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => {
          items.set(key, value);
        },
      },
      'key',
    );
    return { items, storage, saved: () => JSON.parse(items.get('key') ?? '') as unknown };
  }

  it('are given at the first subscribe, and saved once per interval', async () => {
    const { storage, saved } = memory({ t: 'e:3@1', other: 'e:1@1', bad: 'x' });
    const { clock, client, network, room } = start({ storage, saveIntervalMs: 100 });
    room.on('message', () => {});
    await turn();
    network.last.welcome({ heartbeat: 1_000_000 });
    assert.deepEqual(network.last.asked('sub')['topics'], [{ topic: 't', position: 'e:3@1' }]);
    network.last.subbed('e:3@1');
    network.last.message('e:4@1', 'a');
    await clock.advance(100);
    assert.deepEqual(saved(), { t: 'e:4@1', other: 'e:1@1' });
    network.last.message('e:5@1', 'a');
    await client.close();
    assert.deepEqual(saved(), { t: 'e:5@1', other: 'e:1@1' });
  });

  it('are forgotten by unsubscribe', async () => {
    const { storage, saved } = memory({ t: 'e:3@1' });
    const { client, room } = start({ storage });
    await turn();
    room.unsubscribe();
    await client.close();
    assert.deepEqual(saved(), {});
  });

  it('need a storage that loads and saves', () => {
    for (const storage of [undefined, {}, { load: () => ({}) }]) {
      assert.throws(() => persisted(storage as never), { code: 'bad_options' });
    }
  });

  it('that cannot be loaded or saved are reported, and stop nothing', async () => {
    const storage = persisted({
      load: () => Promise.reject(new Error('blocked')),
      save: () => {
        throw new Error('full');
      },
    });
    const { clock, client, network, errors } = start({ storage });
    await turn();
    network.last.welcome({ heartbeat: 1_000_000 });
    network.last.subbed('e:3@1');
    await clock.advance(1_000);
    assert.equal(client.state, 'connected');
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['storage_failed', 'storage_failed'],
    );
  });
});
