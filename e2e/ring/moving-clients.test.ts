import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import { Gateway } from '../../gateway/gateway.ts';
import { silentLogger } from '../../gateway/logger.ts';
import { MemoryBoard } from '../../gateway/ring/memory-board.ts';
import type { SettingsInput } from '../../gateway/settings/declaration.ts';
import { settingsFrom } from '../../gateway/settings/load.ts';
import { MemoryStore } from '../../gateway/stream/memory/memory-store.ts';
import { sleep, systemClock } from '../../protocol/clock.ts';
import { until } from '../deadline.ts';

const shared = { clock: systemClock, random: Math.random, logger: silentLogger };
const CLIENTS = 40;
const TOPICS = ['room.1', 'room.2'];
/** Between two messages of a publisher. */
const PAUSE_MS = 2;

const settings: SettingsInput = {
  ring: { heartbeatMs: 200 },
  edge: { drainGraceMs: 1_000, drainDeadlineMs: 60_000 },
  placement: { podEndpoint: 'address' },
};

/** A client of the package, what it received in each topic, and whether anybody could notice. */
class Reader {
  readonly client: Client;
  readonly received = new Map<string, string[]>();
  readonly states: string[] = [];
  readonly gaps: unknown[] = [];
  readonly errors: string[] = [];
  readonly moves: { readonly reason: string; readonly to: string }[] = [];

  constructor(url: string) {
    this.client = new Client({ url });
    this.client.on('error', (error) => this.errors.push(`${error.code}: ${error.message}`));
    this.client.on('moved', ({ reason, to }) => this.moves.push({ reason, to }));
    for (const topic of TOPICS) {
      const subscription = this.client.subscribe<string>(topic);
      const received: string[] = [];
      this.received.set(topic, received);
      subscription.on('message', ({ data }) => received.push(data));
      subscription.on('gap', (gap) => this.gaps.push(gap));
    }
  }

  async ready(): Promise<this> {
    await this.client.connect();
    this.client.on('state', (change) => this.states.push(change.new));
    return this;
  }
}

/** Gateways of one process, their clients, and those who publish. */
class Cluster {
  readonly gateways = new Map<string, Gateway>();
  readonly readers: Reader[] = [];
  readonly publishers: Client[] = [];
  readonly #store = new MemoryStore({ ...shared, settings: settingsFrom({}).stream });
  readonly #board = new MemoryBoard(systemClock);

