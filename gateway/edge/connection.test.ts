import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closeCodes } from '../../protocol/codes.ts';
import type { Command } from '../../protocol/commands.ts';
import type { ServerEvent } from '../../protocol/events.ts';
import { jsonCodec } from '../../protocol/json.ts';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import { silentCounts } from '../hub/counts.ts';
import { TopicHub } from '../hub/topic-hub.ts';
import { silentLogger } from '../logger.ts';
import { edgeSettings, hubSettings } from '../settings/declaration.ts';
import { execute } from './commands.ts';
import { Connection } from './connection.ts';
import { type EdgeParts, newContext } from './context.ts';
import { silentEdgeCounts } from './counts.ts';
import { encodingOf } from './encoding.ts';
import type { Authenticator } from './identity.ts';
import { notify } from './notices.ts';
import { everything } from './testing/edge-fixture.ts';
import { FakeSocket, pongOf } from './testing/fake-socket.ts';
import { FakeStream } from './testing/fake-stream.ts';
import { framesOf } from './testing/raw-peer.ts';

const authenticator: Authenticator = {
  configured: false,
  token: async (jwt) => ({ ok: true, identity: { ...everything, name: jwt } }),
  apiKey: () => ({ ok: false, code: 'unauthenticated', detail: 'none' }),
  anonymous: () => ({ ok: true, identity: everything }),
};

/** One connection on a clock that the test moves and a socket that the test plays. */
class Scene {
  readonly clock = new ManualClock();
  readonly stream = new FakeStream();
  readonly socket = new FakeSocket();
  readonly connection: Connection;
  readonly states: string[] = [];
  readonly closed: number[] = [];
  readonly slow: string[] = [];
  gone = 0;

  constructor(options: { loopback?: boolean; parts?: Partial<EdgeParts> } = {}) {
    const { clock, stream, socket } = this;
    const random = () => 0.5;
    const hub = new TopicHub({
      ...{ stream, clock, random, counts: silentCounts },
      settings: hubSettings.parse({}),
      page: { entries: 100, bytes: 100_000 },
    });
    const counts = {
      ...silentEdgeCounts,
      state: (_: unknown, to: string) => this.states.push(to),
      closed: (code: number) => this.closed.push(code),
      slow: (what: string) => this.slow.push(what),
    };
    const context = newContext({
      ...{ hub, stream, clock, random, authenticator, counts, logger: silentLogger },
      ...{ settings: edgeSettings.parse({}), retentionS: 3_600, allowedOrigins: [], pod: 'p' },
      resendWindowMs: 100_000,
      ...options.parts,
    });
    stream.listen((event) => hub.onStream(event));
    stream.listen((event) => {
      if (event.type === 'confirmed') context.second = event.second;
    });
    const encoding = encodingOf(undefined);
    const loopback = options.loopback ?? true;
    const arrival = { socket, serial: 7, encoding, loopback, token: undefined, plain: false };
    this.connection = new Connection(arrival, context, {
      onCommand: (connection, command) => execute(connection, context, command),
      onNotice: (connection, notice) => notify(connection, context, notice),
      onGone: () => {
        this.gone += 1;
      },
    });
  }

  async say(command: Command): Promise<void> {
    this.connection.onMessage(jsonCodec.encodeCommand(command), false);
    await turn();
  }

  async open(): Promise<this> {
    await this.say({ type: 'hello' });
    return this;
  }

  /** Everything that was written, decoded. */
  get events(): ServerEvent[] {
    return framesOf(Buffer.concat(this.socket.written)).map(({ payload }) => {
      const decoded = jsonCodec.decodeEvent(payload);
      if (!decoded.ok) throw new Error(`not an event: ${payload}`);
      return decoded.value;
    });
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** Answers every ping for a while. */
  async live(ms: number, step = 1_000): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      await this.clock.advance(step);
      const last = this.socket.pings.at(-1);
      if (last !== undefined) this.connection.onPong(pongOf(last));
    }
  }
}

