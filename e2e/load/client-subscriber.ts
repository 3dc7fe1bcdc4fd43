import { WebSocket } from 'ws';
import type { Gap, Message, StateChange, Subscription } from '../../client/index.ts';
import { Client } from '../../client/index.ts';
import { parsePosition } from '../../protocol/position.ts';
import { nanoseconds } from '../history/recorder.ts';
import type { LoadCounts } from './counts.ts';
import { hashOfMessage, received } from './message.ts';
import type { Place, Subscriber, SubscriberOptions } from './subscriber.ts';
import { BALANCER, type Targets } from './target.ts';

const CONNECT_MS = 3_000;
/** So that they are back soon: what is tested is what they come back to. */
const HASTY = { backoffBaseMs: 100, backoffCapMs: 300 };
const GRACE_HEARTBEATS = 0.5;
/** A `move` is shorter; what is longer need not be looked into. */
const MOVE_BYTES = 2_048;
/** The latest that befell a client; older is forgotten. */
const KEPT_HAPPENINGS = 16;

/** A client of the package; `onLife` hears of everything that arrives and is no message. */
export function loadClient(options: {
  readonly targets: Targets;
  readonly counts: LoadCounts;
  readonly random: () => number;
  readonly heartbeatMs: number;
  readonly onLife?: () => void;
  /** Comes back as slowly as the package does by default. Default: false. */
  readonly patient?: boolean;
  /** By what it can be placed. Default: its session alone. */
  readonly key?: string;
  /** Each connection that it begins. */
  readonly onSocket?: (socket: WebSocket) => void;
  /** Each time the load balancer has decided, or a gateway where it goes on. */
  readonly onTarget?: (gateway: string) => void;
}): Client {
  const { targets, counts, random, heartbeatMs, onLife, onTarget, onSocket, key } = options;
  const { patient = false } = options;
  const client = new Client({
    url: key === undefined ? BALANCER : `${BALANCER}?key=${key}`,
    name: 'load/1',
    connectTimeoutMs: CONNECT_MS,
    graceMs: heartbeatMs * GRACE_HEARTBEATS,
    ...(patient ? {} : HASTY),
    random,
    webSocket: (url, protocols) => {
      // The load balancer decides anew at each try; a gateway may name another one.
      const target = url.startsWith(BALANCER) ? targets.pick() : undefined;
      const address = target === undefined ? url : url.replace(BALANCER, target.ws);
      if (target !== undefined) onTarget?.(target.name);
      const socket = new WebSocket(address, protocols, { perMessageDeflate: false });
      onSocket?.(socket);
      socket.on('message', (data: Buffer) => {
        if (data.length < MOVE_BYTES && data.toString().startsWith('{"type":"move"')) {
          counts.disturbances.note();
        }
      });
      if (onLife !== undefined) {
        socket.on('ping', onLife);
        socket.on('message', (data) => {
          if (!data.toString().startsWith('{"type":"msg"')) onLife();
        });
      }
      return socket;
    },
  });
  client.on('moved', ({ to }) => {
    counts.moves += 1;
    onTarget?.(to);
  });
  client.on('state', (change) => {
    if (change.old !== 'connected' || change.new === 'closed') return;
    counts.interrupted += 1;
    counts.disturbances.note();
  });
  client.on('error', ({ code }) => {
    if (code === 'move_failed') counts.movesFailed += 1;
  });
  return client;
}

/** Something that befell a client, in words. */
export interface Happening {
  /** Of `performance.now()`. */
  readonly at: number;
  readonly what: string;
}

