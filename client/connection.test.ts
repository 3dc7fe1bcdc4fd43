import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, turn } from '../protocol/testing/manual-clock.ts';
import type { ClientOptions } from './options.ts';
import type { PlatformListener } from './platform.ts';
import { watchedClient } from './testing/fake-network.ts';

function start(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const watched = watchedClient({ clock, ...options });
  void watched.client.connect();
  return { clock, ...watched };
}

/** A token whose claims a client can read. */
function jwt(claims: object): string {
  return `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`;
}

describe('a connection', () => {
  it('is idle until it is wanted, and says every change with its reason', async () => {
    const { client, network, changes } = start();
    assert.equal(network.last.protocols[0], 'wscluster.v1');
    network.last.welcome();
    await client.connect();
    await client.close();
    assert.deepEqual(
      changes.map((change) => [change.old, change.new, change.reason]),
      [
        ['idle', 'connecting', 'connect'],
        ['connecting', 'handshaking', 'open'],
        ['handshaking', 'connected', 'welcome'],
        ['connected', 'closed', 'close'],
      ],
    );
    assert.equal(network.last.closedWith, 1000);
  });

  it('says hello first, with its name and its token', async () => {
    const { network } = start({ token: () => 'secret', name: 'app/1' });
    await turn();
    network.last.accept();
    const { type, client: name, token } = network.last.sent[0] ?? {};
    assert.deepEqual([type, name, token], ['hello', 'app/1', 'secret']);
  });

  it('comes back with full jitter, to the next address, one try at a time', async () => {
    const { clock, network, changes } = start({ url: ['ws://a/ws', 'ws://b/ws'] });
    const waits: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const made = network.sockets.length;
      network.last.drop();
      assert.equal(changes.at(-1)?.new, 'waiting');
      let waited = 0;
      while (network.sockets.length === made && waited < 40_000) {
        await clock.advance(250);
        waited += 250;
      }
      waits.push(waited);
      assert.equal(network.alive, 1);
    }
    // Half of min(30 s, 1 s × 2^n), since chance is always 0.5 here.
    assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    assert.deepEqual(
      network.sockets.slice(0, 3).map(({ url }) => url),
      ['ws://a/ws', 'ws://b/ws', 'ws://a/ws'],
    );
  });

  it('begins its backoff anew only after a connection that lasted', async () => {
    const { clock, network, client } = start();
    network.last.welcome({ heartbeat: 60_000 });
    network.last.drop(4000, 'drain');
    await clock.advance(499);
    assert.equal(client.state, 'waiting');
    await clock.advance(1);
    network.last.welcome({ heartbeat: 60_000 });
    network.last.drop(4000, 'drain');
    await clock.advance(999);
    assert.equal(client.state, 'waiting');
    await clock.advance(1);
    network.last.welcome({ heartbeat: 60_000 });
    await clock.advance(10_000);
    network.last.drop(4000, 'drain');
    await clock.advance(500);
    assert.equal(client.state, 'connecting');
  });

  it('gives up on a code that says so, and tries again when it is asked to', async () => {
    const { client, network, changes, errors } = start();
    const first = client.connect();
    network.last.accept();
    network.last.drop(4500, 'unauthenticated');
    await assert.rejects(first, { code: 'gave_up' });
    assert.deepEqual(changes.at(-1), {
      old: 'handshaking',
      new: 'idle',
      reason: 'unauthenticated',
      code: 4500,
    });
    assert.equal(errors.at(-1)?.code, 'gave_up');
    await assert.rejects(client.publish('t', 1), { code: 'gave_up', outcome: 'failed' });
    const second = client.connect();
    network.last.welcome();
    await second;
    assert.equal(client.state, 'connected');
  });

  it('gives up after as many failed tries in a row as it was told', async () => {
    const { clock, client, network } = start({ maxAttempts: 2 });
    network.last.drop();
    await clock.advance(1_000);
    network.last.drop();
    assert.equal(client.state, 'idle');
    assert.equal(clock.timers, 0);
  });

  it('gives up on unknown codes from 4500 and comes back on those below', () => {
    for (const [code, state] of [
      [4877, 'idle'],
      [4321, 'waiting'],
      [1001, 'waiting'],
      [1000, 'idle'],
    ] as const) {
      const { client, network } = start();
      network.last.welcome();
      network.last.drop(code);
      assert.equal(client.state, state, String(code));
    }
  });

  it('ends a try that takes too long, in each of its phases', async () => {
    const { clock, client, network, changes } = start({ connectTimeoutMs: 1_000 });
    await clock.advance(1_000);
    assert.equal(changes.at(-1)?.reason, 'timeout');
    assert.equal(network.alive, 0);
    await clock.advance(500);
    network.last.accept();
    await clock.advance(1_000);
    assert.equal(changes.at(-1)?.old, 'handshaking');
    assert.equal(client.state, 'waiting');
  });

  it('does not hear an abandoned socket any more', async () => {
    const { clock, client, network } = start({ connectTimeoutMs: 1_000 });
    const [old] = network.sockets;
    await clock.advance(1_000);
    await clock.advance(500);
    old?.welcome();
    old?.drop(4500);
    assert.equal(client.state, 'connecting');
    network.last.welcome();
    assert.equal(client.state, 'connected');
  });

  it('survives a WebSocket that cannot be made', async () => {
    const { clock, client, errors } = start({
      webSocket: () => {
        throw new Error('blocked');
      },
    });
    assert.equal(errors[0]?.code, 'socket_failed');
    assert.equal(client.state, 'waiting');
    await clock.advance(60_000);
    assert.ok(errors.length > 3);
    await client.close();
  });

  it('ignores frames of a type that it does not know, and comes back after a bad one', async () => {
    const { client, network, errors, changes } = start();
    network.last.welcome();
    network.last.say({ type: 'novelty', x: 1 });
    assert.equal(client.state, 'connected');
    assert.equal(errors.length, 0);
    for (const text of ['{', new ArrayBuffer(2)]) {
      network.last.text(text);
      assert.equal(errors.at(-1)?.code, 'bad_frame');
      assert.equal(changes.at(-1)?.reason, 'bad_frame');
    }
  });
});