/** The longest time without a frame, of a client that asks for one so long after each tick. */
async function longestSilence(duration: number, askAfter: number) {
  const scene = await new Scene().open();
  let [ticks, askAt, heardAt, longest] = [0, Number.NaN, 0, 0];
  for (let at = 100; at <= duration; at += 100) {
    const { length } = scene.socket.written;
    await scene.live(100, 100);
    if (at === askAt) await scene.say({ type: 'ping', at });
    if (scene.socket.written.length > length) {
      longest = Math.max(longest, at - heardAt);
      heardAt = at;
    }
    const now = scene.types.filter((type) => type === 'tick').length;
    if (now > ticks) askAt = at + askAfter;
    ticks = now;
  }
  return { longest, ticks };
}

/** A connection that is not read from: as many of its publishes as may be wait for the stream. */
async function unread(): Promise<Scene> {
  const scene = await new Scene().open();
  scene.stream.holding = true;
  const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
  const { publishesInFlight } = edgeSettings.parse({});
  for (let id = 1; id <= publishesInFlight; id += 1) {
    await scene.say({ type: 'pub', id, topic: 'a', data });
  }
  assert.equal(scene.socket.paused, true);
  return scene;
}

describe('the states of a connection', () => {
  it('go from opening over open and draining to closed', async () => {
    const scene = new Scene();
    assert.equal(scene.connection.state, 'opening');
    await scene.open();
    assert.equal(scene.connection.state, 'open');
    scene.connection.close(closeCodes.drain);
    assert.equal(scene.connection.state, 'draining');
    assert.equal(scene.socket.closedWith, 4000);
    scene.connection.onClose(4000);
    scene.connection.onClose(1006);
    assert.deepEqual(scene.states, ['opening', 'open', 'draining', 'closed']);
    assert.deepEqual(scene.closed, [4000]);
    assert.equal(scene.gone, 1);
    await scene.clock.advance(100_000);
    assert.equal(scene.clock.timers, 0, 'nothing is left of it');
  });

  it('go straight to closed when the peer leaves', async () => {
    const early = new Scene();
    early.connection.onClose(1001);
    assert.deepEqual(early.states, ['opening', 'closed']);
    const open = await new Scene().open();
    open.connection.onClose(1006);
    assert.deepEqual(open.states, ['opening', 'open', 'closed']);
    assert.deepEqual(open.closed, [1006]);
  });

  it('end in bounded time whatever the peer does', async () => {
    const scene = await new Scene().open();
    scene.connection.close(closeCodes.drain);
    await scene.clock.advance(2_900);
    assert.equal(scene.socket.terminated, false);
    await scene.clock.advance(200);
    assert.equal(scene.socket.terminated, true);
  });

  it('do not open after the hello deadline', async () => {
    const scene = new Scene();
    await scene.clock.advance(4_900);
    assert.equal(scene.socket.closedWith, undefined);
    await scene.clock.advance(200);
    assert.equal(scene.socket.closedWith, 4004);
    await scene.open();
    assert.equal(scene.connection.state, 'draining', 'a late hello changes nothing');
  });

  it('do not open when who it is cannot be found out in time', async () => {
    const stuck = { ...authenticator, token: () => new Promise<never>(() => {}) };
    const scene = new Scene({ parts: { authenticator: stuck } });
    await scene.say({ type: 'hello', token: 'x' });
    await scene.clock.advance(5_100);
    assert.equal(scene.socket.closedWith, 1013);
  });

  it('turn to closing with 1011 when something fails that must not', async () => {
    const broken = {
      ...authenticator,
      anonymous: () => {
        throw new Error('a mistake of ours');
      },
    };
    const logged: object[] = [];
    const logger = { ...silentLogger, error: (fields: object) => logged.push(fields) };
    const scene = new Scene({ parts: { authenticator: broken, logger } });
    await scene.open();
    assert.equal(scene.socket.closedWith, 1011);
    const causes = logged.map((fields) => ('error' in fields ? String(fields.error) : 'none'));
    assert.deepEqual(causes, ['Error: a mistake of ours']);
  });

  it('end once when answers pile up unread, however many more there would be', async () => {
    const scene = await new Scene().open();
    scene.stream.holding = true;
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    for (let id = 1; id <= 3; id += 1) await scene.say({ type: 'pub', id, topic: 'a', data });
    const { outboxBytes } = edgeSettings.parse({});
    scene.socket.buffered = outboxBytes;
    const text = 'x'.repeat(1_000);
    for (let bytes = 0; bytes <= 2 * outboxBytes; bytes += text.length) {
      scene.connection.fail('internal', text);
    }
    scene.stream.release();
    await turn();
    assert.equal(scene.socket.terminated, true);
    assert.deepEqual(scene.slow, ['began', 'closed']);
    scene.connection.onClose(1006);
    assert.deepEqual(scene.closed, [4003]);
  });

  it('end when more waits to be handled than one read of the socket brings', async () => {
    const [flood, large] = [await unread(), await unread()];
    const frame = Buffer.alloc(16 * 1024, ' ');
    // The newest is not counted: alone it may be larger than a read.
    for (let bytes = 0; bytes <= 128 * 1024; bytes += frame.length) {
      flood.connection.onMessage(frame, false);
    }
    assert.equal(flood.socket.closedWith, undefined);
    flood.connection.onMessage(frame, false);
    assert.equal(flood.socket.closedWith, 4006);
    large.connection.onMessage(Buffer.alloc(1024 * 1024, ' '), false);
    assert.equal(large.socket.closedWith, undefined);
    const tiny = await unread();
    for (let frames = 0; frames < 2_048; frames += 1) {
      tiny.connection.onMessage(jsonCodec.encodeCommand({ type: 'ping', at: 1 }), false);
    }
    assert.equal(tiny.socket.closedWith, undefined);
    tiny.connection.onMessage(jsonCodec.encodeCommand({ type: 'ping', at: 1 }), false);
    assert.equal(tiny.socket.closedWith, 4006);
  });

  it('answer hello once', async () => {
    const scene = await new Scene().open();
    await scene.say({ type: 'hello', id: 7 });
    assert.deepEqual(scene.types, ['welcome', 'err']);
    assert.equal(scene.connection.state, 'open');
  });
});

