import type { Random } from '../../protocol/clock.ts';
import { until } from '../deadline.ts';
import type { Recorder } from '../history/recorder.ts';
import type { Arbiter } from './arbiter.ts';
import { ClientPublisher } from './client-publisher.ts';
import { ClientSubscriber } from './client-subscriber.ts';
import { LoadCounts } from './counts.ts';
import { HttpPublisher, type Publisher, type PublisherOptions } from './publisher.ts';
import { PlainSubscriber, ProtocolSubscriber, SocketSubscriber } from './socket-subscriber.ts';
import type { Place, Subscriber, SubscriberOptions } from './subscriber.ts';
import { type Target, Targets } from './target.ts';
import { TokenSubscriber, tokenFor } from './token-subscriber.ts';

export interface LoadShape {
  readonly topics: number;
  readonly publishers: number;
  readonly subscribers: number;
  /** Topics that one subscriber has. */
  readonly topicsEach: number;
  /** Clients of the package beside them, with one topic each. Default: 0. */
  readonly movers?: number;
  /** Time from one message of a publisher to its next. */
  readonly everyMs: number;
  /** Padding of a message. */
  readonly bytes: number;
  readonly level: 'leader' | 'replicas';
}

export interface LoadOptions {
  readonly shape: LoadShape;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly gateways: readonly Target[];
  readonly heartbeatMs: number;
  /** For everybody to subscribe, and to hear something. Default: 20 s. */
  readonly beginMs?: number;
  /** Clients of the package come back as slowly as they do by default. Default: false. */
  readonly patient?: boolean;
}

const BEGIN_MS = 20_000;

/** Publishers and subscribers of one run, driven by one process. */
export class Load {
  readonly shape: LoadShape;
  readonly topics: readonly string[];
  readonly counts = new LoadCounts();
  /** Where new connections and publishes go. */
  readonly targets: Targets;
  subscribers: Subscriber[] = [];
  readonly #options: LoadOptions;
  readonly #publishers: Publisher[] = [];
  #heralds = 0;
  #guests = 0;

  constructor(options: LoadOptions) {
    const { shape, random, gateways, recorder, heartbeatMs } = options;
    this.#options = options;
    this.shape = shape;
    this.targets = new Targets(gateways, random);
    this.topics = Array.from({ length: shape.topics }, (_, index) => `room.${index}`);
    for (let index = 0; index < shape.subscribers; index += 1) this.#addSubscriber(index);
    for (let index = 0; index < (shape.movers ?? 0); index += 1) this.#addMover(`m${index}`, index);
    for (let index = 0; index < shape.publishers; index += 1) {
      const { counts, targets } = this;
      const { level, bytes, everyMs } = shape;
      const publisher: PublisherOptions = {
        ...{ name: `p${index}`, topics: this.#some(index, 2), targets, heartbeatMs },
        ...{ recorder, counts, random, level, bytes, everyMs },
      };
      // So that no topic has these alone: they stay with a gateway that cannot publish.
      const packaged = index % 4 === 3;
      this.#publishers.push(
        packaged ? new ClientPublisher(publisher) : new HttpPublisher(publisher),
      );
    }
  }

  /** Every subscriber is subscribed and has something of each of its topics, or its start. */
  async begin(): Promise<void> {
    for (const subscriber of this.subscribers) subscriber.start();
    const { beginMs: deadlineMs = BEGIN_MS } = this.#options;
    await until(() => this.attached(), { for: 'everybody to subscribe', deadlineMs });
    // A plain client is told nothing when its subscription is in force, so it is shown.
    const herald = this.#herald();
    await until(
      async () => {
        for (const topic of this.topics) await herald.publish(topic);
        return this.subscribers.every((subscriber) => subscriber.begun);
      },
      { for: 'everybody to hear something', deadlineMs, everyMs: 100 },
    );
    await herald.stop();
  }

  publish(): void {
    for (const publisher of this.#publishers) publisher.start();
  }

  async quiet(): Promise<void> {
    await Promise.all(this.#publishers.map((publisher) => publisher.stop()));
  }

  /** Nobody publishes to this gateway until `speak`; what was under way is answered. */
  async hush(gateway: string): Promise<void> {
    this.targets.hush(gateway);
    await until(() => this.#publishers.every(({ speaksTo }) => speaksTo !== gateway), {
      for: `publishes to ${gateway} to be answered`,
      deadlineMs: BEGIN_MS,
    });
  }

  /** Publishers that wait for this gateway to answer. */
  waitingFor(gateway: string): number {
    return this.#publishers.filter(({ speaksTo }) => speaksTo === gateway).length;
  }

  speak(): void {
    this.targets.hush(undefined);
  }

  /** One message on every topic, whoever is quiet. */
  async herald(): Promise<void> {
    const herald = this.#herald();
    for (const topic of this.topics) await herald.publish(topic);
    await herald.stop();
  }

  #herald(): HttpPublisher {
    const { random, recorder, heartbeatMs } = this.#options;
    this.#heralds += 1;
    return new HttpPublisher({
      ...this.shape,
      ...{ name: `herald${this.#heralds}`, topics: this.topics, targets: this.targets },
      ...{ recorder, counts: this.counts, random, heartbeatMs },
    });
  }

