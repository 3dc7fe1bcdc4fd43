import { type ChainableCommander, Redis } from 'ioredis';
import { decodeEntry } from '../../gateway/stream/redis/entry-codec.ts';
import { redisKeys } from '../../gateway/stream/redis/keys.ts';
import { within } from '../deadline.ts';
import { nanoseconds, type Recorder } from '../history/recorder.ts';
import type { LineageRecord } from '../history/records.ts';
import { hashOfMessage, received } from './message.ts';
import { Repetition } from './repetition.ts';
import type { Place } from './subscriber.ts';

export interface ArbiterOptions {
  readonly topics: readonly string[];
  readonly keyPrefix: string;
  readonly recorder: Recorder;
  /** Port of the server that is the master now. */
  readonly master: () => Promise<number>;
  /** Where that is. Default: the loopback. */
  readonly host?: string;
}

const POLL_MS = 25;
const READ_MS = 2_000;
/** A transaction on a connection that dies may never be answered, nor rejected. */
const ROUND_MS = 8_000;
/** Entries read at a time. */
const PAGE = 2_000;

/**
 * Reads the log of every topic for itself, straight from the current master and without any code
 * of the gateway but its key names and its entry format: what it saw is what really happened.
 */
export class Arbiter {
  readonly #options: ArbiterOptions;
  readonly #watches: readonly TopicWatch[];
  #redis: Redis | undefined;
  #port = 0;
  readonly #reading = new Repetition({ round: () => this.#read(), everyMs: POLL_MS });
  /** Polls that failed: the store was away, as far as the arbiter could see. */
  failures = 0;
  /** Rounds over all topics that were read to the end. */
  rounds = 0;

  constructor(options: ArbiterOptions) {
    this.#options = options;
    const keys = redisKeys(options.keyPrefix);
    this.#watches = options.topics.map(
      (topic) =>
        new TopicWatch(
          { topic, log: keys.log(topic), meta: keys.meta(topic), world: keys.partition[0] },
          options.recorder,
        ),
    );
  }

  start(): void {
    this.#reading.start();
  }

  async stop(): Promise<void> {
    await this.#reading.stop();
    this.#redis?.disconnect();
  }

  /** Reads everything that is there from the beginning. Rejects when the store is away. */
  async readAll(): Promise<void> {
    for (const watch of this.#watches) watch.again();
    const redis = await this.#connection();
    for (const watch of this.#watches) while (await look([watch], redis));
    for (const watch of this.#watches) watch.conclude();
  }

  /** The head of a topic, as last read. */
  head(topic: string): Place {
    const watch = this.#watches.find((candidate) => candidate.topic === topic);
    return { epoch: watch?.epoch ?? '', seq: watch?.head ?? 0 };
  }

  async #read(): Promise<void> {
    try {
      await within(this.#round(), { for: 'a look at every topic', deadlineMs: ROUND_MS });
      this.rounds += 1;
    } catch {
      // Faults are what this is for: the next poll looks for the master again.
      this.failures += 1;
      this.#redis?.disconnect();
      this.#redis = undefined;
    }
  }

  async #round(): Promise<void> {
    await look(this.#watches, await this.#connection());
  }

  async #connection(): Promise<Redis> {
    const port = await this.#options.master();
    if (this.#redis !== undefined && this.#port === port) return this.#redis;
    this.#redis?.disconnect();
    this.#port = port;
    this.#redis = new Redis(port, this.#options.host ?? '127.0.0.1', {
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      commandTimeout: READ_MS,
      connectTimeout: READ_MS,
    });
    // Its commands reject with the same error.
    this.#redis.on('error', () => {});
    return this.#redis;
  }
}

interface WatchedKeys {
  readonly topic: string;
  readonly log: string;
  readonly meta: string;
  readonly world: string;
}

/** `q` begins with the epoch, which is followed by a space. */
type Reply = [q: string | null, seq: string | null, chain: string | null];
type Raw = [id: Buffer, fields: Buffer[]];
type Answers = [topic: Reply, world: string | null, oldest: Raw[], newest: Raw[]];
const ANSWERS = 4;

