import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import * as limits from '../../protocol/limits.ts';
import { type EdgeFixture, startEdge } from './testing/edge-fixture.ts';
import type { FakeStream } from './testing/fake-stream.ts';
import { encodeFrame, RawPeer, type UpgradeOptions, upgradeRequest } from './testing/raw-peer.ts';
import { TestClient } from './testing/test-client.ts';

const FRAME_BYTES = 16_384;
/** In which the bytes of one message may come. */
const MOST_CHUNKS = 16_384;
const settings = { frameBytes: FRAME_BYTES, helloTimeoutMs: 400, maxTopics: 20 };

describe('hostile peers', () => {
  let fixture: EdgeFixture<FakeStream>;
  let neighbour: TestClient;
  before(async () => {
    fixture = await startEdge({ settings });
    neighbour = await TestClient.ready(fixture.port);
    neighbour.send({ type: 'sub', id: 1, topics: ['calm'] });
    await neighbour.heard('subbed');
  });
  after(() => fixture.stop());

  /** Whatever a peer did, another client is served as before. */
  async function neighbourIsServed(): Promise<void> {
    const before = neighbour.of('msg').length;
    neighbour.send({ type: 'pub', id: before + 2, topic: 'calm', data: before });
    await neighbour.heard('msg', before + 1);
  }

  async function welcomed(options: UpgradeOptions = {}): Promise<RawPeer> {
    const peer = await RawPeer.upgraded(fixture.port, options);
    peer.say({ type: 'hello' });
    await until(() => peer.events.length === 1, { for: 'a welcome' });
    return peer;
  }

  it('closes with 1009 at one byte over the limit, and serves a frame at it', async () => {
    const pad = (total: number) => {
      const frame = JSON.stringify({ type: 'ping', at: 1, pad: '' });
      return JSON.stringify({ type: 'ping', at: 1, pad: 'x'.repeat(total - frame.length) });
    };
    const peer = await welcomed();
    peer.send({ opcode: 1, payload: pad(FRAME_BYTES) });
    await until(() => peer.events.some(({ type }) => type === 'pong'), { for: 'a pong' });
    peer.send({ opcode: 1, payload: pad(FRAME_BYTES + 1) });
    assert.equal(await peer.closeCode(), 1009);
    assert.equal(fixture.counted.get('violation:1009'), 1);
    peer.socket.destroy();
    await neighbourIsServed();
  });

  it('closes with 1009 when the pieces of a message are too large together', async () => {
    const peer = await welcomed();
    peer.send({ opcode: 1, payload: 'x'.repeat(FRAME_BYTES - 1_000), fin: false });
    peer.send({ opcode: 0, payload: 'x'.repeat(FRAME_BYTES - 1_000), fin: false });
    assert.equal(await peer.closeCode(), 1009);
    peer.socket.destroy();
  });

  it('cuts a message of too many pieces', async () => {
    const peer = await welcomed();
    peer.send({ opcode: 1, payload: '', fin: false });
    const piece = encodeFrame({ opcode: 0, payload: 'x', fin: false });
    peer.socket.write(Buffer.concat(Array.from({ length: 1_100 }, () => piece)));
    assert.equal(await peer.closeCode(), 1008);
    peer.socket.destroy();
    await neighbourIsServed();
  });

  const broken = [
    ['invalid UTF-8', { opcode: 1, payload: Buffer.from([0xc3, 0x28]) }, 1007],
    ['a frame without a mask', { opcode: 1, payload: '{}', mask: false }, 1002],
    ['a reserved bit', { opcode: 1, payload: '{}', reserved: 4 }, 1002],
    ['an unknown opcode', { opcode: 3, payload: '{}' }, 1002],
    ['a continuation of nothing', { opcode: 0, payload: '{}' }, 1002],
    ['a ping of 126 bytes', { opcode: 9, payload: 'x'.repeat(126) }, 1002],
    ['a ping in pieces', { opcode: 9, payload: '', fin: false }, 1002],
    ['a close code that none may send', { opcode: 8, payload: Buffer.from([0x03, 0xed]) }, 1002],
    ['a binary frame where text was agreed', { opcode: 2, payload: '{}' }, 1003],
  ] as const;
  for (const [name, frame, code] of broken) {
    it(`closes with ${code} for ${name}`, async () => {
      const peer = await welcomed();
      peer.send(frame);
      assert.equal(await peer.closeCode(), code);
      peer.socket.destroy();
      await neighbourIsServed();
    });
  }

  it('ends the socket of a peer that breaks the rules and does not leave', async () => {
    const connections = (count: number) =>
      until(() => fixture.edge.status().connections === count, {
        for: `${count} connections`,
        deadlineMs: 8_000,
      });
    await connections(1);
    const peer = await welcomed({ stubborn: true });
    peer.send({ opcode: 3 });
    assert.equal(await peer.closeCode(), 1002);
    const began = performance.now();
    await connections(1);
    assert.ok(performance.now() - began > 1_000, 'it was given time to close');
    peer.socket.destroy();
  });

  it('answers frames that are no commands, and closes after a bounded number', async () => {
    const peer = await welcomed();
    const frames = ['', '{', 'null', '[]', '"x"', '{"type":1}', '{"type":"sub"}', '[[[[', '1e400'];
    for (const payload of [...frames, ...frames]) peer.send({ opcode: 1, payload });
    assert.equal(await peer.closeCode(), 4502);
    const codes = peer.events.slice(1).map(({ code }) => code);
    assert.equal(codes.length, 16);
    assert.ok(codes.every((code) => code === 'bad_frame' || code === 'bad_request'));
    peer.socket.destroy();
  });

  it('answers unknown commands and wrong topics without ever closing', async () => {
    const peer = await welcomed();
    for (let id = 1; id <= 40; id += 1) peer.say({ type: 'dance', id });
    for (let id = 41; id <= 80; id += 1) peer.say({ type: 'sub', id, topics: ['\u0000'] });
    peer.say({ type: 'ping', at: 5 });
    await until(() => peer.events.at(-1)?.type === 'pong', { for: 'the pong' });
    assert.equal(peer.events.filter(({ code }) => code === 'unknown_command').length, 40);
    assert.equal(peer.events.filter(({ code }) => code === 'bad_topic').length, 40);
    peer.socket.destroy();
  });

  it('survives JSON abuse', async () => {
    const peer = await welcomed();
    const abuse = [
      `{"type":"pub","id":1,"topic":"x","data":${'['.repeat(2_000)}`,
      '{"type":"ping","at":1e400}',
      '{"type":"ping","__proto__":{"polluted":1},"at":1}',
      '{"type":"ping","at":1,"at":2}',
      '{"type":"pub","id":2,"topic":"\\ud800","data":1}',
    ];
    for (const payload of abuse) peer.send({ opcode: 1, payload });
    await until(() => peer.events.length >= 6, { for: 'an answer to each' });
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    peer.socket.destroy();
    await neighbourIsServed();
  });

  it('closes a client that says no hello, and one that says something else', async () => {
    const silent = await RawPeer.upgraded(fixture.port);
    const other = await RawPeer.upgraded(fixture.port);
    for (let id = 1; id <= 20; id += 1) other.say({ type: 'sub', id, topics: ['a'] });
    assert.equal(await other.closeCode(), 4502);
    assert.equal(other.events[0]?.code, 'hello_first');
    assert.equal(await silent.closeCode(), 4004);
    silent.socket.destroy();
    other.socket.destroy();
  });

  it('ends a peer that never finishes its headers', async () => {
    const slow = connect(fixture.port, '127.0.0.1');
    let ended = false;
    slow.on('close', () => {
      ended = true;
    });
    slow.on('error', () => {});
    slow.resume();
    const request = upgradeRequest(fixture.port, []);
    for (let at = 0; at < request.length && !ended; at += 1) {
      slow.write(request[at] ?? '');
      await until(() => true, { for: 'a turn' });
      if (at > 60) break;
    }
    await until(() => ended, { for: 'the end of a slow handshake', deadlineMs: 3_000 });
    await neighbourIsServed();
  });

  it('answers headers that are too many or too long with 431', async () => {
    const peer = new RawPeer(fixture.port);
    const headers = Array.from({ length: 2_100 }, (_, n) => `x-${n}: ${n}`);
    peer.socket.write(upgradeRequest(fixture.port, headers));
    await until(() => peer.text.startsWith('HTTP/1.1 431'), { for: 'a refusal' });
    peer.socket.destroy();
  });

  it('is not moved by garbage in the subprotocol header', async () => {
    const served = await RawPeer.upgraded(fixture.port, {
      headers: ['Sec-WebSocket-Protocol: foo, bar.baz'],
    });
    served.say({ type: 'hello' });
    await until(() => served.events.length === 1, { for: 'JSON, the default' });
    served.socket.destroy();
    for (const garbage of ['a,,b', 'a, a', 'a b', '"', `${'x'.repeat(2_000)},`, '\u0001']) {
      const peer = new RawPeer(fixture.port);
      peer.socket.write(upgradeRequest(fixture.port, [`Sec-WebSocket-Protocol: ${garbage}`]));
      await until(() => peer.text.startsWith('HTTP/1.1 400'), { for: `a refusal of ${garbage}` });
      peer.socket.destroy();
    }
  });

  it('slows a flood of commands down to the agreed rate and loses none', async () => {
    const peer = await welcomed();
    const began = performance.now();
    const count = 700;
    for (let at = 1; at <= count; at += 1) peer.say({ type: 'ping', at });
    await until(() => peer.events.length >= 500, { for: 'pongs' });
    assert.ok(!peer.ended);
    await until(() => peer.events.length === count + 1, { for: 'all pongs' });
    const seconds = (performance.now() - began) / 1_000;
    assert.ok(seconds > 1.2, `700 frames with a burst of 400 and 200/s took ${seconds} s`);
    assert.ok((fixture.counted.get('limited:connection') ?? 0) > 0);
    peer.socket.destroy();
    await neighbourIsServed();
  });

  it('ends floods of tiny frames and of pings', async () => {
    const tiny = await welcomed();
    const empty = encodeFrame({ opcode: 1, payload: '7' });
    tiny.socket.write(Buffer.concat(Array.from({ length: 9_000 }, () => empty)));
    assert.ok([4502, 4006].includes(await tiny.closeCode()));
    const pings = await welcomed();
    const ping = encodeFrame({ opcode: 9, payload: '' });
    pings.socket.write(Buffer.concat(Array.from({ length: 40_000 }, () => ping)));
    assert.equal(await pings.closeCode(), 4006);
    const answered = pings.frames.filter(({ opcode }) => opcode === 10).length;
    assert.ok(answered <= 440, `${answered} pongs`);
    tiny.socket.destroy();
    pings.socket.destroy();
    await neighbourIsServed();
  });

  it('answers a subscribe flood with the limit and makes it pay by topics', async () => {
    const peer = await welcomed();
    for (let id = 1; id <= 20; id += 1) {
      const topics = Array.from({ length: 200 }, (_, n) => `flood-${id}-${n}`);
      peer.say({ type: 'sub', id, topics });
    }
    await until(() => peer.events.length > 40, { for: 'answers' });
    const refused = peer.events.flatMap((event) =>
      'topics' in event ? (event.topics as { error?: string }[]) : [],
    );
    assert.ok(refused.some(({ error }) => error === 'too_many_topics'));
    assert.ok(fixture.hub.state.topics <= 30);
    peer.socket.destroy();
    await neighbourIsServed();
  });

  it('leaves nothing behind', async () => {
    await until(() => fixture.edge.status().connections === 1, {
      for: 'the neighbour alone',
      deadlineMs: 8_000,
    });
    assert.deepEqual(fixture.edge.status().states, { open: 1 });
  });
});

