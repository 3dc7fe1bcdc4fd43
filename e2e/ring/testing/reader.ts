import assert from 'node:assert/strict';
import { Client } from '../../../client/client.ts';
import type { ClientOptions } from '../../../client/options.ts';
import { sleep, systemClock } from '../../../protocol/clock.ts';
import { until } from '../../deadline.ts';

const TOPICS = ['room.1', 'room.2'];
/** Between two messages of a publisher. */
const PAUSE_MS = 2;
/** Far fewer than a client holds: on a slow machine a publisher slows down and is not refused. */
const UNANSWERED = 100;

/** A client of the package, what it received in each topic, and whether anybody could notice. */
export class Reader {
  readonly client: Client;
  readonly received = new Map<string, string[]>();
  readonly states: string[] = [];
  readonly gaps: unknown[] = [];
  readonly errors: string[] = [];
  readonly moves: { readonly reason: string; readonly to: string }[] = [];

  constructor(url: string, options: Omit<ClientOptions, 'url'> = {}) {
    this.client = new Client({ url, ...options });
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

/** One for each topic, which move too. */
export const publishersAt = (url: string): Client[] => TOPICS.map(() => new Client({ url }));

/** Publishes until it is told to end; at most `UNANSWERED` wait for their answers. */
export async function traffic(
  topic: string,
  client: Client,
  during: AbortSignal,
): Promise<string[]> {
  const sent: Promise<unknown>[] = [];
  const texts: string[] = [];
  while (!during.aborted) {
    texts.push(`${topic} ${texts.length}`);
    const written = client.publish(topic, texts.at(-1) ?? '');
    // Told by whoever waits for it below; until then nobody does.
    written.catch(() => {});
    sent.push(written);
    await sent.at(-UNANSWERED);
    await sleep(systemClock, PAUSE_MS);
  }
  await Promise.all(sent);
  return texts;
}

/** What happens in `step` is noticed by nobody; returns how many messages passed meanwhile. */
export async function unnoticed(
  readers: readonly Reader[],
  publishers: readonly Client[],
  step: () => Promise<void>,
): Promise<number> {
  const ending = new AbortController();
  await Promise.all(publishers.map((client) => client.connect()));
  const sending = TOPICS.map((topic, n) => traffic(topic, publishers[n] as Client, ending.signal));
  try {
    await step();
  } finally {
    ending.abort();
  }
  const sent = await Promise.all(sending);
  for (const { received, states, gaps } of readers) {
    for (const [at, topic] of TOPICS.entries()) {
      const of = () => received.get(topic) ?? [];
      const last = sent[at]?.at(-1) ?? '';
      await until(() => of().includes(last), { for: `${last}`, deadlineMs: 15_000 });
      // In order, none missing, none twice.
      assert.deepEqual(of(), sent[at]);
    }
    assert.deepEqual([states, gaps], [[], []]);
  }
  return sent.flat().length;
}
