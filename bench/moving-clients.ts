import { WebSocket } from 'ws';
import { Client } from '../client/client.ts';
import { until } from '../e2e/deadline.ts';

export interface MovingOptions {
  /** Of gateways; the clients are spread over them. */
  readonly urls: readonly string[];
  readonly clients: number;
  /** Topics, each with equally many clients. */
  readonly rooms: number;
}

const CONNECTED_MS = 120_000;
/** Handshakes under way at a time. */
const AT_ONCE = 200;

/** Clients of the package in one process, which see how long each message took to them. */
export class MovingClients {
  /** Since it was last cleared, ms from the publisher to each subscriber. */
  latencies: number[] = [];
  received = 0;
  /** Times that a client was not connected. */
  interrupted = 0;
  /** The names of the gateways to which each client went. */
  readonly moves: (readonly string[])[] = [];
  readonly rooms: readonly string[];
  readonly #options: MovingOptions;
  readonly #clients: Client[] = [];

  constructor(options: MovingOptions) {
    this.#options = options;
    this.rooms = Array.from({ length: options.rooms }, (_, room) => `room.${room}`);
  }

  async connect(progress: (line: string) => void): Promise<void> {
    const { clients, urls } = this.#options;
    for (let from = 0; from < clients; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, clients - from) }, (_, n) =>
        this.#open(from + n, urls[(from + n) % urls.length] ?? ''),
      );
      await Promise.all(some);
      if ((from + AT_ONCE) % 3_000 === 0) progress(`${from + AT_ONCE} clients`);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #open(index: number, url: string): Promise<void> {
    const client = new Client({
      url,
      connectTimeoutMs: CONNECTED_MS,
      webSocket: (to, protocols) => new WebSocket(to, protocols, { perMessageDeflate: false }),
    });
    this.#clients.push(client);
    const way: string[] = [];
    this.moves.push(way);
    client.on('moved', ({ to }) => way.push(to));
    client.on('state', (change) => {
      if (change.old === 'connected' && change.new !== 'closed') this.interrupted += 1;
    });
    const room = this.rooms[index % this.rooms.length] ?? '';
    const subscription = client.subscribe<number>(room);
    subscription.on('message', ({ data }) => {
      this.received += 1;
      this.latencies.push(performance.now() - data);
    });
    await subscription.ready;
  }
}

/** Publishes evenly to all rooms; each message says when it was sent. */
export class Traffic {
  published = 0;
  readonly #url: string;
  readonly #rooms: readonly string[];
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #underWay = new Set<Promise<void>>();
  #failure: unknown;

  constructor(url: string, rooms: readonly string[], everyMs: number) {
    this.#url = url;
    this.#rooms = rooms;
    this.#timer = setInterval(() => this.#begin(), everyMs);
  }

  /** Rejects when a publish was not acknowledged. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #begin(): void {
    const topic = this.#rooms[this.published % this.#rooms.length];
    this.published += 1;
    const publish = this.#publish(topic)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#underWay.delete(publish));
    this.#underWay.add(publish);
  }

  async #publish(topic: string | undefined): Promise<void> {
    const response = await fetch(`${this.#url}/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic, data: performance.now() }),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`a publish was answered ${response.status}`);
  }
}

/** Waits until as many were delivered as there were to be. */
export async function allDelivered(clients: MovingClients, count: number): Promise<void> {
  await until(() => clients.received >= count, {
    for: () => `${count} deliveries, ${clients.received} so far`,
    deadlineMs: 20_000,
  });
}