/** What an application with the client package sees: exactly once. */
export class ClientSubscriber implements Subscriber {
  readonly name: string;
  readonly topics: readonly string[];
  readonly #options: SubscriberOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #places = new Map<string, Place>();
  #client: Client | undefined;
  /** Two during a move. */
  readonly #sockets = new Set<WebSocket>();
  #moves = 0;
  #redirects = 0;
  #interrupted = 0;
  readonly #story: Happening[] = [];

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.name = options.name;
    this.topics = options.topics;
  }

  start(): void {
    const { targets, counts, random, heartbeatMs, recorder, patient } = this.#options;
    const onSocket = (socket: WebSocket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', ({ message }) => this.#befell(`a socket failed: ${message}`));
    };
    const onLife = () =>
      recorder.write({ kind: 'heard', t: nanoseconds(), subscriber: this.name, what: 'other' });
    const client = loadClient({
      targets,
      counts,
      random,
      heartbeatMs,
      onLife,
      onSocket,
      key: this.name,
      patient,
    });
    this.#client = client;
    client.on('state', (change) => this.#connection(change));
    client.on('stale', ({ stale }) => {
      counts[stale ? 'stale' : 'fresh'] += 1;
    });
    client.on('moved', ({ reason, from, to, ms }) => {
      this.#moves += 1;
      this.#befell(`from ${from} to ${to} (${reason}) in ${Math.round(ms)} ms`);
      if (reason === 'redirect') this.#redirects += 1;
    });
    client.on('error', (error) => {
      // It stays where it is then: counted, and no harm.
      if (error.code !== 'move_failed') throw error;
      this.#befell(`did not move: ${error.message}`);
    });
    for (const topic of this.topics) this.#subscribe(client, topic);
  }

  /** How often it went on at another gateway without a break. */
  get moves(): number {
    return this.#moves;
  }

  /** How often that was because it did not belong where it had arrived. */
  get redirects(): number {
    return this.#redirects;
  }

  /** Moves, failed moves and states of its connection since then. */
  since(at: number): Happening[] {
    return this.#story.filter((one) => one.at >= at);
  }

  /** Loses its connection and comes back. */
  drop(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  /** How often it was not connected, and had not left. */
  get interrupted(): number {
    return this.#interrupted;
  }

  /** The gateway that serves it; undefined while none does. */
  get gateway(): string | undefined {
    return this.#client?.welcome?.pod;
  }

  /** By what it is placed. */
  get session(): string | undefined {
    return this.#client?.welcome?.session;
  }

  get begun(): boolean {
    return this.topics.every((topic) => this.#places.has(topic));
  }

  get attached(): boolean {
    const states = [...this.#subscriptions.values()].map(({ state }) => state);
    return this.#client?.state === 'connected' && states.every((state) => state === 'subscribed');
  }

  place(topic: string): Place | undefined {
    return this.#places.get(topic);
  }

  async stop(): Promise<void> {
    await this.#client?.close();
  }

  /** The same in the middle of everything: what comes from then on must not come to it. */
  async leave(): Promise<void> {
    const left = this.stop();
    for (const topic of this.topics) {
      const who = { subscriber: this.name, tap: 'app', topic } as const;
      this.#options.recorder.write({ kind: 'unsub', t: nanoseconds(), ...who });
    }
    await left;
  }

  #subscribe(client: Client, topic: string): void {
    const subscription = client.subscribe(topic);
    this.#subscriptions.set(topic, subscription);
    subscription.on('state', (change) => {
      if (change.new === 'subscribed' && !this.#places.has(topic)) this.#started(subscription);
    });
    subscription.on('message', (message) => this.#message(message));
    subscription.on('gap', (gap) => this.#gap(gap));
  }

  #started({ topic, position }: Subscription): void {
    const { recorder, identity } = this.#options;
    const at = this.#moved(topic, position);
    const who = { subscriber: this.name, tap: 'app', topic, identity } as const;
    recorder.write({ kind: 'sub', t: nanoseconds(), ...who, ...at });
  }

  #message({ topic, position, data }: Message): void {
    const message = received(data);
    const at = this.#moved(topic, position);
    this.#options.counts.deliveries += 1;
    this.#options.recorder.write({
      kind: 'del',
      t: nanoseconds(),
      subscriber: this.name,
      tap: 'app',
      topic,
      id: message.id,
      hash: hashOfMessage(message),
      ...at,
    });
  }

  #gap({ topic, reason, position, from, to }: Gap): void {
    const at = this.#moved(topic, position);
    this.#options.counts.gaps += 1;
    this.#options.recorder.write({
      kind: 'gap',
      t: nanoseconds(),
      subscriber: this.name,
      tap: 'app',
      topic,
      reason,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...at,
    });
  }

  #moved(topic: string, position: string | undefined): Place {
    const at = parsePosition(position);
    if (at === undefined) throw new Error(`${this.name}: not a position: ${position}`);
    const place = { epoch: at.epoch, seq: at.seq };
    this.#places.set(topic, place);
    return place;
  }

  #befell(what: string): void {
    this.#story.push({ at: performance.now(), what });
    if (this.#story.length > KEPT_HAPPENINGS) this.#story.shift();
  }

  #connection(change: StateChange): void {
    const { recorder, counts } = this.#options;
    this.#befell(`${change.new} (${change.reason} ${change.code ?? ''})`);
    const said = { kind: 'conn', t: nanoseconds(), subscriber: this.name } as const;
    if (change.new === 'connected') recorder.write({ ...said, state: 'open' });
    if (change.old !== 'connected') return;
    const code = change.code ?? 1006;
    recorder.write({ ...said, state: 'closed', code });
    if (change.new === 'closed') return;
    counts.closed(code);
    counts.reconnects += 1;
    this.#interrupted += 1;
  }
}