describe('leaving', () => {
  it('waits for publishes in flight, and not longer than it may', async () => {
    const scene = await new Scene().open();
    scene.stream.holding = true;
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    await scene.say({ type: 'pub', id: 1, topic: 'a', data });
    scene.connection.leave(closeCodes.drain);
    assert.equal(scene.socket.closedWith, undefined);
    await scene.say({ type: 'ping', at: 1 });
    assert.deepEqual(scene.types, ['welcome'], 'nothing new is begun');
    await scene.clock.advance(6_100);
    assert.equal(scene.socket.closedWith, 4000);
  });

  it('answers them before it closes', async () => {
    const scene = await new Scene().open();
    scene.stream.holding = true;
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    await scene.say({ type: 'pub', id: 1, topic: 'a', data });
    scene.connection.leave(closeCodes.cutOff);
    scene.stream.release();
    await turn();
    assert.deepEqual(scene.types, ['welcome', 'acked']);
    assert.equal(scene.socket.closedWith, 4001);
  });

  it('has the last messages proved and their cursor saved before it closes', async () => {
    const scene = new Scene();
    await scene.say({ type: 'hello', session: 's' });
    await scene.say({ type: 'sub', id: 2, topics: [{ topic: 'a' }] });
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    await scene.say({ type: 'pub', id: 1, topic: 'a', data });
    assert.equal(scene.types.at(-1), 'acked');
    scene.connection.leave(closeCodes.drain);
    assert.equal(scene.socket.closedWith, undefined, 'its marker is not answered');
    const marker = scene.socket.pings.at(-1);
    assert.ok(marker);
    scene.connection.onPong(pongOf(marker));
    await scene.clock.advance(2_000);
    assert.equal(scene.stream.saved.at(-1)?.changed.get('a')?.seq, 1);
    assert.equal(scene.socket.closedWith, 4000);
  });

  it('has what was written behind a marker under way proved by one more', async () => {
    const scene = new Scene();
    const { markerMs } = edgeSettings.parse({});
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    const savedSeq = () => scene.stream.saved.at(-1)?.changed.get('a')?.seq;
    await scene.say({ type: 'hello', session: 's' });
    await scene.say({ type: 'sub', id: 1, topics: [{ topic: 'a' }] });
    await scene.say({ type: 'pub', id: 2, topic: 'a', data });
    await scene.clock.advance(markerMs);
    assert.equal(scene.socket.pings.length, 1);
    await scene.say({ type: 'pub', id: 3, topic: 'a', data });
    scene.connection.leave(closeCodes.drain);
    const [first = 0, last = 0, ...more] = scene.socket.pings;
    assert.deepEqual(more, []);
    scene.connection.onPong(pongOf(first));
    await scene.clock.advance(markerMs);
    assert.equal(savedSeq(), 1);
    assert.equal(scene.socket.closedWith, undefined, 'the second message is not proved');
    scene.connection.onPong(pongOf(last));
    await scene.clock.advance(markerMs);
    assert.equal(savedSeq(), 2);
    assert.equal(scene.socket.closedWith, 4000);
  });
});