  #portOf(name: string): number {
    return this.gateways.get(name)?.address?.port ?? assert.fail(name);
  }

  #urlOf(name: string): string {
    return `ws://127.0.0.1:${this.#portOf(name)}/ws`;
  }

  async start(names: string, over: SettingsInput = {}): Promise<void> {
    for (const name of names) {
      const gateway = new Gateway(settingsFrom({ ...settings, ...over, port: 0, pod: name }), {
        ...{ ...shared, store: this.#store, board: this.#board },
      });
      await gateway.start();
      this.gateways.set(name, gateway);
    }
    const members = [...this.gateways.keys()].join();
    for (const name of this.gateways.keys()) {
      const ring = async () => {
        const answer = await fetch(`http://127.0.0.1:${this.#portOf(name)}/v1/ring`);
        const body = (await answer.json()) as { members: { id: string }[] };
        return body.members.map(({ id }) => id).join() === members;
      };
      await until(ring, { for: `${members} in a ring`, deadlineMs: 15_000 });
    }
  }

  /** They know this gateway alone. */
  async join(count: number, name: string): Promise<void> {
    const joined = Array.from({ length: count }, () => new Reader(this.#urlOf(name)).ready());
    this.readers.push(...(await Promise.all(joined)));
  }

  /** Publishes without a break, through a client that moves too, until it is told to end. */
  async #traffic(topic: string, client: Client, during: AbortSignal): Promise<string[]> {
    const sent: Promise<unknown>[] = [];
    const texts: string[] = [];
    while (!during.aborted) {
      texts.push(`${topic} ${texts.length}`);
      sent.push(client.publish(topic, texts.at(-1) ?? ''));
      await sleep(systemClock, PAUSE_MS);
    }
    await Promise.all(sent);
    return texts;
  }

  /** What happens in `step` is noticed by nobody; returns how many messages passed meanwhile. */
  async unnoticed(publishThrough: string, step: () => Promise<void>): Promise<number> {
    const ending = new AbortController();
    const through = TOPICS.map(() => new Client({ url: this.#urlOf(publishThrough) }));
    this.publishers.push(...through);
    await Promise.all(through.map((client) => client.connect()));
    const sending = TOPICS.map((topic, n) =>
      this.#traffic(topic, through[n] as Client, ending.signal),
    );
    try {
      await step();
    } finally {
      ending.abort();
    }
    const sent = await Promise.all(sending);
    for (const { received, states, gaps } of this.readers) {
      for (const [at, topic] of TOPICS.entries()) {
        const of = () => received.get(topic) ?? [];
        const last = sent[at]?.at(-1) ?? '';
        await until(() => of().includes(last), { for: `${last}`, deadlineMs: 15_000 });
        // In order, none missing, none twice.
        assert.deepEqual(of(), sent[at]);
        of().length = 0;
      }
      assert.deepEqual([states, gaps], [[], []]);
    }
    return sent.flat().length;
  }

  async stop(): Promise<void> {
    const clients = [...this.readers.map(({ client }) => client), ...this.publishers];
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all([...this.gateways.values()].map((gateway) => gateway.stop()));
  }
}

describe('clients of the package whose gateways come and go', () => {
  let cluster: Cluster;
  beforeEach(() => {
    cluster = new Cluster();
  });
  afterEach(() => cluster.stop());

  it('go on elsewhere in a drain, always connected, and miss and repeat nothing', async (t) => {
    await cluster.start('abc');
    await cluster.join(CLIENTS, 'a');
    const messages = await cluster.unnoticed('a', async () => {
      const drained = await (cluster.gateways.get('a') as Gateway).drain();
      assert.deepEqual(drained, { forced: 0, cancelled: false });
    });
    const moves = cluster.readers.flatMap((reader) => reader.moves);
    t.diagnostic(`${moves.length} moves of ${CLIENTS} clients during ${messages} messages`);
    assert.equal(moves.filter(({ reason }) => reason === 'drain').length, CLIENTS);
    assert.ok(cluster.readers.every(({ client }) => client.state === 'connected'));
    assert.deepEqual(
      cluster.readers.flatMap(({ errors }) => errors),
      [],
    );
  });

  it('go to a gateway that is new, those whose shards it took, and nobody notices', async (t) => {
    await cluster.start('a');
    await cluster.join(CLIENTS, 'a');
    const messages = await cluster.unnoticed('a', async () => {
      await cluster.start('b');
      const settled = async () => {
        const there = cluster.gateways.get('b')?.connections() ?? 0;
        const here = cluster.gateways.get('a')?.connections() ?? 0;
        const all = CLIENTS + cluster.publishers.length;
        return (
          there > 0 && here + there === all && cluster.readers.some(({ moves }) => moves.length > 0)
        );
      };
      await until(settled, { for: 'clients on both', deadlineMs: 15_000 });
    });
    const moves = cluster.readers.flatMap((reader) => reader.moves);
    t.diagnostic(`${moves.length} moves of ${CLIENTS} clients during ${messages} messages`);
    assert.ok(moves.length > CLIENTS / 5 && moves.length < (CLIENTS * 4) / 5, `${moves.length}`);
    assert.ok(moves.every(({ reason, to }) => reason === 'rebalance' && to === 'b'));
    assert.ok(
      cluster.readers.every((reader) => reader.moves.length <= 1),
      'nobody is sent about',
    );
    assert.ok(cluster.readers.every(({ client }) => client.state === 'connected'));
  });

  it('stay where they are when they cannot reach the one that owns them', async () => {
    // Port 1 is nobody's.
    const nowhere = { placement: { podEndpoint: 'ws://127.0.0.1:1/{pod}' } };
    await cluster.start('a', nowhere);
    await cluster.join(CLIENTS, 'a');
    await cluster.unnoticed('a', async () => {
      await cluster.start('b', nowhere);
      const failed = async () => cluster.readers.some(({ errors }) => errors.length > 0);
      await until(failed, { for: 'a move that failed', deadlineMs: 15_000 });
    });
    const errors = new Set(
      cluster.readers.flatMap((reader) => reader.errors.map((it) => it.split(':')[0])),
    );
    assert.deepEqual([...errors], ['move_failed']);
    assert.deepEqual(
      cluster.readers.flatMap(({ moves }) => moves),
      [],
    );
    assert.equal(cluster.gateways.get('a')?.connections(), CLIENTS + cluster.publishers.length);
  });
});
