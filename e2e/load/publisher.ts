import { Agent, request } from '../../process/http.ts';
import type { Random } from '../../protocol/clock.ts';
import { parsePosition } from '../../protocol/position.ts';
import { pickOne } from '../../protocol/testing/chance.ts';
import { pause } from '../deadline.ts';
import { nanoseconds, type Recorder } from '../history/recorder.ts';
import type { PublishRecord } from '../history/records.ts';
import type { LoadCounts } from './counts.ts';
import { composed, hashOfMessage, type LoadMessage } from './message.ts';
import { Repetition } from './repetition.ts';
import type { Target, Targets } from './target.ts';

/** Somebody who publishes until told to stop, and records how each message ended. */
export interface Publisher {
  start(): void;
  /** Resolves when the message under way is settled. */
  stop(): Promise<void>;
  /** Stops without settling what is under way. */
  abandon(): void;
  /** The gateway that has its message under way; undefined: there is none. */
  readonly speaksTo: string | undefined;
}

export interface PublisherOptions {
  readonly name: string;
  readonly topics: readonly string[];
  readonly targets: Targets;
  readonly recorder: Recorder;
  readonly counts: LoadCounts;
  readonly random: Random;
  readonly level: 'leader' | 'replicas';
  readonly bytes: number;
  /** Time from one message to the next. */
  readonly everyMs: number;
  readonly heartbeatMs: number;
}

type Answer =
  | { readonly out: 'ok'; readonly epoch: string; readonly seq: number; readonly again: boolean }
  | { readonly out: 'failed' | 'unknown'; readonly code: string; readonly retry: boolean };

const ANSWER_MS = 8_000;
/** An unknown outcome is asked again for so long; the server remembers for longer. */
const SETTLE_MS = 30_000;

/**
 * Publishes over HTTP, one message at a time, each with a producer sequence. What is unknown is
 * tried again until it is known; what failed is given up half of the time.
 */
export class HttpPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #numbers = new Map<string, number>();
  #target: Target;
  #sequence = 0;
  readonly #publishing: Repetition;
  #abandoned = false;
  #speaking = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#target = options.targets.pick();
    const { topics, random, everyMs, targets } = options;
    this.#publishing = new Repetition({
      round: async () => {
        if (!targets.isHushed(this.#target.name)) await this.publish(pickOne(topics, random));
      },
      ...{ everyMs, firstMs: random() * everyMs },
    });
  }

  start(): void {
    this.#publishing.start();
  }

  async stop(): Promise<void> {
    await this.#publishing.stop();
    this.#agent.destroy();
  }

  abandon(): void {
    void this.#publishing.stop();
    this.#abandoned = true;
    this.#agent.destroy();
  }

  get speaksTo(): string | undefined {
    return this.#speaking ? this.#target.name : undefined;
  }

  /** One message, tried until its outcome is known or the deadline passed. */
  async publish(topic: string): Promise<void> {
    const { name, recorder, counts, random, level, bytes } = this.#options;
    const pn = (this.#numbers.get(topic) ?? 0) + 1;
    this.#numbers.set(topic, pn);
    this.#sequence += 1;
    const sequence = this.#sequence;
    const message = composed(`${recorder.run}/${name}/${topic}/${pn}`, bytes);
    const hash = hashOfMessage(message);
    const end = performance.now() + SETTLE_MS;
    for (let attempt = 1; ; attempt += 1) {
      const inv = nanoseconds();
      this.#speaking = true;
      const answer = await this.#post({ topic, message, sequence });
      this.#speaking = false;
      const said = { topic, id: message.id, hash, publisher: name, pn, attempt, level } as const;
      recorder.write(asRecord({ ...said, inv, ret: nanoseconds() }, answer));
      count(counts, answer, { target: this.#target, attempt });
      if (answer.out === 'ok') return;
      const again = answer.out === 'unknown' || (answer.retry && random() < 0.5);
      if (!again || this.#abandoned || performance.now() > end) return;
      this.#target = this.#options.targets.pick();
      await pause(20 + random() * 80);
    }
  }

  async #post(draft: { topic: string; message: LoadMessage; sequence: number }): Promise<Answer> {
    const body = JSON.stringify({
      topic: draft.topic,
      data: draft.message,
      producer: { id: this.#options.name, seq: draft.sequence },
      ack: this.#options.level,
    });
    try {
      const { status, text } = await exchange(`${this.#target.http}/v1/publish`, body, this.#agent);
      return read(status, text);
    } catch (error) {
      const sent = !(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED');
      return { out: sent ? 'unknown' : 'failed', code: sent ? 'broken' : 'refused', retry: true };
    }
  }
}

function asRecord(
  said: Omit<PublishRecord, 'kind' | 'out' | 'epoch' | 'seq' | 'code'>,
  answer: Answer,
): PublishRecord {
  if (answer.out !== 'ok') return { kind: 'pub', ...said, out: answer.out, code: answer.code };
  return { kind: 'pub', ...said, out: 'ok', epoch: answer.epoch, seq: answer.seq };
}

function count(
  counts: LoadCounts,
  answer: Answer,
  { target, attempt }: { target: Target; attempt: number },
): void {
  if (answer.out === 'ok') {
    counts.acknowledge(target.name);
    if (answer.again) counts.duplicateAnswers += 1;
    if (answer.again && attempt > 1) counts.askedAgain += 1;
    return;
  }
  counts[answer.out] += 1;
  counts.refused(answer.code);
}

function read(status: number, text: string): Answer {
  const body = json(text);
  const position = parsePosition(body['position']);
  if (status === 200 && position !== undefined) {
    const { epoch, seq } = position;
    return { out: 'ok', epoch, seq, again: body['duplicate'] === true };
  }
  const retry = status === 429 || status >= 500;
  const { code } = body;
  if (typeof code !== 'string') {
    // A proxy's page: what the gateway behind it did, nobody knows.
    return { out: status >= 500 ? 'unknown' : 'failed', code: `status ${status}`, retry };
  }
  return { out: code === 'unknown_outcome' ? 'unknown' : 'failed', code, retry };
}

function json(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Not ours: a proxy's page, or half an answer. The status alone speaks then.
    return {};
  }
}

function exchange(
  url: string,
  body: string,
  agent: InstanceType<typeof Agent>,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const outgoing = request(url, { method: 'POST', agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
      );
    });
    const timer = setTimeout(() => outgoing.destroy(new Error('no answer')), ANSWER_MS);
    outgoing.on('error', reject);
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.end(body);
  });
}
