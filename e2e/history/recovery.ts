/** How long a fault kept publishers and subscribers waiting. Times are nanoseconds. */

export interface Waits {
  /** Longest time without any acknowledged publish. */
  readonly publishOutageMs: number;
  /** Each client's longest time without anything new in one of its topics, over all clients. */
  readonly recoveryMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

interface Client {
  /** When something came last, topic by topic. */
  readonly topics: Map<string, number>;
  held: boolean;
  longest: number;
}

/**
 * Counts the waits that a window touches, from what came last before it to what came first behind
 * it. So a wait is detection, reconnection and resume together, and what publishers waited for.
 */
export class Recovery {
  readonly #from: number;
  readonly #to: number;
  readonly #clients = new Map<string, Client>();
  #acknowledged: number | undefined;
  #outage = 0;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
  }

  acknowledged(t: number): void {
    this.#outage = Math.max(this.#outage, this.#wait(this.#acknowledged, t));
    this.#acknowledged = t;
  }

  /** A message, a gap, or the start of a subscription. */
  heard({ subscriber, topic, t }: { subscriber: string; topic: string; t: number }): void {
    const client = this.#client(subscriber);
    const wait = client.held ? 0 : this.#wait(client.topics.get(topic), t);
    client.longest = Math.max(client.longest, wait);
    client.topics.set(topic, t);
  }

  unsubscribed(subscriber: string, topic: string): void {
    this.#client(subscriber).topics.delete(topic);
  }

  /** What it misses meanwhile is not waited for; its wait begins when it is let go. */
  held({ subscriber, held, t }: { subscriber: string; held: boolean; t: number }): void {
    const client = this.#client(subscriber);
    client.held = held;
    for (const topic of client.topics.keys()) client.topics.set(topic, t);
  }

  /** Nothing comes any more: whoever still waits has waited until now; those named owe nothing. */
  ended(t: number, absent: ReadonlySet<string>): void {
    this.acknowledged(t);
    for (const [subscriber, { topics }] of this.#clients) {
      if (absent.has(subscriber)) continue;
      for (const topic of topics.keys()) this.heard({ subscriber, topic, t });
    }
  }

  get waits(): Waits {
    const longest = [...this.#clients.values()].map((client) => client.longest);
    const sorted = longest.sort((a, b) => a - b);
    const at = (share: number) =>
      milliseconds(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
    return {
      publishOutageMs: milliseconds(this.#outage),
      recoveryMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    };
  }

  #wait(since: number | undefined, t: number): number {
    return since === undefined || since > this.#to || t < this.#from ? 0 : t - since;
  }

  #client(name: string): Client {
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = { topics: new Map(), held: false, longest: 0 };
      this.#clients.set(name, client);
    }
    return client;
  }
}

const milliseconds = (nanoseconds: number): number => Math.round(nanoseconds / 1e6);