describe('large frames', () => {
  let fixture: EdgeFixture<FakeStream>;
  before(async () => {
    fixture = await startEdge({ settings: { messagesPerSecond: 1_000, messagesBurst: 20 } });
  });
  after(() => fixture.stop());

  const hello = (bytes: number) => {
    const frame = { type: 'hello', pad: '' };
    frame.pad = 'x'.repeat(bytes - JSON.stringify(frame).length);
    return frame;
  };

  it('may be no larger than a hello before it', async () => {
    const fitting = await RawPeer.upgraded(fixture.port);
    fitting.say(hello(limits.helloBytes));
    await until(() => fitting.events.length === 1, { for: 'a welcome' });
    fitting.say(hello(limits.helloBytes + 1));
    await until(() => fitting.events.length === 2, { for: 'an answer, not a close' });
    const larger = await RawPeer.upgraded(fixture.port);
    larger.say(hello(limits.helloBytes + 1));
    assert.equal(await larger.closeCode(), 1009);
    assert.deepEqual(larger.frames.length, 1, 'it was not even decoded');
    fitting.socket.destroy();
    larger.socket.destroy();
  });

  it('are charged by their bytes', async () => {
    const limited = () => fixture.counted.get('limited:connection') ?? 0;
    const peer = await RawPeer.upgraded(fixture.port);
    peer.say({ type: 'hello' });
    for (let id = 1; id <= 10; id += 1) peer.say({ type: 'ping', at: id });
    await until(() => peer.events.length === 11, { for: 'pongs' });
    assert.equal(limited(), 0, 'small ones are not');
    peer.say({ type: 'ping', at: 11, pad: 'x'.repeat(400_000) });
    await until(() => peer.events.length === 12, { for: 'the last pong' });
    assert.equal(limited(), 1);
    peer.socket.destroy();
  });

  it('are charged by the topics that they name', async () => {
    // Far more than is earned while they are read.
    const topics = Array.from({ length: 1_000 }, (_, n) => `t${n}`);
    const before = fixture.counted.get('limited:connection') ?? 0;
    for (const [at, type] of ['sub', 'unsub'].entries()) {
      const peer = await RawPeer.upgraded(fixture.port);
      peer.say({ type: 'hello' });
      peer.say({ type, id: 1, topics });
      await until(() => peer.events.length >= 2, { for: 'an answer' });
      assert.equal(fixture.counted.get('limited:connection'), before + at + 1, type);
      peer.socket.destroy();
    }
  });

  it('may not come in as many chunks as they have bytes', async () => {
    const peer = await RawPeer.upgraded(fixture.port);
    peer.socket.setNoDelay(true);
    // Without it the deadline of hello may come first.
    peer.say({ type: 'hello' });
    await until(() => peer.events.length === 1, { for: 'the welcome' });
    const frame = encodeFrame({ opcode: 1, payload: ' '.repeat(4 * MOST_CHUNKS) });
    const refused = () => peer.frames.some(({ opcode }) => opcode === 8);
    let sent = 0;
    // One byte a turn: each is read by itself, since both ends live in this process.
    while (sent < frame.length && !refused()) {
      peer.socket.write(frame.subarray(sent, sent + 1));
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await peer.closeCode(), 1008);
    assert.ok(sent > MOST_CHUNKS, `after ${sent} bytes`);
    peer.socket.destroy();
  });

  it('of an unknown kind end a peer that has not said hello', async () => {
    const peer = await RawPeer.upgraded(fixture.port);
    for (let id = 1; id <= 20; id += 1) peer.say({ type: 'dance', id });
    assert.equal(await peer.closeCode(), 4502);
    peer.socket.destroy();
  });
});

