import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, turn } from '../protocol/testing/manual-clock.ts';
import type { Moved } from './connection.ts';
import { ClientError } from './errors.ts';
import type { ClientOptions } from './options.ts';
import type { PlatformListener } from './platform.ts';
import { type FakeSocket, watchedClient } from './testing/fake-network.ts';

/** A client that is connected to `a` and subscribed to `t` at e:5. */
async function start(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const watched = watchedClient({ clock, url: ['ws://a/ws', 'ws://b/ws'], ...options });
  const { client, network } = watched;
  const room = client.subscribe<unknown>('t', { position: 'e:5@1' });
  const got: unknown[] = [];
  const gaps: unknown[] = [];
  const moves: Moved[] = [];
  room.on('message', ({ data }) => got.push(data));
  room.on('gap', ({ from, to }) => gaps.push([from, to]));
  client.on('moved', (moved) => moves.push(moved));
  await turn();
  const old = network.last;
  old.welcome({ heartbeat: 1_000_000, pod: 'a', features: ['move'] });
  old.subbed('e:5@1');
  const move = async (more: object = {}) => {
    old.say({ type: 'move', within: 60_000, reason: 'drain', token: 'ticket', ...more });
    await turn();
    return network.last;
  };
  /** Up to where publishes are held: the new connection has all that is subscribed. */
  const carry = async (more: object = {}) => {
    const next = await move(more);
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    next.subbed('e:5@1');
    return next;
  };
  return { clock, ...watched, room, got, gaps, moves, old, move, carry };
}

type Started = Awaited<ReturnType<typeof start>>;

const states = ({ changes }: { changes: readonly { new: string }[] }) =>
  changes.map((change) => change.new);
const connected = ['connecting', 'handshaking', 'connected'];

