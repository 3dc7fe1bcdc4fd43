import { subscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { Clock } from '../../protocol/clock.ts';
import {
  type HttpAnswer,
  type HttpRequest,
  type TlsMaterial,
  type Transport,
  Unanswered,
} from './transport.ts';

export interface UndiciTransportOptions {
  /** `https://host:port`. */
  readonly origin: string;
  readonly clock: Clock;
  /**
   * Most connections at a time. With HTTP/2 a hundred requests share one; with HTTP/1.1, behind a
   * proxy that speaks nothing else, every watch holds its own: ten for each namespace that is
   * watched by itself. What finds none waits, until its deadline. Default: 1,024.
   */
  readonly connections?: number;
}

const CONNECTIONS = 1_024;
const STREAMS_PER_CONNECTION = 100;
const CONNECT_MS = 10_000;
/** Load balancers forget a silent connection after a minute or more. */
const PING_MS = 15_000;
/** client-go gives up after 45 s, too. */
const UNANSWERED_PINGS = 3;

/** Connections that were made with the same material, until one of them may be dead. */
interface Pool {
  readonly agent: Agent;
  readonly tls: TlsMaterial;
  /** Requests that it carries. */
  carried: number;
  retired: boolean;
}

/**
 * Node ends the streams of a session with the session's error. One that undici has let go of has
 * nobody who hears it (undici #5936, and seen with 8.12.4 where a busy machine's connection was
 * ended): that would end the process. Who waits for an answer is told all the same.
 */
subscribe('http2.client.stream.created', (message) => {
  (message as { readonly stream: ClientHttp2Stream }).stream.on('error', () => {});
});

/**
 * The transport that undici makes: HTTP/2 where the server offers it (every API server does), one
 * TLS connection for all calls and watches. Node itself has undici only inside of `fetch`: its
 * `Agent`, without which neither certificates nor HTTP/2 nor limits can be set, is not to be had.
 */
export class UndiciTransport implements Transport {
  readonly #options: UndiciTransportOptions;
  readonly #pools = new Set<Pool>();
  #current: Pool | undefined;
  #closed = false;

  constructor(options: UndiciTransportOptions) {
    this.#options = options;
  }

  async send(asked: HttpRequest): Promise<HttpAnswer> {
    const { method, path, headers, body, tls, signal, before } = asked;
    signal.throwIfAborted();
    const pool = this.#poolFor(tls);
    pool.carried += 1;
    try {
      const agent = before === undefined ? pool.agent : pool.agent.compose(asking(before));
      const answering = agent.request({
        origin: this.#options.origin,
        ...{ method, path, headers, body: body ?? null, signal },
      });
      const answer = await orAborted(answering, signal);
      return { ...answerOf(answer), body: this.#carry(pool, answer.body, signal) };
    } catch (error) {
      this.#release(pool, signal);
      throw signal.aborted ? signal.reason : error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#current = undefined;
    const pools = [...this.#pools];
    this.#pools.clear();
    await Promise.all(pools.map(({ agent }) => agent.destroy()));
  }

  /** Pools that are open: one, and those that still carry what began before it. */
  get pools(): number {
    return this.#pools.size;
  }

  #poolFor(tls: TlsMaterial): Pool {
    if (this.#closed) throw new Error('the transport is closed');
    const current = this.#current;
    if (current?.tls === tls) return current;
    if (current !== undefined) this.#retire(current);
    const pool = { agent: this.#newAgent(tls), tls, carried: 0, retired: false };
    this.#pools.add(pool);
    this.#current = pool;
    return pool;
  }

  #newAgent(tls: TlsMaterial): Agent {
    return new Agent({
      allowH2: true,
      connections: this.#options.connections ?? CONNECTIONS,
      h2Options: { maxConcurrentStreams: STREAMS_PER_CONNECTION, pingInterval: PING_MS },
      connect: this.#connector(tls),
      // Every request brings a signal that ends it; a watch may be silent for long.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  #connector(tls: TlsMaterial): buildConnector.connector {
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: PING_MS };
    const connect = buildConnector({ ...tls, ...keepAlive, timeout: CONNECT_MS, allowH2: true });
    return (options, done) => {
      connect(options, (...outcome) => {
        const [, socket] = outcome;
        // There is none when it could not connect.
        if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2')
          endWhenSilent(socket, this.#options.clock);
        done(...outcome);
      });
    };
  }

  /** The body, and the end of its request with it, however that comes. */
  async *#carry(
    pool: Pool,
    body: Dispatcher.ResponseData['body'],
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      this.#release(pool, signal);
    }
  }

  #release(pool: Pool, signal: AbortSignal): void {
    pool.carried -= 1;
    if (signal.aborted && signal.reason instanceof Unanswered) this.#retire(pool);
    else this.#endIfIdle(pool);
  }

  #retire(pool: Pool): void {
    pool.retired = true;
    if (this.#current === pool) this.#current = undefined;
    this.#endIfIdle(pool);
  }

  #endIfIdle(pool: Pool): void {
    if (!pool.retired || pool.carried > 0 || !this.#pools.delete(pool)) return;
    // Not close(): the other end may not be there any more to answer it.
    pool.agent.destroy().catch(() => {});
  }
}

/** undici tells a handler when a connection takes its request; what it throws ends the request. */
function asking(before: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const start = handler.onRequestStart?.bind(handler);
    handler.onRequestStart = (...told) => {
      before();
      start?.(...told);
    };
    return dispatch(options, handler);
  };
}

/**
 * undici looks at the signal of a request when a connection takes it: one that waits for a
 * connection, behind as many watches as there may be connections, would wait for ever.
 */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function answerOf({ statusCode, headers }: Dispatcher.ResponseData): Omit<HttpAnswer, 'body'> {
  return { status: statusCode, headers };
}

/**
 * undici sends its PINGs and does not mind when nobody answers. A connection on which nothing
 * arrives for three of them is ended, and with it every watch on it: they begin anew, before their
 * own silence would have told.
 */
export function endWhenSilent(
  socket: Pick<Socket, 'bytesRead' | 'destroy' | 'once'>,
  clock: Clock,
): void {
  let heard = socket.bytesRead;
  let silent = 0;
  const check = () => {
    silent = socket.bytesRead === heard ? silent + 1 : 0;
    heard = socket.bytesRead;
    if (silent >= UNANSWERED_PINGS) {
      socket.destroy(new Unanswered(`no PING was answered for ${silent * PING_MS} ms`));
    } else timer = clock.after(PING_MS, check);
  };
  let timer = clock.after(PING_MS, check);
  socket.once('close', () => timer.cancel());
}