describe('silence', () => {
  it('of two heartbeats and a grace ends a connection', async () => {
    const { clock, client, network, changes } = start({ graceMs: 500 });
    network.last.welcome();
    await clock.advance(2_000);
    network.last.say({ type: 'tick', at: 1, positions: [] });
    await clock.advance(2_499);
    assert.equal(client.state, 'connected');
    await clock.advance(1);
    assert.equal(changes.at(-1)?.reason, 'silent');
    assert.equal(network.sockets[0]?.closedWith, 4005);
  });

  it('during a freeze is judged after one more grace, with a probe', async () => {
    const { clock, client, network } = start({ graceMs: 500 });
    network.last.welcome();
    clock.pass(60_000);
    await clock.advance(0);
    assert.equal(client.state, 'connected');
    assert.equal(network.last.said('ping').length, 1);
    network.last.say({ type: 'pong', at: 0 });
    await clock.advance(2_000);
    assert.equal(client.state, 'connected');
  });

  it('after a freeze ends the connection when the probe is not answered', async () => {
    const { clock, client, network } = start({ graceMs: 500 });
    network.last.welcome();
    clock.pass(60_000);
    await clock.advance(499);
    assert.equal(client.state, 'connected');
    await clock.advance(1);
    assert.equal(client.state, 'waiting');
  });
});

describe('signs of the platform', () => {
  function withPlatform() {
    let listener: PlatformListener | undefined;
    let stopped = 0;
    const platform = (told: PlatformListener) => {
      listener = told;
      return () => {
        stopped += 1;
      };
    };
    const started = start({ platform, graceMs: 500 });
    return { ...started, tell: () => listener as PlatformListener, stopped: () => stopped };
  }

  it('probe a connection at a wake-up, however many there are', async () => {
    const { clock, client, network, tell } = withPlatform();
    network.last.welcome();
    for (let i = 0; i < 5; i += 1) {
      tell().onWake();
      await clock.advance(100);
    }
    assert.equal(client.state, 'waiting');
    assert.equal(network.sockets[0]?.said('ping').length, 1);
  });

  it('shorten the wait when the network is back, with jitter', async () => {
    const { clock, client, network, tell } = withPlatform();
    for (const wait of [500, 1_000, 2_000, 4_000]) {
      network.last.drop();
      await clock.advance(wait);
    }
    network.last.drop();
    tell().onOnline();
    await clock.advance(499);
    assert.equal(client.state, 'waiting');
    await clock.advance(1);
    assert.equal(client.state, 'connecting');
  });

  it('are not listened to after close', async () => {
    const { client, stopped, clock } = withPlatform();
    await client.close();
    assert.equal(stopped(), 1);
    assert.equal(clock.timers, 0);
  });
});