describe('a move', () => {
  it('is announced, and leads to the next address with the token that was given', async () => {
    const { old, move } = await start();
    assert.deepEqual(old.asked('hello')['features'], ['move']);
    assert.equal(old.asked('hello')['move'], undefined);
    const next = await move();
    next.accept();
    assert.equal(next.url, 'ws://b/ws');
    assert.equal(next.asked('hello')['move'], 'ticket');
  });

  it('without an address never leads back to where it was asked', async () => {
    const { carry, network } = await start();
    const second = await carry({ to: 'ws://b/ws' });
    await turn();
    second.say({ type: 'move', within: 1_000, reason: 'drain', token: 'ticket' });
    await turn();
    assert.deepEqual(
      network.sockets.map(({ url }) => url),
      ['ws://a/ws', 'ws://b/ws', 'ws://a/ws'],
    );
  });

  it('ends with the old connection closed, and is told apart from the state', async () => {
    const { client, clock, old, move, moves, changes } = await start();
    const next = await move({ to: 'ws://c/ws', reason: 'rebalance' });
    assert.equal(next.url, 'ws://c/ws');
    next.welcome({ heartbeat: 1_000_000, pod: 'c' });
    await clock.advance(70);
    assert.equal(client.welcome?.pod, 'a');
    assert.equal(old.over, false);
    next.subbed('e:5@1');
    await turn();
    assert.equal(old.closedWith, 1000);
    assert.equal(client.welcome?.pod, 'c');
    assert.deepEqual(moves, [{ from: 'a', to: 'c', reason: 'rebalance', ms: 70 }]);
    assert.deepEqual(states({ changes }), connected);
    await client.close();
    assert.equal(next.closedWith, 1000);
    assert.equal(clock.timers, 0);
  });

  it('hears both connections, and each message once', async () => {
    const { old, move, got, room } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    old.message('e:6@1', 6);
    next.subbed('e:5@1');
    next.message('e:6@1', 6);
    next.message('e:7@1', 7);
    old.message('e:7@1', 7);
    await turn();
    assert.deepEqual(got, [6, 7]);
    next.message('e:8@1', 8);
    assert.deepEqual([got, room.state, room.position], [[6, 7, 8], 'subscribed', 'e:8@1']);
    assert.equal(next.said('sub').length, 1);
  });

  it('asks again for what the new connection did not continue, once it took over', async () => {
    const { old, move, got, gaps, room } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    const gap = { type: 'gap', topic: 't', reason: 'trimmed', from: 6, to: 7 };
    const { id } = next.asked('sub');
    old.message('e:6@1', 6);
    const request = old.asked('hello')['id'];
    old.say({ type: 'pong', at: request });
    next.say({ type: 'subbed', id, topics: [{ topic: 't', position: 'e:5@1', replay: 0 }] });
    next.say({ ...gap, position: 'e:7@1' });
    next.message('e:8@1', 8);
    old.message('e:7@1', 7);
    await turn();
    assert.deepEqual([got, gaps], [[6, 7], []]);
    assert.equal(old.over, true);
    assert.deepEqual(next.asked('sub')['topics'], [{ topic: 't', position: 'e:7@1' }]);
    next.subbed('e:7@1');
    next.message('e:8@1', 8);
    assert.deepEqual([got, gaps, room.state], [[6, 7, 8], [], 'subscribed']);
  });

  it('applies a gap behind it to what neither connection brought', async () => {
    const { clock, old, carry, got, gaps } = await start();
    old.message('e:6@1', 6);
    const next = await carry();
    old.message('e:7@1', 7);
    await turn();
    const gap = { type: 'gap', topic: 't', reason: 'trimmed', to: 9, position: 'e:9@1' };
    next.say({ ...gap, from: 6 });
    assert.deepEqual(gaps, []);
    await clock.advance(500);
    assert.deepEqual(next.asked('sub')['topics'], [{ topic: 't', position: 'e:7@1' }]);
    next.subbed('e:7@1');
    next.say({ ...gap, from: 8 });
    assert.deepEqual([got, gaps], [[6, 7], [[8, 9]]]);
  });

  it('asks the old one for a gap anew when the new one may have brought some of it', async () => {
    const { clock, old, move, got, gaps } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    next.subbed('e:5@1');
    next.message('e:6@1', 6);
    next.drop();
    const gap = { type: 'gap', topic: 't', reason: 'trimmed', to: 7, position: 'e:7@1' };
    old.say({ ...gap, from: 6 });
    await clock.advance(500);
    assert.deepEqual(old.asked('sub')['topics'], [{ topic: 't', position: 'e:6@1' }]);
    old.subbed('e:6@1');
    old.say({ ...gap, from: 7 });
    assert.deepEqual([got, gaps], [[6], [[7, 7]]]);
  });

  it('does not swallow a gap of the new connection behind which nothing comes', async () => {
    const { old, move, gaps } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    next.subbed('e:5@1');
    const gap = { type: 'gap', topic: 't', reason: 'lost', from: 6, to: 7, position: 'f:5@1' };
    next.say(gap);
    await turn();
    assert.equal(old.over, true);
    assert.deepEqual(next.asked('sub')['topics'], [{ topic: 't', position: 'e:5@1' }]);
    next.subbed('e:5@1');
    next.say(gap);
    assert.deepEqual(gaps, [[6, 7]]);
  });

  it('leaves a topic on both connections', async () => {
    const { move, old, room } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    room.unsubscribe();
    assert.deepEqual(old.asked('unsub')['topics'], ['t']);
    assert.deepEqual(next.asked('unsub')['topics'], ['t']);
  });

  it('asks the connection in use for what is subscribed meanwhile, then the new one', async () => {
    const { client, move, old } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    client.subscribe('late', { position: 'e:1@1' });
    await turn();
    const { id } = old.asked('sub');
    assert.deepEqual(old.asked('sub')['topics'], [{ topic: 'late', position: 'e:1@1' }]);
    next.subbed('e:5@1');
    await turn();
    assert.equal(old.over, false, 'what was asked is waited for');
    old.say({ type: 'subbed', id, topics: [{ topic: 'late', position: 'e:1@1', replay: 0 }] });
    assert.equal(old.over, true);
    assert.deepEqual(next.asked('sub')['topics'], [{ topic: 'late', position: 'e:1@1' }]);
  });
});

