import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Client } from '../../client/client.ts';
import type { ClientOptions } from '../../client/options.ts';
import { Gateway } from '../../gateway/gateway.ts';
import { silentLogger } from '../../gateway/logger.ts';
import { MemoryBoard } from '../../gateway/ring/memory-board.ts';
import type { SettingsInput } from '../../gateway/settings/declaration.ts';
import { settingsFrom } from '../../gateway/settings/load.ts';
import { MemoryStore } from '../../gateway/stream/memory/memory-store.ts';
import { systemClock } from '../../protocol/clock.ts';
import { until } from '../deadline.ts';
import { publishersAt, Reader, unnoticed } from './testing/reader.ts';

const shared = { clock: systemClock, random: Math.random, logger: silentLogger };
const CLIENTS = 40;

const settings: SettingsInput = {
  ring: { heartbeatMs: 200 },
  edge: { drainGraceMs: 1_000, drainDeadlineMs: 60_000 },
  placement: { podEndpoint: 'address' },
};

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
  async join(count: number, name: string, options: Omit<ClientOptions, 'url'> = {}): Promise<void> {
    const url = this.#urlOf(name);
    const joined = Array.from({ length: count }, () => new Reader(url, options).ready());
    this.readers.push(...(await Promise.all(joined)));
  }

  /** Whether each is where it belongs. */
  async home(): Promise<boolean> {
    const [any = ''] = this.gateways.keys();
    const homes = this.readers.map(async ({ client: { welcome } }) => {
      const route = `http://127.0.0.1:${this.#portOf(any)}/v1/route?key=${welcome?.session}`;
      const { owner } = (await (await fetch(route)).json()) as { owner: string };
      return owner === welcome?.pod;
    });
    return (await Promise.all(homes)).every((isHome) => isHome);
  }

  unnoticed(publishThrough: string, step: () => Promise<void>): Promise<number> {
    const publishers = publishersAt(this.#urlOf(publishThrough));
    this.publishers.push(...publishers);
    return unnoticed(this.readers, publishers, step);
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
      await until(() => cluster.home(), { for: 'all to be at home', deadlineMs: 15_000 });
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
    // Most would wait for another try for longer than they are given to go.
    await cluster.join(CLIENTS, 'a', { backoffBaseMs: 600_000, backoffCapMs: 600_000 });
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
