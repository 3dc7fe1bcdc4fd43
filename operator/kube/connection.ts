import type { Clock } from '../../protocol/clock.ts';
import { type RequestCounts, silentRequestCounts } from './counts.ts';
import type { Credentials, Proof } from './credentials.ts';
import { linesOf } from './json-lines.ts';
import { failed, KubeError, refused } from './kube-error.ts';
import { isRecord } from './objects.ts';
import { type Query, readStatus, withQuery } from './resource.ts';
import { type HttpAnswer, type Method, type Transport, Unanswered } from './transport.ts';

/** Types of patches; the body of each is JSON. */
export type PatchType = 'apply-patch+yaml' | 'merge-patch+json' | 'json-patch+json';

export interface Call {
  readonly method: Method;
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON, every field of it as it is. */
  readonly body?: unknown;
  readonly patch?: PatchType;
  /** Besides those that say who calls: for what the API server passes the call on to. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for everything: proof, connection, the whole answer. Default: `deadlineMs`. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Asked when a connection takes it, right before it is written; what it throws ends the call. */
  readonly before?: () => void;
}

export interface Watching {
  readonly path: string;
  readonly query: Query;
  /** Longest silence, from the request on; bookmarks break it. Milliseconds. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** One line of a watch, as it came. */
export interface WatchEvent {
  readonly type: string;
  readonly object: Readonly<Record<string, unknown>>;
}

export interface ConnectionOptions {
  readonly credentials: Credentials;
  readonly transport: Transport;
  readonly clock: Clock;
  /** `wscluster-operator/0.1.0`: who it is in the audit log. */
  readonly userAgent: string;
  /** Default: 30 s, half of what the API server itself gives a request. */
  readonly deadlineMs?: number;
  /** Largest answer. Default: 32 MiB, twenty objects of the greatest size that etcd takes. */
  readonly maxAnswerBytes?: number;
  /** Largest event of a watch. Default: 8 MiB. */
  readonly maxEventBytes?: number;
  readonly counts?: RequestCounts;
}

const DEADLINE_MS = 30_000;
const ANSWER_BYTES = 32 * 1024 * 1024;
const EVENT_BYTES = 8 * 1024 * 1024;

/** What the runtime needs of the API server: a question with one answer, and a watch. */
export interface ApiServer {
  /**
   * The answer's JSON, as it came. Rejects with a `KubeError`, or with the reason of the caller's
   * signal. Nothing is tried twice here: who called knows whether it still matters.
   */
  call(call: Call): Promise<unknown>;
  /**
   * Events until the server ends the watch, which is no error. Throws a `KubeError`, also for an
   * event that is one (`ERROR` with 410), or the reason of the caller's signal.
   */
  watch(watching: Watching): AsyncIterable<WatchEvent>;
}

/** The API server, over a transport and with a proof of who calls. */
export class Connection implements ApiServer {
  readonly #options: ConnectionOptions;
  readonly #counts: RequestCounts;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#counts = options.counts ?? silentRequestCounts;
  }

  async call(call: Call): Promise<unknown> {
    const { clock, deadlineMs = DEADLINE_MS, maxAnswerBytes = ANSWER_BYTES } = this.#options;
    const what = `${call.method} ${call.path}`;
    const limit = new Patience(clock, call.signal);
    limit.expect(call.deadlineMs ?? deadlineMs);
    try {
      const answer = await this.#send(call, limit);
      const text = await readText(answer, { maxBytes: maxAnswerBytes, what });
      if (!isSuccess(answer)) throw this.#refusal(answer, what, text);
      return text === '' ? undefined : parse(text, what);
    } catch (error) {
      throw limit.explain(error, what);
    } finally {
      limit.end();
    }
  }

  async *watch({ path, query, idleMs, signal }: Watching): AsyncGenerator<WatchEvent> {
    const { clock, maxEventBytes = EVENT_BYTES } = this.#options;
    const what = `WATCH ${path}`;
    const limit = new Patience(clock, signal);
    limit.expect(idleMs);
    try {
      const call: Call = { method: 'GET', path, query: { ...query, watch: true } };
      const answer = await this.#send(call, limit);
      if (!isSuccess(answer)) {
        const text = await readText(answer, { maxBytes: maxEventBytes, what });
        throw this.#refusal(answer, what, text);
      }
      limit.expect(idleMs);
      const tooLong = () =>
        failed('AnswerTooLarge', `${what}: an event over ${maxEventBytes} bytes`);
      for await (const line of linesOf(answer.body, { maxBytes: maxEventBytes, tooLong })) {
        const event = this.#readEvent(line, what);
        // Nobody waits for the server while the events before are worked on.
        limit.pause();
        yield event;
        limit.expect(idleMs);
      }
    } catch (error) {
      throw limit.explain(error, what);
    } finally {
      // Who stops listening ends the request, too.
      limit.end(true);
    }
  }

