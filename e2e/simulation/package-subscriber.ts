import { Client } from '../../client/client.ts';
import type { Subscription } from '../../client/subscription.ts';
import { Witness } from './history.ts';
import type { MoveTrace } from './move-trace.ts';
import { type Participant, type ParticipantParts, watchOf } from './participant.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** An application that uses the client package: it is told everything once. */
export class PackageSubscriber implements Participant {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly topics: readonly string[];
  readonly client: Client;
  readonly trace: MoveTrace | undefined;
  readonly #witness: Witness;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #wants = new Set<string>();

  constructor(parts: ParticipantParts) {
    const { name, process, network, history, random, urls, spoil } = parts;
    this.name = name;
    this.process = process;
    this.topics = parts.topics;
    this.trace = parts.trace;
    this.#witness = new Witness(history, name, 'app');
    const watch = watchOf(name, history);
    this.client = new Client({
      url: urls,
      clock: process.clock,
      random,
      platform: () => () => {},
      webSocket: (url) => {
        const leg = this.trace?.begin(watch);
        const socket = network.connect({ url, client: process, watch: leg?.watch ?? watch });
        leg?.dialled(network.lineOf(socket));
        return spoil?.(socket) ?? socket;
      },
      connectTimeoutMs: 1_500,
      requestTimeoutMs: 2_500,
      graceMs: 500,
      backoffBaseMs: 40,
      backoffCapMs: 600,
      publishTimeoutMs: 6_000,
      resendWindowMs: parts.resendWindowMs,
    });
    this.client.on('error', (error) => {
      history.tally.add(`client error ${error.code}`);
      if (error.code === 'handler_failed') throw error.cause;
    });
    this.client.on('moved', ({ reason }) => history.tally.add(`client moved: ${reason}`));
    this.client.on('state', (change) => history.tally.add(`client ${change.reason}`));
  }

  start(): void {
    for (const topic of this.topics) this.#subscribe(topic, undefined);
    // Who listens to nothing is there all the same; whether it was let in, its state tells.
    if (this.topics.length === 0) this.client.connect().catch(() => {});
  }

  get begun(): boolean {
    return this.topics.every((topic) => this.#witness.place(topic) !== undefined);
  }

  get connected(): boolean {
    return this.client.state === 'connected';
  }

  place(topic: string) {
    return this.#witness.place(topic);
  }

  /** Gives a topic up and takes it again: from where it was, or afresh from its head. */
  resubscribe(topic: string, afresh: boolean): void {
    const subscription = this.#subscriptions.get(topic);
    // Before the first answer there is nothing to give up.
    if (subscription === undefined || this.#wants.has(topic)) return;
    const { position } = subscription;
    subscription.unsubscribe();
    this.#witness.ended(topic);
    this.#subscribe(topic, afresh ? undefined : position);
  }

  #subscribe(topic: string, position: string | undefined): void {
    const options = position === undefined ? undefined : { position };
    const subscription = this.client.subscribe(topic, options);
    this.#subscriptions.set(topic, subscription);
    if (position === undefined) this.#wants.add(topic);
    else this.#witness.began(topic, position);
    subscription.on('state', (change) => {
      if (change.new !== 'subscribed' || !this.#wants.delete(topic)) return;
      this.#witness.began(topic, subscription.position ?? '');
    });
    subscription.on('message', (message) => this.#witness.message(message));
    subscription.on('gap', (gap) => this.#witness.gap(gap));
  }
}