/** One look at topics, atomic. True: there is more to read of one. */
async function look(watches: readonly TopicWatch[], redis: Redis): Promise<boolean> {
  const t = nanoseconds();
  const transaction = redis.multi();
  for (const watch of watches) watch.ask(transaction);
  const answers = ((await transaction.exec()) ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
  const more = watches.map((watch, index) =>
    watch.take(t, answers.slice(index * ANSWERS, (index + 1) * ANSWERS) as Answers),
  );
  return more.includes(true);
}

class TopicWatch {
  head = 0;
  #first = 1;
  readonly #keys: WatchedKeys;
  readonly #recorder: Recorder;
  #seen = 0;
  #epoch = '';
  #chain = '';

  constructor(keys: WatchedKeys, recorder: Recorder) {
    this.#keys = keys;
    this.#recorder = recorder;
  }

  get topic(): string {
    return this.#keys.topic;
  }

  get epoch(): string {
    return this.#epoch;
  }

  again(): void {
    this.#seen = 0;
  }

  /** Asks for as many answers as `Answers` has. */
  ask(transaction: ChainableCommander): void {
    const { log, meta, world } = this.#keys;
    transaction
      .hmget(meta, 'q', 's', 'c')
      .hget(world, 'e')
      .xrangeBuffer(log, '-', '+', 'COUNT', 1)
      .xrangeBuffer(log, `(${this.#seen}-0`, '+', 'COUNT', PAGE);
  }

  /** True: there is more to read. */
  take(t: number, [topic, world, oldest, newest]: Answers): boolean {
    const [q, seq, chain] = topic;
    const epoch = q?.split(' ')[0] ?? null;
    this.#lineage({ t, epoch, seq: Number(seq ?? 0), chain, world });
    this.#retained(t, oldest);
    for (const raw of newest) this.#entry(t, raw);
    return newest.length === PAGE;
  }

  /** The last word: what the topic is now. */
  conclude(): void {
    const t = nanoseconds();
    const { topic } = this.#keys;
    this.#recorder.write({ kind: 'retained', t, topic, epoch: this.#epoch, first: this.#first });
    this.#write(t);
  }

  #lineage(now: {
    t: number;
    epoch: string | null;
    seq: number;
    chain: string | null;
    world: string | null;
  }): void {
    const epoch = now.epoch ?? now.world ?? '';
    const chain = now.chain ?? '';
    const changed = epoch !== this.#epoch || chain !== this.#chain || now.seq < this.head;
    // What was read above the new head is read again: the numbers may have been given again.
    if (changed) this.#seen = Math.min(this.#seen, limitOf(chain, now.seq));
    this.#epoch = epoch;
    this.#chain = chain;
    this.head = now.seq;
    if (changed && epoch !== '') this.#write(now.t);
  }

  #write(t: number): void {
    const { topic } = this.#keys;
    const epochs = epochsOf(this.#chain, { epoch: this.#epoch, seq: this.head });
    this.#recorder.write({ kind: 'lineage', t, topic, epochs });
  }

  #retained(t: number, [oldest]: readonly Raw[]): void {
    const first = oldest === undefined ? this.head + 1 : Number.parseInt(oldest[0].toString(), 10);
    if (first === this.#first) return;
    this.#first = first;
    const { topic } = this.#keys;
    this.#recorder.write({ kind: 'retained', t, topic, epoch: this.#epoch, first });
  }

  #entry(t: number, [id, fields]: Raw): void {
    const entry = decodeEntry(fields[1] ?? Buffer.alloc(0));
    if (entry === undefined) throw new Error(`${this.topic}: no entry of ours: ${id.toString()}`);
    this.#seen = entry.seq;
    const message = received(JSON.parse(Buffer.from(entry.data.bytes).toString('utf8')));
    this.#recorder.write({
      kind: 'entry',
      t,
      topic: this.topic,
      epoch: entry.epoch,
      seq: entry.seq,
      id: message.id,
      hash: hashOfMessage(message),
    });
  }
}

interface ChainText {
  readonly epochs: readonly string[];
  readonly limit: number;
}

/** `birth since;epoch,epoch:limit:known:since;…`, newest link first. */
function linksOf(chain: string): ChainText[] {
  return chain
    .split(';')
    .slice(1)
    .map((link) => {
      const [epochs = '', limit = '0'] = link.split(':');
      return { epochs: epochs.split(','), limit: Number(limit) };
    });
}

const limitOf = (chain: string, seq: number): number => linksOf(chain)[0]?.limit ?? seq;

function epochsOf(chain: string, current: { epoch: string; seq: number }): LineageRecord['epochs'] {
  const epochs: { epoch: string; start: number; end: number }[] = [];
  let start = 0;
  for (const { epochs: names, limit } of linksOf(chain).reverse()) {
    names.forEach((epoch, index) => {
      // Only the first of a link has messages; the others ended as they began.
      epochs.push({ epoch, start: index === 0 ? start : limit, end: limit });
    });
    start = Math.max(start, limit);
  }
  return [...epochs, { epoch: current.epoch, start, end: current.seq }];
}
