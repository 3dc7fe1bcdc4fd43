import type { HttpAnswer, HttpRequest, Transport } from '../transport.ts';

/** A transport for tests of what stands above it: it answers what the test says. */
export class CannedTransport implements Transport {
  readonly requests: HttpRequest[] = [];
  readonly #answer: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

  constructor(answer: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>) {
    this.#answer = answer;
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    request.before?.();
    this.requests.push(request);
    return this.#answer(request);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Canned {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text, or the pieces in which it comes. */
  readonly body?: string | AsyncIterable<Uint8Array>;
}

export function canned({ status = 200, headers = {}, body = '' }: Canned): HttpAnswer {
  return { status, headers, body: typeof body === 'string' ? pieces(body) : body };
}

/** Ends with the signal's reason, as a socket does that was given up. */
export function never(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

export async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