describe('publishes during a move', () => {
  const dataOf = (socket: { said: (type: string) => readonly Record<string, unknown>[] }) =>
    socket.said('pub').map(({ data, retry }) => (retry === true ? [data] : data));

  it('stay until they are answered; later ones wait for the new connection', async () => {
    const { client, old, move } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    const first = client.publish('t', 1);
    assert.deepEqual(dataOf(old), [1]);
    next.subbed('e:5@1');
    await turn();
    const second = client.publish('t', 2);
    assert.deepEqual([dataOf(old), dataOf(next), old.over], [[1], [], false]);
    old.say({ type: 'acked', id: old.asked('pub')['id'], position: 'e:6@1' });
    await first;
    assert.deepEqual([dataOf(old), dataOf(next), old.over], [[1], [2], true]);
    next.say({ type: 'acked', id: next.asked('pub')['id'], position: 'e:7@1' });
    await second;
  });

  it('without an answer in time are sent again first, as retries', async () => {
    const { client, clock, old, move, changes } = await start();
    const next = await move({ within: 2_000 });
    void client.publish('t', 1);
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    next.subbed('e:5@1');
    await turn();
    void client.publish('t', 2);
    await clock.advance(1_999);
    assert.deepEqual([dataOf(next), old.over], [[], false]);
    await clock.advance(1);
    assert.deepEqual([dataOf(next), old.closedWith], [[[1], 2], 1000]);
    assert.deepEqual(states({ changes }), connected);
  });

  it('that waited for a move that fails leave on the old connection', async () => {
    const { client, old, carry, errors } = await start();
    void client.publish('t', 1);
    const next = await carry();
    await turn();
    void client.publish('t', 2);
    assert.deepEqual(dataOf(old), [1]);
    next.drop();
    assert.deepEqual(dataOf(old), [1, 2]);
    void client.publish('t', 3);
    assert.deepEqual([dataOf(old), errors], [[1, 2, 3], []]);
  });

  it('wait for a second try only until it has what was asked of it', async () => {
    const { client, clock, old, carry, network, moves } = await start();
    void client.publish('t', 1);
    (await carry()).drop();
    await clock.advance(500);
    const second = network.last;
    second.welcome({ heartbeat: 1_000_000, pod: 'c' });
    void client.publish('t', 2);
    second.subbed('e:5@1');
    await turn();
    void client.publish('t', 3);
    assert.deepEqual([dataOf(old), dataOf(second)], [[1, 2], []]);
    for (const { id } of old.said('pub')) old.say({ type: 'acked', id, position: 'e:6@1' });
    assert.deepEqual([dataOf(second), old.closedWith, moves.length], [[3], 1000, 1]);
  });

  it('do not wait for what a connection was asked that is gone', async () => {
    const { clock, old, move, network, moves } = await start();
    const first = await move();
    first.welcome({ pod: 'b' });
    assert.equal(first.said('sub').length, 1);
    first.drop();
    await clock.advance(500);
    network.last.welcome({ heartbeat: 1_000_000, pod: 'c' });
    network.last.subbed('e:5@1');
    await turn();
    assert.deepEqual([moves.length, old.closedWith], [1, 1000]);
  });
});

