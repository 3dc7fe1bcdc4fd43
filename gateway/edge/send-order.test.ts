import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../protocol/commands.ts';
import { jsonCodec } from '../../protocol/json.ts';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import { silentCounts } from '../hub/counts.ts';
import { TopicHub } from '../hub/topic-hub.ts';
import { silentLogger } from '../logger.ts';
import { edgeSettings, hubSettings } from '../settings/declaration.ts';
import { silentEdgeCounts } from './counts.ts';
import { Edge } from './edge.ts';
import type { SocketOwner } from './socket.ts';
import { openAuthenticator } from './testing/edge-fixture.ts';
import { FakeSocket, pongOf } from './testing/fake-socket.ts';
import { FakeStream } from './testing/fake-stream.ts';

const PONG_EVERY_MS = 1_000;

/** A client whose writes are noted beside those of all others. */
class Peer extends FakeSocket {
  readonly name: string;
  readonly #order: string[];
  #owner: SocketOwner | undefined;

  constructor(name: string, order: string[]) {
    super();
    this.name = name;
    this.#order = order;
  }

  hear(owner: SocketOwner): void {
    this.#owner = owner;
  }

  override write(frames: Uint8Array): void {
    super.write(frames);
    this.#order.push(this.name);
  }

  async say(command: Command): Promise<void> {
    this.#owner?.onMessage(jsonCodec.encodeCommand(command), false);
    await turn();
  }

  pong(): void {
    this.#owner?.onPong(pongOf(this.pings.at(-1) ?? 0));
  }
}

class Scene {
  readonly clock = new ManualClock();
  readonly stream = new FakeStream();
  readonly order: string[] = [];
  readonly peers: readonly Peer[];
  readonly #edge: Edge;

  constructor(names: readonly string[]) {
    const { clock, stream } = this;
    const random = () => 0.5;
    const hub = new TopicHub({
      ...{ stream, clock, random, counts: silentCounts },
      settings: hubSettings.parse({}),
      page: { entries: 100, bytes: 100_000 },
    });
    this.#edge = new Edge({
      ...{ hub, stream, clock, random, counts: silentEdgeCounts, logger: silentLogger },
      ...{ settings: edgeSettings.parse({}), retentionS: 3_600, allowedOrigins: [], pod: 'p' },
      resendWindowMs: 100_000,
      authenticator: openAuthenticator,
    });
    stream.listen((event) => hub.onStream(event));
    this.peers = names.map((name) => new Peer(name, this.order));
  }

  async open(): Promise<this> {
    for (const peer of this.peers) {
      const rest = { subprotocol: undefined, loopback: true, token: undefined, plain: undefined };
      this.#edge.admit({ socket: peer, ...rest }, (owner) => peer.hear(owner));
      await peer.say({ type: 'hello' });
      await peer.say({ type: 'sub', id: 1, topics: [{ topic: 'a' }] });
    }
    return this;
  }

  /** Time passes in which only some answer their pings. */
  async pass(ms: number, answering: readonly Peer[]): Promise<void> {
    for (let passed = 0; passed < ms; passed += PONG_EVERY_MS) {
      await this.clock.advance(PONG_EVERY_MS);
      for (const peer of answering) peer.pong();
    }
  }

  /** In which order everybody is written one message. */
  async published(): Promise<string[]> {
    this.order.length = 0;
    const data = { encoding: 'json', bytes: Buffer.from('1') } as const;
    await this.stream.publish({ topic: 'a', data, identity: '', ack: 'leader' });
    await turn();
    return [...this.order];
  }

  get zombies(): number {
    return this.#edge.status().healths.zombie ?? 0;
  }
}

describe('the order in which clients are written to', () => {
  it('puts those last that left a ping unanswered, until anything is heard of them', async () => {
    const scene = await new Scene(['lost', 'one', 'two']).open();
    const [lost, ...others] = scene.peers;
    assert.ok(lost !== undefined);
    assert.deepEqual(await scene.published(), ['lost', 'one', 'two']);
    await scene.pass(20_000, others);
    assert.equal(scene.zombies, 1);
    assert.deepEqual(await scene.published(), ['one', 'two', 'lost']);
    await lost.say({ type: 'ping', at: 1 });
    assert.equal(scene.zombies, 0);
    assert.deepEqual(await scene.published(), ['lost', 'one', 'two']);
  });

  it('leaves out nothing of what those get, in order', async () => {
    const scene = await new Scene(['lost', 'one']).open();
    const [lost, one] = scene.peers;
    assert.ok(lost !== undefined && one !== undefined);
    await scene.pass(20_000, [one]);
    const before = lost.written.length;
    for (let n = 0; n < 3; n += 1) await scene.published();
    const frames = lost.written.slice(before).map((bytes) => Buffer.from(bytes).toString());
    assert.deepEqual(
      frames.map((frame) => /"position":"[^:]*:(\d+)@/.exec(frame)?.[1]),
      ['1', '2', '3'],
    );
  });
});
