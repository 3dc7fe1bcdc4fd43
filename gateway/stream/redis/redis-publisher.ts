import type { StreamSettings } from '../../settings/declaration.ts';
import { fingerprint } from '../fingerprint.ts';
import { type LogDraft, StoreDown, type StoreUnknown } from '../log.ts';
import type { Outcome } from '../stream.ts';
import { encodeBlob } from './entry-codec.ts';
import type { Keys } from './keys.ts';
import type { Connection } from './redis-connections.ts';
import { judge } from './redis-errors.ts';
import { publishOutcomes } from './redis-replies.ts';
import type { Script } from './redis-scripts.ts';
import type { WriteCount } from './write-count.ts';

export interface PublisherOptions {
  readonly connection: Connection;
  /** False: nothing may be written through the connection now, although it may be there. */
  readonly isUsable: () => boolean;
  readonly keys: Keys;
  readonly script: Script;
  readonly settings: Pick<StreamSettings, 'waitTimeoutMs' | 'publishQueueBytes'>;
  readonly freshEpoch: () => string;
  readonly writes: WriteCount;
  /** Redis' clock, when it answered: milliseconds since 1970. */
  readonly onTime: (ms: number) => void;
  /** A batch was written, and Redis refused to send the live copy. */
  readonly onSilent: (reason: string) => void;
}

/** One call of the publish script that has not been answered for good. */
interface Shipment {
  readonly args: readonly (string | Buffer | number)[];
  readonly bytes: number;
  readonly drafts: number;
  readonly replicas: number;
  readonly resolve: (outcomes: Outcome[]) => void;
  readonly reject: (error: StoreDown | StoreUnknown) => void;
}

/**
 * The line of publishes to Redis. What is given to it during one turn leaves in one write, in
 * order. When Redis has forgotten the script (`NOSCRIPT`: certainly not written) the line stops,
 * loads it, and sends again what was refused, in the order in which it was given; the client's own
 * way of doing that reorders.
 */
export class RedisPublisher {
  readonly #options: PublisherOptions;
  #waiting: Shipment[] = [];
  #refused: Shipment[] = [];
  #underWay = 0;
  #queuedBytes = 0;
  #flushing = false;
  #loading = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  append(topic: string, batch: readonly LogDraft[], replicas: number): Promise<Outcome[]> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome[]>();
    const { args, bytes } = this.#arguments(topic, batch, replicas);
    if (!this.#options.isUsable()) {
      reject(new StoreDown('Redis cannot be reached'));
    } else if (this.#queuedBytes > 0 && this.#over(bytes)) {
      resolve(batch.map(() => OVERLOADED));
    } else {
      this.#queuedBytes += bytes;
      const drafts = batch.length;
      this.#waiting.push({ args, bytes, drafts, replicas, resolve, reject });
      this.#schedule();
    }
    return promise;
  }

  #over(bytes: number): boolean {
    return this.#queuedBytes + bytes > this.#options.settings.publishQueueBytes;
  }

  #arguments(topic: string, batch: readonly LogDraft[], replicas: number) {
    const { keys, script, freshEpoch, writes } = this.#options;
    const named = [...keys.partition, keys.log(topic), keys.meta(topic)];
    const blobs = batch.map(encodeBlob);
    const keyed = batch.some((draft) => draft.producer !== undefined);
    if (keyed) named.push(...keys.answers(topic));
    const args = [
      ...[script.sha, named.length, ...named],
      ...[freshEpoch() + writes.claim(replicas > 0), keys.topicChannel(topic)],
      ...blobs,
      ...(keyed ? batch.flatMap(idArguments) : []),
    ];
    return { args, bytes: blobs.reduce((sum, blob) => sum + blob.length, 0) };
  }

  #schedule(): void {
    if (this.#flushing || this.#loading) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (this.#loading) return;
      const shipments = this.#waiting;
      this.#waiting = [];
      this.#send(shipments);
    });
  }

  #send(shipments: readonly Shipment[]): void {
    const { connection, settings } = this.#options;
    connection.together(() => {
      const replies = shipments.map(({ args }) => {
        this.#underWay += 1;
        return connection.call('EVALSHA', ...args);
      });
      const waits = new Map<number, Promise<unknown>>();
      for (const { replicas } of shipments) {
        if (replicas === 0 || waits.has(replicas)) continue;
        connection.allow(settings.waitTimeoutMs);
        const wait = connection.call('WAIT', replicas, settings.waitTimeoutMs);
        // Whoever needed it asks for it below; where nobody does its failure means nothing.
        wait.catch(() => {});
        waits.set(replicas, wait);
      }
      shipments.forEach((shipment, index) => {
        const reply = replies[index] as Promise<unknown>;
        void this.#finish(shipment, reply, waits.get(shipment.replicas));
      });
    });
  }

  async #finish(shipment: Shipment, reply: Promise<unknown>, wait?: Promise<unknown>) {
    try {
      const { outcomes, silent, written, at } = publishOutcomes(await reply, shipment.drafts);
      this.#options.writes.saw(written);
      this.#options.onTime(at);
      if (silent !== undefined) this.#options.onSilent(silent);
      const replicated = wait === undefined || Number(await wait) >= shipment.replicas;
      this.#settle(shipment, () =>
        shipment.resolve(replicated ? outcomes : outcomes.map(notReplicated)),
      );
    } catch (error) {
      this.#fail(shipment, error);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0 && this.#refused.length > 0) void this.#reload();
    }
  }

  #fail(shipment: Shipment, error: unknown): void {
    const verdict = judge(error);
    if (verdict.kind === 'noscript') {
      this.#loading = true;
      this.#refused.push(shipment);
    } else if (verdict.kind === 'failed') {
      const outcomes = Array.from({ length: shipment.drafts }, () => verdict.outcome);
      this.#settle(shipment, () => shipment.resolve(outcomes));
    } else {
      this.#settle(shipment, () => shipment.reject(verdict.error));
    }
  }

  #settle({ bytes }: Shipment, tell: () => void): void {
    this.#queuedBytes -= bytes;
    tell();
  }

  /** Nothing is under way: what was refused goes first, then what came meanwhile. */
  async #reload(): Promise<void> {
    const refused = this.#refused;
    this.#refused = [];
    try {
      await this.#options.connection.call('SCRIPT', 'LOAD', this.#options.script.text);
      this.#loading = false;
      this.#send(refused);
    } catch (error) {
      this.#loading = false;
      // The script did not run, whatever became of loading it.
      const down = new StoreDown('the publish script could not be loaded', { cause: error });
      for (const shipment of refused) this.#settle(shipment, () => shipment.reject(down));
    }
    if (this.#waiting.length > 0) this.#schedule();
  }
}

const OVERLOADED: Outcome = {
  outcome: 'failed',
  code: 'overloaded',
  message: 'too many publishes wait for Redis',
};

/** Sorts behind every time. */
const SENT_ONCE = '~';

function idArguments(draft: LogDraft): [string, string, string] {
  const { identity, producer, data, retry, sentAfter } = draft;
  if (producer === undefined) return ['', '', SENT_ONCE];
  const print = fingerprint(data);
  const sent =
    sentAfter === undefined ? SENT_ONCE : String(Math.floor(sentAfter)).padStart(13, '0');
  return [`${identity} ${producer.id}:${producer.seq}`, retry ? `${print}!` : print, sent];
}

/** Written at the master, and too few replicas said so too. */
function notReplicated(outcome: Outcome): Outcome {
  if (outcome.outcome !== 'ok') return outcome;
  return {
    outcome: 'unknown',
    code: 'unknown_outcome',
    message: 'too few replicas confirmed it in time',
  };
}