describe('a move that goes wrong', () => {
  it('leaves the client where it is: refused, late, cut off from the log, and so on', async () => {
    const { clock, client, old, move, got, errors, changes } = await start();
    // Less than the wait for another try.
    const within = 400;
    const ways = [
      async () => {
        await move({ to: 'nonsense' });
      },
      async () => (await move()).drop(4500, 'unauthenticated'),
      async () => (await move()).drop(4007, 'token_expired'),
      async () => (await move({ within })).drop(),
      async () => {
        await move({ within });
        await clock.advance(within);
      },
      async () => {
        await move({ within: 10_100 });
        await clock.advance(10_000);
      },
      async () => {
        const next = await move({ within });
        next.welcome({ pod: 'b' });
        next.text('{');
      },
      async () => {
        const next = await move({ within });
        next.welcome({ pod: 'b' });
        next.say({ type: 'stale', stale: true, at: 1 });
      },
    ];
    for (const [i, way] of ways.entries()) {
      await way();
      assert.equal(errors.length, i + 1, `way ${i}`);
      assert.equal(errors.at(-1)?.code, 'move_failed');
      old.message(`e:${6 + i}@1`, i);
      assert.equal(got.at(-1), i);
    }
    assert.equal(client.welcome?.pod, 'a');
    assert.deepEqual(states({ changes }), connected);
    assert.deepEqual(client.stale, false);
    await client.close();
    assert.equal(clock.timers, 0);
  });

  it('does not lead from TLS to plain text', async () => {
    const { move, network, errors } = await start({ url: 'wss://a/ws' });
    await move({ to: 'ws://b/ws' });
    assert.deepEqual([network.sockets.length, errors.at(-1)?.code], [1, 'move_failed']);
    await move({ to: 'wss://b/ws' });
    assert.equal(network.sockets.length, 2);
  });

  it('promotes the new connection when the old one ends', async () => {
    const { client, old, move, moves, changes } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    const published = client.publish('t', 1);
    client.subscribe('late');
    await turn();
    old.drop();
    assert.equal(client.welcome?.pod, 'b');
    assert.deepEqual(states({ changes }), connected);
    assert.equal(next.asked('pub')['retry'], true);
    assert.deepEqual(next.asked('sub')['topics'], [{ topic: 't', position: 'e:5@1' }, 'late']);
    assert.equal(moves.length, 1);
    next.say({ type: 'acked', id: next.asked('pub')['id'], position: 'e:6@1' });
    await published;
  });

  it('is an ordinary reconnect when the old one ends before the new one is there', async () => {
    const { client, clock, old, move, network } = await start();
    const next = await move();
    next.accept();
    old.drop();
    assert.equal(client.state, 'waiting');
    assert.equal(next.over, true);
    await clock.advance(500);
    network.last.welcome({ heartbeat: 1_000_000 });
    assert.equal(client.state, 'connected');
  });

  it('goes to a later target as long as the first one did not answer', async () => {
    const { move, network } = await start();
    const first = await move({ to: 'ws://b/ws' });
    const second = await move({ to: 'ws://c/ws', token: 'other' });
    assert.deepEqual([first.over, second.url], [true, 'ws://c/ws']);
    second.welcome({ pod: 'c' });
    assert.equal(second.asked('hello')['move'], 'other');
    await move({ to: 'ws://d/ws' });
    assert.equal(network.last, second);
  });

  it('stays without a token for the new connection', async () => {
    let asked = 0;
    const token = () => (++asked === 1 ? 'first' : Promise.reject(new Error('nobody is there')));
    const { client, clock, move, network, errors } = await start({ token });
    await move({ within: 2_000 });
    assert.equal(asked, 2);
    await clock.advance(2_000);
    assert.deepEqual([asked, network.sockets.length, errors.length], [4, 1, 1]);
    const error = errors.at(-1);
    assert.deepEqual([error?.code, error?.message], ['move_failed', 'token_failed']);
    assert.ok(error?.cause instanceof ClientError);
    assert.equal(client.state, 'connected');
  });

  it('has a fresh token, which is renewed from then on', async () => {
    let asked = 0;
    const token = () => ({ token: `token-${++asked}`, expiresAt: clock.wall() + 60_000 });
    const clock = new ManualClock();
    const { old, carry } = await start({ clock, token });
    assert.equal(old.asked('hello')['token'], 'token-1');
    const next = await carry();
    await turn();
    assert.equal(next.asked('hello')['token'], 'token-2');
    assert.equal(old.over, true);
    await clock.advance(45_000);
    assert.equal(next.asked('auth')['token'], 'token-3');
    assert.equal(old.said('auth').length, 0);
  });
});