describe('a message that never ends', () => {
  const intervals = { heartbeatMs: 200, pongTimeoutMs: 100, missedPings: 10 };
  let fixture: EdgeFixture<FakeStream>;
  before(async () => {
    fixture = await startEdge({ settings: { ...intervals, messageTimeoutMs: 800 } });
  });
  after(() => fixture.stop());

  async function welcomed(): Promise<RawPeer> {
    const peer = await RawPeer.upgraded(fixture.port);
    peer.say({ type: 'hello' });
    await until(() => peer.events.length === 1, { for: 'a welcome' });
    return peer;
  }

  /** Sends one thing after the other until the gateway has had enough. */
  async function untilClosed(peer: RawPeer, send: () => void): Promise<number> {
    const timer = setInterval(send, 20);
    try {
      return await peer.closeCode();
    } finally {
      clearInterval(timer);
      peer.socket.destroy();
    }
  }

  it('is cut at its deadline, although pieces and pongs keep coming', async () => {
    const peer = await welcomed();
    peer.send({ opcode: 1, payload: '{', fin: false });
    const code = await untilClosed(peer, () => {
      peer.send({ opcode: 0, payload: ' ', fin: false });
      peer.send({ opcode: 10 });
    });
    assert.equal(code, 4008);
  });

  it('is cut when its only frame trickles', async () => {
    const peer = await welcomed();
    const frame = encodeFrame({ opcode: 1, payload: 'x'.repeat(10_000) });
    let sent = 0;
    const code = await untilClosed(peer, () => {
      peer.socket.write(frame.subarray(sent, sent + 1));
      sent += 1;
    });
    assert.equal(code, 4008);
  });

  it('is not what a client sends in pieces, one message after the other', async () => {
    const peer = await welcomed();
    const [first, last] = ['{"type":"ping",', '"at":1}'];
    for (let n = 0; n < 8; n += 1) {
      peer.send({ opcode: 1, payload: first, fin: false });
      const pings = peer.frames.filter(({ opcode }) => opcode === 9).length;
      await until(() => peer.frames.filter(({ opcode }) => opcode === 9).length > pings, {
        for: 'a heartbeat in the midst of the message',
      });
      peer.send({ opcode: 10 });
      peer.send({ opcode: 0, payload: last });
    }
    const pongs = () => peer.events.filter(({ type }) => type === 'pong').length;
    await until(() => pongs() === 8, { for: 'all answers' });
    peer.socket.destroy();
  });
});