describe('tokens', () => {
  it('are fetched before each try, and afresh after token_expired', async () => {
    let asked = 0;
    const token = () => `token-${++asked}`;
    const { clock, network } = start({ token });
    await turn();
    network.last.welcome();
    network.last.drop(4007, 'token_expired');
    await clock.advance(1_000);
    network.last.accept();
    assert.equal(network.last.asked('hello')['token'], 'token-2');
  });

  it('that are fixed and expired end the tries', async () => {
    const { client, network } = start({ token: 'fixed' });
    await turn();
    network.last.accept();
    network.last.drop(4007, 'token_expired');
    assert.equal(client.state, 'idle');
  });

  it('that cannot be fetched are tried again with backoff', async () => {
    let fails = true;
    const token = async () => {
      if (fails) throw new Error('offline');
      return 'ok';
    };
    const { clock, client, network, errors, changes } = start({ token });
    await turn();
    assert.equal(errors[0]?.code, 'token_failed');
    assert.equal(changes.at(-1)?.reason, 'token_failed');
    fails = false;
    await clock.advance(1_000);
    network.last.welcome();
    assert.equal(client.state, 'connected');
  });

  it('that are not tokens are refused', async () => {
    for (const value of [7, null, '', { token: '' }, 'x'.repeat(9_000)]) {
      const { errors } = start({ token: () => value as string });
      await turn();
      assert.equal(errors[0]?.code, 'token_failed', JSON.stringify(value)?.slice(0, 20));
    }
  });

  it('are renewed inside the connection, by what the application or the JWT says', async () => {
    const begin = new ManualClock().wall();
    const second = begin / 1_000;
    for (const first of [
      { token: 'a', expiresAt: begin + 100_000 },
      jwt({ exp: second + 100, iat: second }),
      jwt({ exp: second + 100 }),
      // The clock of this machine is far ahead: the claims still say how long it lives.
      jwt({ exp: second - 900, iat: second - 1_000 }),
    ]) {
      const tokens = [first, 'second'];
      const { clock, network, client } = start({ token: () => tokens.shift() });
      await turn();
      network.last.welcome({ heartbeat: 1_000_000 });
      await clock.advance(74_999);
      assert.equal(network.last.said('auth').length, 0);
      await clock.advance(1);
      const auth = network.last.asked('auth');
      assert.equal(auth['token'], 'second');
      network.last.say({ type: 'acked', id: auth['id'] });
      await turn();
      assert.equal(client.state, 'connected');
      await client.close();
      assert.equal(clock.timers, 0);
    }
  });

  it('that were refused or not answered are offered again later', async () => {
    const expiresAt = new ManualClock().wall() + 40_000;
    const given = ['a', 'b', 'c'].map((token) => ({ token, expiresAt }));
    const { clock, network, errors } = start({ token: () => given.shift() });
    await turn();
    network.last.welcome({ heartbeat: 1_000_000 });
    await clock.advance(30_000);
    const { id } = network.last.asked('auth');
    const refusal = { code: 'unauthenticated', message: 'no', at: 1, request: 'r' };
    network.last.say({ type: 'err', id, ...refusal });
    for (let i = 0; i < 3; i += 1) await turn();
    assert.equal(errors[0]?.code, 'unauthenticated');
    await clock.advance(5_000);
    assert.equal(network.last.asked('auth')['token'], 'c');
  });
});

describe('round-trip time', () => {
  it('is measured by ping', async () => {
    const { clock, client, network } = start();
    await assert.rejects(client.ping(), { code: 'disconnected' });
    network.last.welcome();
    const ping = client.ping();
    clock.pass(42);
    network.last.say({ type: 'pong', at: network.last.asked('ping')['at'] });
    assert.equal(await ping, 42);
    assert.equal(client.roundTripMs, 42);
  });

  it('is not known when the connection breaks first', async () => {
    const { client, network } = start();
    network.last.welcome();
    const ping = client.ping();
    network.last.drop();
    await assert.rejects(ping, { code: 'disconnected' });
  });
});