describe('a move whose connection fails', () => {
  const addresses = ({ network }: Started) => network.sockets.map(({ url }) => url.slice(5, 6));

  it('is tried again, ever later, within the time that was granted', async () => {
    const started = await start();
    const { client, clock, move, network, errors, moves, changes } = started;
    const waits: number[] = [];
    await move({ to: 'ws://c/ws', within: 20_000 });
    const asked = clock.now();
    while (errors.length === 0) {
      const { last } = network;
      const tries = network.sockets.length;
      last.drop();
      const at = clock.now();
      await clock.until('another try, or the end', () => {
        assert.ok(network.alive <= 2);
        return network.sockets.length > tries || errors.length > 0;
      });
      if (errors.length === 0) waits.push(clock.now() - at);
    }
    assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000]);
    assert.deepEqual(addresses(started), ['a', 'c', 'c', 'c', 'c', 'c', 'c']);
    assert.deepEqual(
      [errors[0]?.code, errors[0]?.message, moves.length, client.welcome?.pod],
      ['move_failed', 'closed', 0, 'a'],
    );
    assert.equal(clock.now() - asked, 15_500, 'the next one would begin when the time is over');
    assert.deepEqual(states({ changes }), connected);
    await client.close();
    assert.equal(clock.timers, 0);
  });

  it('ends where a later try leads to, with the same proof and a fresh token', async () => {
    let fetched = 0;
    const token = () => `token-${++fetched}`;
    const { client, clock, old, move, network, errors, moves } = await start({ token });
    (await move({ to: 'ws://c/ws', reason: 'rebalance' })).drop();
    await clock.advance(500);
    const next = network.last;
    next.welcome({ heartbeat: 1_000_000, pod: 'c' });
    const { move: proof, token: shown } = next.asked('hello');
    assert.deepEqual([proof, shown], ['ticket', 'token-3']);
    next.subbed('e:5@1');
    await turn();
    assert.deepEqual(moves, [{ from: 'a', to: 'c', reason: 'rebalance', ms: 500 }]);
    assert.deepEqual([old.closedWith, client.welcome?.pod, errors], [1000, 'c', []]);
  });

  it('goes to the next of the addresses each time when none was given', async () => {
    const url = ['ws://a/ws', 'ws://b/ws', 'ws://c/ws'];
    const started = await start({ url });
    const { clock, move, network } = started;
    (await move()).drop();
    for (const wait of [500, 1_000, 2_000]) {
      await clock.advance(wait);
      network.last.drop();
    }
    assert.deepEqual(addresses(started), ['a', 'b', 'c', 'b', 'c']);
  });

  it('gives each try what is left of the time, and no more than one takes to connect', async () => {
    const { clock, move, network, errors } = await start({ connectTimeoutMs: 3_000 });
    await move({ within: 6_000 });
    const ends: number[] = [];
    const asked = clock.now();
    for (let over = 0; errors.length === 0; over += 1) {
      const { last } = network;
      await clock.until('an end of the try', () => last.over);
      ends.push(clock.now() - asked);
      await clock.until('another', () => network.last !== last || errors.length > 0);
      assert.ok(over < 5);
    }
    assert.deepEqual([ends, errors[0]?.message], [[3_000, 6_000], 'timeout']);
  });

  it('leaves what waits to a newer question', async () => {
    const started = await start();
    const { clock, client, move, network, errors, moves } = started;
    (await move({ to: 'ws://b/ws' })).drop();
    const second = await move({ to: 'ws://c/ws', token: 'other' });
    await clock.advance(5_000);
    assert.deepEqual([addresses(started), network.alive], [['a', 'b', 'c'], 2]);
    second.welcome({ heartbeat: 1_000_000, pod: 'c' });
    assert.equal(second.asked('hello')['move'], 'other');
    second.subbed('e:5@1');
    await turn();
    assert.deepEqual([moves.length, client.welcome?.pod, errors], [1, 'c', []]);
  });

  it('is over when the old connection is: that is an ordinary reconnect', async () => {
    const { clock, client, old, move, network, errors } = await start();
    (await move()).drop();
    old.drop();
    assert.equal(client.state, 'waiting');
    await clock.advance(500);
    assert.deepEqual([client.state, network.sockets.length], ['connecting', 3]);
    network.last.welcome({ heartbeat: 1_000_000 });
    await clock.advance(60_000);
    assert.deepEqual([network.sockets.length, network.alive, errors], [3, 1, []]);
    assert.equal(network.last.asked('hello')['move'], undefined);
  });

  it('is over when the client is closed', async () => {
    const { clock, client, move, network, errors } = await start();
    (await move()).drop();
    await client.close();
    assert.equal(clock.timers, 0);
    await clock.advance(60_000);
    assert.deepEqual([network.sockets.length, network.alive, errors], [2, 0, []]);
  });
});

