import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from '../process/http.ts';
import { VARIABLE_PREFIX } from './settings/catalogue.ts';

export interface HealthServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Why it is not ready; undefined: it is. */
  readonly notReady: () => string | undefined;
  /** Text for Prometheus. */
  readonly metrics: () => Promise<string>;
}

const REQUEST_MS = 10_000;

/** The address cannot be listened on; the message says what to do. */
class AddressUnusable extends Error {
  override readonly name = 'AddressUnusable';
}

/** Codes of a refusal: what it means, and the variable that chooses another. */
const refusals: Readonly<Record<string, readonly [string, string]>> = {
  EADDRINUSE: ['the port is in use', 'PORT'],
  EACCES: ['the port may not be used by this user', 'PORT'],
  EADDRNOTAVAIL: ['that is no address of this machine', 'HOST'],
  ENOTFOUND: ['that is no known host', 'HOST'],
};

/** `/livez`, `/readyz` and `/metrics`. */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: REQUEST_MS }, this.#answer);
  }

  /** Resolves with the port. Rejects with `AddressUnusable`. */
  async start(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(explain(error, `${host}:${port}`));
      });
      this.#server.listen({ host, port }, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  readonly #answer: RequestListener = (request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/livez') response.end('ok\n');
    else if (path === '/readyz') {
      const why = this.#options.notReady();
      response.writeHead(why === undefined ? 200 : 503).end(`${why ?? 'ok'}\n`);
    } else if (path === '/metrics') {
      const failed = () => response.writeHead(500).end();
      this.#options.metrics().then((text) => {
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text);
      }, failed);
    } else response.writeHead(404).end();
  };
}

function explain(error: NodeJS.ErrnoException, address: string): Error {
  const refusal = refusals[error.code ?? ''];
  if (refusal === undefined) return error;
  const [why, what] = refusal;
  const other = `choose another with ${VARIABLE_PREFIX}${what}`;
  return new AddressUnusable(`cannot listen on ${address}: ${why}; ${other}`, { cause: error });
}