describe('the deadlines of a connection', () => {
  it('ping every interval at its phase, and end a silent peer after three', async () => {
    const scene = await new Scene().open();
    await scene.clock.advance(7_600);
    assert.equal(scene.socket.pings.length, 1);
    await scene.clock.advance(30_000);
    assert.equal(scene.socket.pings.length, 3);
    assert.equal(scene.connection.health, 'zombie');
    await scene.clock.advance(9_000);
    assert.equal(scene.socket.terminated, false);
    await scene.clock.advance(1_100);
    assert.equal(scene.socket.terminated, true, '7.5 + 30 + 10 seconds after the start');
    assert.equal(scene.connection.health, 'ghost');
    scene.connection.onClose(1006);
    assert.deepEqual(scene.closed, [4005]);
  });

  it('do not blame a peer for the time in which this process stood still', async () => {
    const scene = await new Scene().open();
    await scene.live(20_000);
    scene.clock.pass(600_000);
    await scene.clock.advance(0);
    assert.equal(scene.socket.terminated, false);
    await scene.live(60_000);
    assert.notEqual(scene.connection.health, 'ghost');
    assert.equal(scene.socket.terminated, false);
  });

  it('close a peer that never completes a message, whatever else it sends', async () => {
    const scene = await new Scene().open();
    const { heartbeatMs, messageTimeoutMs } = edgeSettings.parse({});
    scene.socket.receiving = true;
    await scene.live(messageTimeoutMs);
    assert.equal(scene.socket.closedWith, undefined);
    await scene.live(heartbeatMs);
    assert.equal(scene.socket.closedWith, 4008);
  });

  it('bound each message by itself', async () => {
    const scene = await new Scene().open();
    scene.socket.receiving = true;
    for (let n = 0; n < 8; n += 1) {
      await scene.live(20_000);
      await scene.say({ type: 'ping', at: n });
    }
    assert.equal(scene.socket.closedWith, undefined);
    scene.socket.receiving = false;
    await scene.live(120_000);
    assert.equal(scene.socket.closedWith, undefined);
  });

  it('do not count the time in which a message waits for us', async () => {
    const scene = await unread();
    scene.socket.receiving = true;
    await scene.live(120_000);
    assert.equal(scene.socket.closedWith, undefined);
    scene.stream.release();
    await scene.live(60_000);
    assert.equal(scene.socket.closedWith, 4008);
  });

  it('let something visible come at least every interval, whenever the last came', async () => {
    const { heartbeatMs } = edgeSettings.parse({});
    // Idle, and with an answer at each part of the interval.
    for (const after of [Number.NaN, 100, 5_000, 7_400, 7_600, 14_900]) {
      const { longest, ticks } = await longestSilence(10 * heartbeatMs, after);
      assert.ok(longest <= heartbeatMs + 100, `${after}: silent for ${longest} ms`);
      assert.ok(ticks >= 5 && ticks <= 20, `${after}: ${ticks} ticks in ten intervals`);
    }
  });

  it('send fresh positions of quiet topics every quarter of the retention', async () => {
    const scene = await new Scene().open();
    await scene.say({ type: 'sub', id: 1, topics: [{ topic: 'a' }] });
    await turn();
    scene.stream.tell({ type: 'confirmed', second: 5_000 });
    let at = 0;
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    // Another topic keeps it busy, so that no tick is due as a sign of life.
    await scene.say({ type: 'sub', id: 2, topics: [{ topic: 'b' }] });
    while (at < 900_000) {
      await scene.live(5_000);
      at += 5_000;
      await scene.say({ type: 'pub', id: at, topic: 'b', data });
    }
    await scene.live(10_000);
    const ticks = scene.events.filter((event) => event.type === 'tick');
    assert.equal(ticks.length, 1);
    assert.deepEqual(
      ticks[0]?.positions.map(({ topic, position }) => [topic, position.confirmed]),
      [['a', 5_000]],
    );
  });

  it('close a client whose token ended and was not renewed', async () => {
    const expiresAt = new ManualClock().wall() + 60_000;
    const ending = {
      ...authenticator,
      anonymous: () => ({ ok: true, identity: { ...everything, expiresAt } }) as const,
    };
    const scene = new Scene({ parts: { authenticator: ending } });
    await scene.open();
    await scene.live(69_000);
    assert.equal(scene.socket.closedWith, undefined);
    await scene.live(2_000);
    assert.equal(scene.socket.closedWith, 4007);
  });
});