describe('what the other gateway asks for before the client is there', () => {
  it('is done once it is there', async () => {
    const { clock, client, move, network, moves } = await start();
    const second = await move();
    second.welcome({ heartbeat: 1_000_000, pod: 'b' });
    second.say({ type: 'move', to: 'ws://c/ws', within: 60_000, reason: 'drain', token: 'on' });
    assert.equal(network.last, second);
    await clock.advance(300);
    second.subbed('e:5@1');
    await turn();
    const third = network.last;
    assert.deepEqual([client.welcome?.pod, third.url], ['b', 'ws://c/ws']);
    third.welcome({ heartbeat: 1_000_000, pod: 'c' });
    assert.equal(third.asked('hello')['move'], 'on');
    third.subbed('e:5@1');
    await turn();
    assert.deepEqual(
      moves.map(({ from, to, ms }) => [from, to, ms]),
      [
        ['a', 'b', 300],
        ['b', 'c', 300],
      ],
    );
    assert.equal(network.alive, 1);
  });

  it('counts from when it was asked', async () => {
    const { clock, move, network, errors } = await start();
    const second = await move();
    second.welcome({ heartbeat: 1_000_000, pod: 'b' });
    second.say({ type: 'move', to: 'ws://c/ws', within: 1_000, reason: 'drain', token: 'on' });
    await clock.advance(900);
    second.subbed('e:5@1');
    await turn();
    assert.deepEqual([network.last.url, errors.length], ['ws://c/ws', 0]);
    await clock.advance(100);
    assert.deepEqual([network.alive, errors.at(-1)?.message], [1, 'timeout']);
  });

  it('is nothing any more when it is lost before', async () => {
    const { clock, client, move, network } = await start();
    const second = await move({ to: 'ws://b/ws' });
    second.welcome({ pod: 'b' });
    second.say({ type: 'move', to: 'ws://c/ws', within: 60_000, reason: 'drain', token: 'on' });
    second.drop();
    await clock.advance(500);
    assert.equal(network.last.url, 'ws://b/ws');
    network.last.welcome({ heartbeat: 1_000_000, pod: 'b' });
    network.last.subbed('e:5@1');
    await clock.advance(60_000);
    assert.deepEqual([client.welcome?.pod, network.sockets.length], ['b', 3]);
  });
});

