import type { Subbed, Tick } from '../protocol/events.ts';
import type { ClientCommand } from '../protocol/json-text.ts';
import * as limits from '../protocol/limits.ts';
import { ClientError } from './errors.ts';
import type { Settings } from './options.ts';
import type { Requests } from './requests.ts';
import type { PositionKeeper } from './storage.ts';
import type { SubscribeOptions } from './subscription.ts';
import { type SubscriptionOwner, TopicSubscription } from './topic-subscription.ts';

/** A way to a gateway. */
export interface Wire {
  send(command: ClientCommand): void;
}

export interface ConnectedWire extends Wire {
  readonly connected: boolean;
}

export interface SubscriptionsParts {
  readonly wire: ConnectedWire;
  readonly settings: Settings;
  readonly requests: Requests;
  readonly keeper: PositionKeeper | undefined;
  readonly handlerFailed: (error: unknown) => void;
  readonly report: (error: ClientError) => void;
}

/** All subscriptions of a client: those asked for in one turn share a request. */
export class Subscriptions implements SubscriptionOwner {
  readonly settings: Settings;
  readonly keeper: PositionKeeper | undefined;
  readonly handlerFailed: (error: unknown) => void;
  readonly report: (error: ClientError) => void;
  readonly #wire: ConnectedWire;
  readonly #requests: Requests;
  readonly #topics = new Map<string, TopicSubscription>();
  readonly #wanted = new Set<TopicSubscription>();
  /** During a move: the connection that is not in use yet. */
  #next: Wire | undefined;
  /** What it was asked. */
  #carrying: number[] = [];
  #topicsPerFrame = 1;

  constructor(parts: SubscriptionsParts) {
    this.settings = parts.settings;
    this.keeper = parts.keeper;
    this.handlerFailed = parts.handlerFailed;
    this.report = parts.report;
    this.#wire = parts.wire;
    this.#requests = parts.requests;
  }

  /** Those that exist, failed ones too. */
  get all(): readonly TopicSubscription[] {
    return [...this.#topics.values()];
  }

  get(topic: string): TopicSubscription | undefined {
    return this.#topics.get(topic);
  }

  add(topic: string, options: SubscribeOptions): TopicSubscription {
    const subscription = new TopicSubscription(this, topic, options);
    this.#topics.set(topic, subscription);
    return subscription;
  }

  ended(subscription: TopicSubscription): void {
    const { topic } = subscription;
    if (this.#topics.get(topic) === subscription) this.#topics.delete(topic);
    this.keeper?.forget(topic);
  }

  /** Asks at the end of the turn, or when there is a connection. */
  ask(subscription: TopicSubscription): void {
    if (this.#wanted.size === 0) queueMicrotask(() => this.#flush());
    this.#wanted.add(subscription);
  }

  leave(topic: string): void {
    for (const wire of [this.#wire, this.#next]) {
      wire?.send({ type: 'unsub', id: this.#requests.next(), topics: [topic] });
    }
  }

  /**
   * Asks the connection that we move to for everything that is subscribed. Resolves when that is
   * answered, or will not be. What is asked for later goes to the one in use, and again to the new
   * one when that has taken over.
   */
  async carry(next: Wire, frameBytes: number): Promise<void> {
    this.#next = next;
    const carried = this.all.filter(({ state }) => state === 'subscribed');
    const answers: Promise<void>[] = [];
    while (carried.length > 0) {
      const id = this.#requests.next();
      this.#carrying.push(id);
      const topics = carried.splice(0, topicsThatFit(frameBytes)).map((one) => one.carry(id));
      // Who is refused asks again when we have moved.
      answers.push(this.#requests.expect(id, topics.length).catch(() => {}));
      next.send({ type: 'sub', id, topics });
    }
    await Promise.all(answers);
  }

  /** The move is over: its connection has taken over, or was given up. */
  onMoveEnd(moved: boolean): void {
    this.#next = undefined;
    // Nobody may wait for the answers of a connection that is gone.
    this.#requests.lost(this.#carrying.splice(0));
    for (const subscription of this.all) subscription.onMoveEnd(moved);
  }

  /** There is a connection: everybody who waits asks. */
  onWelcome(frameBytes: number): void {
    this.#topicsPerFrame = topicsThatFit(frameBytes);
    for (const subscription of this.all) this.#wanted.add(subscription);
    this.#flush();
  }

  onTick({ positions }: Tick): void {
    for (const { topic, position } of positions) this.get(topic)?.onPosition(position);
  }

  onSubbed(event: Subbed): void {
    const { id, topics } = event;
    for (const answer of topics) {
      this.#requests.answer(id, event);
      const subscription = this.get(answer.topic);
      if ('error' in answer) {
        subscription?.onRefused(id, new ClientError(answer.error, answer.message));
      } else subscription?.onSubbed(id, answer.position);
    }
  }

  #flush(): void {
    // Without a connection nobody is forgotten: the next welcome asks for all who wait.
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    while (wanted.length > 0) this.#send(wanted.splice(0, this.#topicsPerFrame));
  }

  #send(wanted: readonly TopicSubscription[]): void {
    const asking = wanted.filter(({ state }) => state === 'waiting');
    if (!this.#wire.connected || asking.length === 0) return;
    const id = this.#requests.next();
    const requests = asking.map((one) => one.request(id));
    // Where the connection ended, they wait again already and do not heed it.
    this.#requests.expect(id, requests.length).catch((error: ClientError) => {
      for (const one of wanted) one.onRefused(id, error);
    });
    this.#wire.send({ type: 'sub', id, topics: requests });
  }
}

function topicsThatFit(frameBytes: number): number {
  const fit = Math.max(1, Math.floor(frameBytes / limits.topicRequestBytes));
  return Math.min(fit, limits.topicsPerCommand);
}