  attached(except: ReadonlySet<string> = new Set()): boolean {
    return this.subscribers.every(({ attached, name }) => attached || except.has(name));
  }

  delivered(count: number, deadlineMs: number): Promise<boolean> {
    return until(() => this.counts.deliveries >= count, {
      for: `${count} deliveries, ${this.counts.deliveries} so far`,
      deadlineMs,
    });
  }

  /** Whoever is attached has everything up to these heads. */
  level(heads: ReadonlyMap<string, Place>, except: ReadonlySet<string> = new Set()): boolean {
    return this.subscribers.every(
      (one) =>
        except.has(one.name) ||
        one.topics.every((topic) => reached(one.place(topic), heads.get(topic))),
    );
  }

  /** Who is not, and where. */
  laggards(heads: ReadonlyMap<string, Place>, except: ReadonlySet<string> = new Set()): string[] {
    return this.subscribers
      .filter(({ name }) => !except.has(name))
      .flatMap((subscriber) =>
        subscriber.topics
          .filter((topic) => !reached(subscriber.place(topic), heads.get(topic)))
          .map((topic) => {
            const at = subscriber.place(topic);
            const head = heads.get(topic);
            return `${subscriber.name} ${topic} ${textOf(at)}, not ${textOf(head)}`;
          }),
      );
  }

  /** One more, with a token of its own. */
  invite(identity: string, topics: readonly string[]): TokenSubscriber {
    const options = this.#subscriberOptions({ name: identity, identity, topics });
    const guest = new TokenSubscriber(options, tokenFor(identity, topics));
    this.subscribers.push(guest);
    return guest;
  }

  /** So many more of the package, each with one topic, all at once. */
  gather(count: number): readonly ClientSubscriber[] {
    const guests = Array.from({ length: count }, (_, index) => {
      this.#guests += 1;
      return this.#addMover(`g${this.#guests}`, index);
    });
    for (const guest of guests) guest.start();
    return guests;
  }

  /** They leave for good, and owe nothing from then on. */
  async dismiss(guests: readonly ClientSubscriber[]): Promise<void> {
    const left = new Set<Subscriber>(guests);
    this.subscribers = this.subscribers.filter((one) => !left.has(one));
    await Promise.all(guests.map((guest) => guest.leave()));
  }

  /** Those on a bare WebSocket, which a fault can hold by the hand. */
  get sockets(): SocketSubscriber[] {
    return this.subscribers.filter((one) => one instanceof SocketSubscriber);
  }

  get speakers(): ProtocolSubscriber[] {
    return this.subscribers.filter((one) => one instanceof ProtocolSubscriber);
  }

  /** Those of the package, which go where they are asked to. */
  get movers(): ClientSubscriber[] {
    return this.subscribers.filter((one) => one instanceof ClientSubscriber);
  }

  heads(arbiter: Arbiter): Map<string, Place> {
    return new Map(this.topics.map((topic) => [topic, arbiter.head(topic)]));
  }

  async leave(): Promise<void> {
    for (const publisher of this.#publishers) publisher.abandon();
    await Promise.all(this.subscribers.map((subscriber) => subscriber.stop()));
  }

  #addSubscriber(index: number): void {
    const topics = this.#some(index, this.shape.topicsEach);
    const options = this.#subscriberOptions({ name: `s${index}`, identity: '', topics });
    // How often the topics were gone through before: so every topic gets the kinds in turn.
    const round = Math.floor((index * options.topics.length) / this.topics.length);
    const kinds = [PlainSubscriber, ProtocolSubscriber, ClientSubscriber];
    const Kind = kinds[round % kinds.length];
    if (Kind !== undefined) this.subscribers.push(new Kind(options));
  }

  #addMover(name: string, index: number): ClientSubscriber {
    const who = { name, identity: '', topics: this.#some(index, 1) };
    const mover = new ClientSubscriber(this.#subscriberOptions(who));
    this.subscribers.push(mover);
    return mover;
  }

  #subscriberOptions(
    who: Pick<SubscriberOptions, 'name' | 'identity' | 'topics'>,
  ): SubscriberOptions {
    const { random, recorder, heartbeatMs, patient = false } = this.#options;
    const { targets, counts } = this;
    return { ...who, targets, recorder, counts, random, heartbeatMs, patient };
  }

  /** Spread evenly, so that every topic has about as many of each. */
  #some(index: number, count: number): string[] {
    const { length } = this.topics;
    return Array.from(
      { length: Math.min(count, length) },
      (_, step) => this.topics[(index * count + step) % length] as string,
    );
  }
}

const textOf = (place: Place | undefined) => `${place?.epoch}:${place?.seq}`;

/** Another epoch than the head's: it has not heard of what became of its own. */
function reached(place: Place | undefined, head: Place | undefined): boolean {
  if (head === undefined) return true;
  return place?.epoch === head.epoch && place.seq >= head.seq;
}