describe('the session of an anonymous client', () => {
  it('has the name that the client says on loopback where nobody else is let in', async () => {
    for (const [loopback, configured] of [
      [true, false],
      [false, false],
      [true, true],
      [false, true],
    ] as const) {
      const parts = { authenticator: { ...authenticator, configured } };
      const scene = new Scene({ loopback, parts });
      await scene.say({ type: 'hello', session: 'mine' });
      const [welcome] = scene.events;
      const name = welcome?.type === 'welcome' ? welcome.session : '';
      const kept = loopback && !configured;
      assert.match(name, kept ? /^mine$/ : /^[\w-]{22}$/);
      assert.equal(scene.connection.session !== undefined, kept);
    }
  });
});

describe('the log lines of a connection', () => {
  it('carry its id, and the client says once who it is', async () => {
    const lines: { connection?: string; message: string; client?: string }[] = [];
    const note = (fields: object, message: string) => {
      lines.push({ ...fields, message });
    };
    const scene = new Scene({ parts: { logger: { ...silentLogger, debug: note, error: note } } });
    await scene.say({ type: 'hello', client: 'my-app/1.0' });
    scene.connection.onMessage(Buffer.from('{'), false);
    scene.connection.broke(new Error('a mistake of ours'));
    scene.connection.onClose(1006);
    assert.deepEqual(
      lines.map(({ connection, client, message }) => [connection, client, message]),
      [
        ['p:7', 'my-app/1.0', 'a client was welcomed'],
        ['p:7', undefined, 'a request failed'],
        ['p:7', undefined, 'serving a connection failed'],
        ['p:7', undefined, 'a connection is gone'],
      ],
    );
  });
});