  async #send(call: Call, limit: Patience): Promise<HttpAnswer> {
    const { credentials, transport, userAgent } = this.#options;
    const { method, body, patch } = call;
    const proof = await this.#prove(limit);
    const own = { ...proof.headers, accept: 'application/json', 'user-agent': userAgent };
    const headers = { ...call.headers, ...own };
    const type = `application/${patch ?? 'json'}`;
    const path = credentials.basePath + withQuery(call.path, call.query);
    const before = refusing(call.before);
    const request = { method, path, tls: proof.tls, signal: limit.signal, before };
    try {
      const answer = await transport.send(
        body === undefined
          ? { ...request, headers }
          : {
              ...request,
              headers: { ...headers, 'content-type': type },
              body: JSON.stringify(body),
            },
      );
      this.#counts.request(method, answer.status);
      // A token that rotated since it was read; the next call reads it again.
      if (answer.status === 401) credentials.forget();
      return answer;
    } catch (error) {
      if (!(error instanceof Refused)) this.#counts.request(method, undefined);
      throw error;
    }
  }

  async #prove(limit: Patience): Promise<Proof> {
    const { credentials } = this.#options;
    try {
      return await limit.race(credentials.current());
    } catch (error) {
      if (limit.signal.aborted) throw error;
      throw failed('CredentialsUnavailable', `no credentials: ${messageOf(error)}`, error);
    }
  }

  #readEvent(line: string, what: string): WatchEvent {
    const event = parse(line, what);
    if (!isRecord(event) || typeof event['type'] !== 'string' || !isRecord(event['object'])) {
      throw failed('AnswerUnreadable', `${what}: not an event`);
    }
    if (event['type'] === 'ERROR') {
      const status = readStatus(event['object']);
      const wallMs = this.#options.clock.wall();
      throw refused({ code: status?.code ?? 500, what, status, wallMs });
    }
    return { type: event['type'], object: event['object'] };
  }

  #refusal(answer: HttpAnswer, what: string, text: string): KubeError {
    const header = answer.headers['retry-after'];
    return refused({
      code: answer.status,
      what,
      status: statusIn(text),
      text,
      retryAfter: typeof header === 'string' ? header : undefined,
      wallMs: this.#options.clock.wall(),
    });
  }
}

/** What the caller's own `before` threw. */
class Refused extends Error {}

function refusing(before: (() => void) | undefined): (() => void) | undefined {
  if (before === undefined) return undefined;
  return () => {
    try {
      before();
    } catch (error) {
      throw new Refused('refused by the caller', { cause: error });
    }
  };
}

/** How long is waited for something, and who else may end the waiting. */
class Patience {
  readonly #clock: Clock;
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#controller.abort(this.#outer?.reason);
  #timer: ReturnType<Clock['after']> | undefined;

  constructor(clock: Clock, outer: AbortSignal | undefined) {
    this.#clock = clock;
    this.#outer = outer;
    if (outer?.aborted) this.#onAbort();
    else outer?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on; what was expected before counts no more. */
  expect(ms: number): void {
    this.pause();
    this.#timer = this.#clock.after(ms, () => {
      this.#controller.abort(new Unanswered(`nothing for ${ms} ms`));
    });
  }

  pause(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** For work that knows no signal: it goes on, and nobody waits for it any more. */
  race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** What an error is to the caller: its own abort, or one of ours. */
  explain(error: unknown, what: string): unknown {
    const { signal } = this;
    if (error instanceof Refused) return error.cause;
    if (signal.aborted) {
      if (!(signal.reason instanceof Unanswered)) return signal.reason;
      return failed('DeadlineExceeded', `${what}: ${signal.reason.message}`, signal.reason);
    }
    if (error instanceof KubeError) return error;
    return failed('Unreachable', `${what}: ${messageOf(error)}`, error);
  }

  end(abandon = false): void {
    this.pause();
    this.#outer?.removeEventListener('abort', this.#onAbort);
    if (abandon) this.#controller.abort(new Error('not wanted any more'));
  }
}

const isSuccess = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;

async function readText(
  { body }: HttpAnswer,
  { maxBytes, what }: { readonly maxBytes: number; readonly what: string },
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > maxBytes) throw failed('AnswerTooLarge', `${what}: over ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failed('AnswerUnreadable', `${what}: not JSON`, error);
  }
}

/** Proxies in front answer with anything; only the API server with a Status. */
function statusIn(text: string): ReturnType<typeof readStatus> {
  try {
    return readStatus(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