describe('what the application and its page do during a move', () => {
  const ack = (socket: FakeSocket) =>
    socket.say({ type: 'acked', id: socket.asked('pub')['id'], position: 'e:6@1' });

  it('closes both connections with the client, at every step of it', async () => {
    const steps = [
      async ({ move }: Started) => void (await move()),
      async ({ move }: Started) => (await move()).accept(),
      async ({ move }: Started) => (await move()).welcome({ pod: 'b' }),
      async ({ carry, client }: Started) => {
        void client.publish('t', 1).catch(() => {});
        await carry();
        void client.publish('t', 2).catch(() => {});
      },
    ];
    for (const step of steps) {
      const started = await start();
      await step(started);
      const { client, clock, network, errors, changes } = started;
      await client.close();
      await turn();
      assert.deepEqual([network.alive, clock.timers, errors], [0, 0, []]);
      assert.deepEqual(states({ changes }), [...connected, 'closed']);
    }
  });

  it('settles each publish once when the client is closed', async () => {
    const { client, old, carry } = await start();
    const sent = client.publish('t', 1);
    await carry();
    await turn();
    const held = client.publish('t', 2);
    await client.close();
    assert.equal(old.said('pub').length, 1);
    await assert.rejects(sent, { code: 'closed', outcome: 'unknown' });
    await assert.rejects(held, { code: 'closed', outcome: 'failed' });
  });

  it('does not send what was aborted while it was held', async () => {
    const { client, old, carry } = await start();
    const sent = client.publish('t', 1);
    const next = await carry();
    await turn();
    const scope = new AbortController();
    const held = client.publish('t', 2, { signal: scope.signal });
    scope.abort();
    await assert.rejects(held, { code: 'aborted', outcome: 'failed' });
    ack(old);
    await sent;
    assert.deepEqual([old.over, next.said('pub')], [true, []]);
  });

  it('does not wait for the answer to what was aborted', async () => {
    const { client, old, carry } = await start();
    const scope = new AbortController();
    const sent = client.publish('t', 1, { signal: scope.signal });
    const next = await carry();
    await turn();
    assert.equal(old.over, false);
    scope.abort();
    await assert.rejects(sent, { code: 'aborted', outcome: 'unknown' });
    // It is found at the next frame: there is one at least with every heartbeat.
    next.say({ type: 'tick', at: 1, positions: [] });
    assert.equal(old.over, true);
  });

  it('asks the new one alone for what was ended and subscribed anew', async () => {
    const { client, old, move, room, moves } = await start();
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    room.unsubscribe();
    const again = client.subscribe('t', { position: 'e:9@1' });
    const got: unknown[] = [];
    again.on('message', ({ data }) => got.push(data));
    await turn();
    const { id } = next.asked('sub');
    next.say({ type: 'subbed', id, topics: [{ topic: 't', position: 'e:5@1', replay: 0 }] });
    next.message('e:10@1', 'of the one that was left');
    old.subbed('e:9@1');
    await turn();
    assert.deepEqual([moves.length, got], [1, []]);
    assert.deepEqual(next.asked('sub')['topics'], [{ topic: 't', position: 'e:9@1' }]);
    next.subbed('e:9@1');
    next.message('e:10@1', 10);
    assert.deepEqual([got, again.state], [[10], 'subscribed']);
  });

  it('waits for the renewal of a token that is under way', async () => {
    let asked = 0;
    const clock = new ManualClock();
    const token = () => ({ token: `token-${++asked}`, expiresAt: clock.wall() + 60_000 });
    const { old, carry, errors } = await start({ clock, token });
    await clock.advance(45_000);
    assert.equal(old.asked('auth')['token'], 'token-2');
    await carry();
    await turn();
    assert.equal(old.over, false);
    old.say({ type: 'acked', id: old.asked('auth')['id'] });
    assert.deepEqual([old.over, errors], [true, []]);
  });

  it('asks both connections after a freeze, and comes back when both are dead', async () => {
    let wake = () => {};
    const platform = (listener: PlatformListener) => {
      wake = () => listener.onWake();
      return () => {};
    };
    const { clock, client, old, move, network } = await start({ platform, graceMs: 100 });
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    wake();
    assert.deepEqual([old.said('ping').length, next.said('ping').length], [1, 1]);
    await clock.advance(100);
    assert.deepEqual([client.state, network.alive], ['waiting', 0]);
    await clock.advance(500);
    assert.equal(network.sockets.length, 3);
  });

  it('survives a freeze that ends it: the one in use goes on', async () => {
    const { clock, client, old, move, got, errors } = await start();
    const next = await move({ within: 500 });
    await clock.advance(60_000);
    old.message('e:6@1', 6);
    assert.deepEqual([client.state, got, next.over], ['connected', [6], true]);
    assert.equal(errors.at(-1)?.code, 'move_failed');
  });

  it('keeps what the gateway in use says of the log: it alone is believed', async () => {
    const { client, old, move } = await start();
    old.say({ type: 'stale', stale: true, at: 1 });
    const next = await move();
    next.welcome({ heartbeat: 1_000_000, pod: 'b' });
    next.say({ type: 'stale', stale: false, at: 2 });
    assert.equal(client.stale, true);
    next.subbed('e:5@1');
    await turn();
    assert.deepEqual([old.over, client.stale], [true, false]);
  });
});
