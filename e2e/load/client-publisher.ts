import { type Client, PublishError } from '../../client/index.ts';
import { parsePosition } from '../../protocol/position.ts';
import { pickOne } from '../../protocol/testing/chance.ts';
import { nanoseconds } from '../history/recorder.ts';
import { loadClient } from './client-subscriber.ts';
import { composed, hashOfMessage } from './message.ts';
import type { Publisher, PublisherOptions } from './publisher.ts';
import { Repetition } from './repetition.ts';

const SETTLE_MS = 30_000;

/** Publishes with the client package, which tries again by itself what is unknown. */
export class ClientPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #client: Client;
  readonly #numbers = new Map<string, number>();
  readonly #publishing: Repetition;
  /** Name of the gateway that it talks to. */
  #target: string | undefined;
  #speaking = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const onTarget = (gateway: string) => {
      this.#target = gateway;
    };
    this.#client = loadClient({ ...options, onTarget });
    const { topics, random, everyMs, targets } = options;
    this.#publishing = new Repetition({
      round: async () => {
        const hushed = this.#target !== undefined && targets.isHushed(this.#target);
        if (!hushed) await this.#publish(pickOne(topics, random));
      },
      ...{ everyMs, firstMs: random() * everyMs },
    });
  }

  start(): void {
    this.#publishing.start();
  }

  async stop(): Promise<void> {
    await this.#publishing.stop();
    await this.#client.close();
  }

  abandon(): void {
    void this.#publishing.stop();
    void this.#client.close();
  }

  get speaksTo(): string | undefined {
    return this.#speaking ? this.#target : undefined;
  }

  async #publish(topic: string): Promise<void> {
    const { name, recorder, counts, level, bytes } = this.#options;
    const pn = (this.#numbers.get(topic) ?? 0) + 1;
    this.#numbers.set(topic, pn);
    const message = composed(`${recorder.run}/${name}/${topic}/${pn}`, bytes);
    const inv = nanoseconds();
    const { id } = message;
    const hash = hashOfMessage(message);
    const said = { kind: 'pub', topic, id, hash, publisher: name, pn, attempt: 1, level } as const;
    this.#speaking = true;
    const asked = this.#target;
    try {
      const published = await this.#client.publish(topic, message, {
        ack: level,
        timeoutMs: SETTLE_MS,
      });
      const at = parsePosition(published.position);
      if (at === undefined) throw new Error(`${name}: not a position: ${published.position}`);
      const place = { epoch: at.epoch, seq: at.seq };
      recorder.write({ ...said, inv, ret: nanoseconds(), out: 'ok', ...place });
      counts.acknowledge(this.#target ?? '');
      if (published.duplicate) counts.duplicateAnswers += 1;
      if (published.duplicate && this.#target !== asked) counts.askedAgain += 1;
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      const { outcome: out, code } = error;
      recorder.write({ ...said, inv, ret: nanoseconds(), out, code });
      counts[out] += 1;
      counts.refused(code);
    } finally {
      this.#speaking = false;
    }
  }
}
