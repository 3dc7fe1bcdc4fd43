import { Client, PublishError } from '@wscluster/client';
import { KEY_PARAMETER } from '../contract.ts';
import type { Ledger } from './ledger.ts';
import { isStamped, type Stamp, type Topic } from './messages.ts';

export interface Person {
  /** Unique among all pages. */
  readonly key: string;
  /** Also the key by which the connection is placed. */
  readonly name: string;
  readonly colour: string;
  readonly you: boolean;
}

/** What a participant tells the crowd. */
export interface ParticipantOwner {
  readonly page: string;
  readonly ledger: Ledger;
  /** Names of everybody on this page who publishes to `topic`. */
  publishers(topic: Topic): string[];
  /** The port of the gateway to try next, as a load balancer would choose it. */
  choosePort(): number;
  onMessage(person: Person, received: Received): void;
  onGap(person: Person, topic: string, reason: string): void;
  /** Connected, or not any more. */
  onConnection(person: Person): void;
  /** Went to another gateway, connected all the time. */
  onMoved(person: Person): void;
  onPublished(topic: Topic): void;
}

export interface Received {
  readonly topic: Topic;
  /** The message's number in its topic. */
  readonly seq: number;
  readonly data: Stamp;
}

/** Stands for any gateway. */
const ANYWHERE = 'ws://127.0.0.1/ws';
/** The gateways of this page answer within 2 s when they are well; see `launch.ts`. */
const GRACE_MS = 1_000;
/** Quick to come back, since this is one machine and somebody watches. */
const BACKOFF_BASE_MS = 400;
const BACKOFF_CAP_MS = 4_000;
/** Before a publish that was certainly not written is tried again. */
const AGAIN_MS = 500;

/** Some seconds of cursor messages. */
const UNANSWERED_MAX = 30;

interface Outgoing {
  readonly publisher: string;
  readonly n: number;
  readonly data: Stamp;
}

/** The ledger's name of a sender's messages on a topic. */
export function publisherName(person: Person, topic: Topic): string {
  return `${topic} ${person.key}`;
}

/** Somebody with a connection of their own: a client of the package, as any application has it. */
export class Participant {
  readonly person: Person;
  readonly #owner: ParticipantOwner;
  readonly #client: Client;
  readonly #listening = new Set<Topic>();
  #unanswered = 0;
  #triedPort = 0;
  #port: number | undefined;
  #connections = 0;
  #moves = 0;

  constructor(person: Person, owner: ParticipantOwner) {
    this.person = person;
    this.#owner = owner;
    this.#client = new Client({
      url: ANYWHERE,
      webSocket: (url, protocols) => {
        // A gateway may name another one.
        this.#triedPort = url === ANYWHERE ? owner.choosePort() : Number(new URL(url).port);
        const key = `${KEY_PARAMETER}=${encodeURIComponent(person.name)}`;
        return new WebSocket(`ws://${location.hostname}:${this.#triedPort}/ws?${key}`, protocols);
      },
      graceMs: GRACE_MS,
      backoffBaseMs: BACKOFF_BASE_MS,
      backoffCapMs: BACKOFF_CAP_MS,
    });
    this.#client.on('state', (change) => this.#onConnection(change.new === 'connected'));
    this.#client.on('moved', () => this.#onMoved());
  }

  /** Port of the gateway that it is connected to; undefined while it is between two. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Port of the gateway that was tried last. */
  get triedPort(): number {
    return this.#triedPort;
  }

  get reconnects(): number {
    return Math.max(0, this.#connections - 1);
  }

  /** How often it went to another gateway without a break. */
  get moves(): number {
    return this.#moves;
  }

  /** Resolves when everything published from now on will arrive. */
  async listen(topic: Topic): Promise<void> {
    const { ledger } = this.#owner;
    const subscription = this.#client.subscribe(topic);
    subscription.on('gap', ({ reason }) => this.#owner.onGap(this.person, topic, reason));
    subscription.on('message', ({ data, seq }) => {
      if (!isStamped(data)) return;
      ledger.received(this.person.key, `${topic} ${data.from}`, data.n);
      this.#owner.onMessage(this.person, { topic, seq, data });
    });
    await subscription.ready;
    this.#listening.add(topic);
    ledger.listens(this.person.key, this.#owner.publishers(topic));
  }

  /** Somebody new will publish: everything of theirs must arrive here. */
  expect(newcomer: Person, topic: Topic): void {
    if (!this.#listening.has(topic)) return;
    this.#owner.ledger.listens(this.person.key, [publisherName(newcomer, topic)]);
  }

  /** Whether it has so much unanswered that nothing should be added: all gateways may be gone. */
  get stuck(): boolean {
    return this.#unanswered >= UNANSWERED_MAX;
  }

  /** Resolves when the message is in the log, or when nobody can know whether it is. */
  async publish<Content extends object>(topic: Topic, content: Content): Promise<void> {
    const { ledger, page } = this.#owner;
    const publisher = publisherName(this.person, topic);
    const n = ledger.issue(publisher);
    const stamp: Stamp = { from: this.person.key, n, page, sent: performance.now() };
    this.#owner.onPublished(topic);
    this.#unanswered += 1;
    await this.#untilWritten(topic, { publisher, n, data: { ...content, ...stamp } });
    this.#unanswered -= 1;
  }

  async #untilWritten(topic: Topic, { publisher, n, data }: Outgoing): Promise<void> {
    const { ledger } = this.#owner;
    while (this.#client.state !== 'closed') {
      try {
        await this.#client.publish(topic, data);
        ledger.acknowledged(publisher, n, performance.now());
        return;
      } catch (error) {
        if (!(error instanceof PublishError) || error.outcome === 'unknown') {
          // Publishing it again could make two of it; it may or may not arrive.
          ledger.uncertain(publisher, n);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  #onMoved(): void {
    this.#port = this.#triedPort;
    this.#moves += 1;
    this.#owner.onMoved(this.person);
  }

  #onConnection(connected: boolean): void {
    const port = connected ? this.#triedPort : undefined;
    if (port === this.#port) return;
    this.#port = port;
    if (connected) this.#connections += 1;
    this.#owner.ledger.connection(this.person.key, connected ? performance.now() : undefined);
    this.#owner.onConnection(this.person);
  }
}
