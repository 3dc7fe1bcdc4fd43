import type { Clock } from '../protocol/clock.ts';
import type { AckLevel } from '../protocol/commands.ts';
import type { Acked, Err } from '../protocol/events.ts';
import { commandText } from '../protocol/json-text.ts';
import * as limits from '../protocol/limits.ts';
import { formatPosition } from '../protocol/position.ts';
import { topicProblem } from '../protocol/topic.ts';
import { type Deferred, deferred } from './deferred.ts';
import { PublishError, type Reason } from './errors.ts';
import type { Settings } from './options.ts';
import type { Requests } from './requests.ts';

export interface PublishOptions {
  /** When it counts as done: written by the master, or by all replicas. Default: the topic's. */
  readonly ack?: AckLevel;
  /** Stops waiting, and sending where it was not sent yet. */
  readonly signal?: AbortSignal;
  /** Deadline, in ms. Default: `publishTimeoutMs` of the client. */
  readonly timeoutMs?: number;
}

/** Where a published message is. */
export interface Published {
  readonly position: string | undefined;
  /** An earlier sending of it had been written; the position is that one's. */
  readonly duplicate: boolean;
}

interface Entry {
  readonly id: number;
  readonly text: string;
  readonly bytes: number;
  readonly done: Deferred<Published>;
  readonly release: () => void;
  /** Sent on this connection, and not answered. */
  inFlight: boolean;
  /** When it was sent first. Undefined: certainly not written. */
  sentAt: number | undefined;
  /** An earlier sending of it may have been written. */
  doubtful: boolean;
}

/** The way to the gateway. */
export interface OutboundWire {
  /** Whether what is published now leaves now. */
  readonly publishing: boolean;
  write(text: string): void;
}

const encoder = new TextEncoder();

/** Ends the frame of a publish that is sent again. */
const RETRY = ',"retry":true}';

/**
 * Publishes that have no answer yet, in the order of the calls: they are sent as soon as there is
 * a connection, and again, with the same number of the same producer, when one broke before the
 * answer. So each is written at most once; and in order, since the log refuses a retry where a
 * later one was written.
 */
export class Outbound {
  readonly #settings: Settings;
  readonly #requests: Requests;
  readonly #clock: Clock;
  readonly #wire: OutboundWire;
  readonly #producer: string;
  readonly #entries = new Map<number, Entry>();
  #seq = 0;
  #bytes = 0;
  #frameBytes: number = limits.frameBytes;

  constructor(wire: OutboundWire, settings: Settings, requests: Requests) {
    const { clock, random } = settings;
    this.#settings = settings;
    this.#requests = requests;
    this.#clock = clock;
    this.#wire = wire;
    this.#producer = `${random().toString(36)}${random().toString(36)}`.replaceAll('.', '');
  }

  /** Settles as written, or rejects with a `PublishError`; waiting for it is optional. */
  publish(topic: string, data: unknown, options: PublishOptions): Promise<Published> {
    const done = deferred<Published>();
    try {
      this.#enqueue(topic, { data, options, done });
    } catch (error) {
      done.reject(error);
    }
    return done.promise;
  }

  /** Whether everything that was sent is answered. */
  get idle(): boolean {
    return [...this.#entries.values()].every(({ inFlight }) => !inFlight);
  }

  /** A connection is there: what waits is sent, in order. */
  onWelcome(frameBytes: number): void {
    this.#frameBytes = frameBytes;
    this.flush();
  }

  /** What waits is sent, in order. */
  flush(): void {
    for (const entry of [...this.#entries.values()]) if (!entry.inFlight) this.#send(entry);
  }

  onLost(): void {
    for (const entry of this.#entries.values()) {
      entry.doubtful ||= entry.inFlight;
      entry.inFlight = false;
    }
  }

  /** False: not the answer to a publish. */
  onAnswer(answer: Acked | Err): boolean {
    const entry = this.#entries.get(answer.id ?? 0);
    if (entry === undefined) return false;
    if (answer.type === 'acked') this.#written(entry, answer);
    else this.#refused(entry, answer);
    return true;
  }

  /** Settles everything, for one reason. */
  end(reason: Reason): void {
    for (const entry of [...this.#entries.values()]) this.#giveUp(entry, reason);
  }

  #enqueue(topic: string, { data, options, done }: Call): void {
    const { signal, ack, timeoutMs = this.#settings.publishTimeoutMs } = options;
    const problem = topicProblem(topic);
    if (problem !== undefined) throw failure({ code: 'bad_topic', message: problem });
    if (signal?.aborted) throw failure(aborted(signal));
    const id = this.#requests.next();
    const producer = { id: this.#producer, seq: this.#seq + 1 };
    const text = encode({ type: 'pub', id, topic, data, producer, ...(ack && { ack }) });
    const bytes = encoder.encode(text + RETRY).length;
    const { queueCount, queueBytes } = this.#settings;
    if (this.#entries.size >= queueCount || this.#bytes + bytes > queueBytes) {
      throw failure({ code: 'queue_full' });
    }
    const onAbort = () => this.#giveUp(entry, aborted(signal));
    const timer = this.#clock.after(timeoutMs, () => this.#giveUp(entry, { code: 'timeout' }));
    signal?.addEventListener('abort', onAbort);
    const release = () => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const entry: Entry = {
      id,
      text,
      bytes,
      done,
      release,
      inFlight: false,
      doubtful: false,
      sentAt: undefined,
    };
    this.#seq += 1;
    this.#bytes += bytes;
    this.#entries.set(id, entry);
    if (this.#wire.publishing) this.#send(entry);
  }

  #send(entry: Entry): void {
    const now = this.#clock.now();
    const { bytes, sentAt = now } = entry;
    if (bytes > this.#frameBytes) {
      const message = `${bytes} bytes; at most ${this.#frameBytes}`;
      this.#giveUp(entry, { code: 'too_large', message });
    } else if (now - sentAt > this.#settings.resendWindowMs) {
      // The gateways may not know any more that it was written.
      this.#giveUp(entry, { code: 'disconnected' });
    } else {
      entry.inFlight = true;
      entry.sentAt = sentAt;
      this.#wire.write(entry.doubtful ? entry.text.slice(0, -1) + RETRY : entry.text);
    }
  }

  #written(entry: Entry, { position, duplicate }: Acked): void {
    this.#remove(entry);
    entry.done.resolve({
      position: position && formatPosition(position),
      duplicate: duplicate === true,
    });
  }

  #refused(entry: Entry, { code, message }: Err): void {
    this.#remove(entry);
    // That this sending was not written does not tell what became of an earlier one.
    const known = code !== 'unknown_outcome' && !entry.doubtful;
    entry.done.reject(new PublishError(known ? 'failed' : 'unknown', { code, message }));
  }

  #giveUp(entry: Entry, reason: Reason): void {
    if (!this.#entries.has(entry.id)) return;
    this.#remove(entry);
    const outcome = entry.sentAt === undefined ? 'failed' : 'unknown';
    entry.done.reject(new PublishError(outcome, reason));
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#bytes -= entry.bytes;
    entry.release();
  }
}

interface Call {
  readonly data: unknown;
  readonly options: PublishOptions;
  readonly done: Deferred<Published>;
}

const aborted = (signal: AbortSignal | undefined): Reason => ({
  code: 'aborted',
  cause: signal?.reason,
});

const failure = (reason: Reason) => new PublishError('failed', reason);

function encode(command: Parameters<typeof commandText>[0]): string {
  try {
    return commandText(command);
  } catch (cause) {
    throw failure({ code: 'bad_data', cause });
  }
}
