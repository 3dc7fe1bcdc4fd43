import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '../process/http.ts';
import { type Action, actions, type FleetView, paths } from './contract.ts';
import type { Asset } from './page-bundle.ts';

/** What the control API does things to. */
export interface Controlled {
  view(): FleetView;
  /** The document of the ring in force. */
  ringDocument(): string | undefined;
  start(): Promise<void>;
  act(id: number, action: Action): Promise<void>;
  /** Calls `listener` after each change; returns how to stop it. */
  onChange(listener: () => void): () => void;
}

/** A request that cannot be served; the message is for the person on the page. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Between two views of the fleet while somebody looks. */
const VIEW_INTERVAL_MS = 500;
const WATCHERS_MAX = 32;

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // Nothing from elsewhere; WebSockets to the gateways on this machine.
  'content-security-policy':
    "default-src 'self'; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; " +
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
};

/** Origins of the page on `port`, as browsers write them: without the port where it is 80. */
export function pageOrigins(port: number): string[] {
  return ['127.0.0.1', 'localhost'].map((host) => new URL(`http://${host}:${port}`).origin);
}

/**
 * Serves the page and its control API on 127.0.0.1 only. A request must name that host (a foreign
 * page that points its own name here is refused) and, to change something, come from the page.
 */
export class PageServer {
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #fleet: Controlled;
  readonly #port: number;
  readonly #server: Server;
  readonly #watchers = new Set<ServerResponse>();
  #stopWatching: (() => void) | undefined;

  constructor(port: number, assets: ReadonlyMap<string, Asset>, fleet: Controlled) {
    this.#port = port;
    this.#assets = assets;
    this.#fleet = fleet;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => answerError(response, error));
    });
  }

  /** Rejects with the error of the system, EADDRINUSE among them. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) watcher.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#checkHost(request);
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const asset = this.#assets.get(pathname);
    if (request.method === 'POST') {
      this.#checkOrigin(request);
      await this.#change(pathname);
      answerJson(response, this.#fleet.view());
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new Refused(405, 'Only GET and POST are served.');
    } else if (asset !== undefined) {
      response.writeHead(200, { ...HEADERS, 'content-type': asset.type }).end(asset.body);
    } else if (pathname === paths.fleet) answerJson(response, this.#fleet.view());
    else if (pathname === paths.ring) answerText(response, this.#ringDocument());
    else if (pathname === paths.events) this.#watch(response);
    else throw new Refused(404, 'There is no such thing here.');
  }

  #ringDocument(): string {
    const document = this.#fleet.ringDocument();
    if (document === undefined) throw new Refused(404, 'No gateway that answers has a ring.');
    return document;
  }

  #checkHost(request: IncomingMessage): void {
    const allowed = pageOrigins(this.#port);
    if (!allowed.includes(`http://${request.headers.host}`)) {
      throw new Refused(403, 'This page is served only to this machine, by its own name.');
    }
  }

  #checkOrigin({ headers }: IncomingMessage): void {
    if (headers.origin !== `http://${headers.host}`) {
      throw new Refused(403, 'Only the page itself may change something.');
    }
  }

  async #change(pathname: string): Promise<void> {
    if (pathname === paths.gateways) return this.#fleet.start();
    const [id, action, ...rest] = pathname.slice(paths.gateways.length + 1).split('/');
    const known = actions.find((candidate) => candidate === action);
    const valid = pathname.startsWith(`${paths.gateways}/`) && /^[1-9]$/.test(id ?? '');
    if (!valid || known === undefined || rest.length > 0) {
      throw new Refused(404, 'There is no such thing here.');
    }
    return this.#fleet.act(Number(id), known);
  }

  #watch(response: ServerResponse): void {
    if (this.#watchers.size >= WATCHERS_MAX) throw new Refused(503, 'Too many pages are open.');
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    this.#watchers.add(response);
    response.on('close', () => this.#unwatch(response));
    response.write(this.#event());
    this.#stopWatching ??= this.#startWatching();
  }

  #unwatch(response: ServerResponse): void {
    this.#watchers.delete(response);
    if (this.#watchers.size > 0) return;
    // Without a page the process has nothing to do.
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  #startWatching(): () => void {
    const send = () => {
      const event = this.#event();
      for (const watcher of this.#watchers) {
        // A page that does not read gets the next view, not all of them.
        if (watcher.writableLength === 0) watcher.write(event);
      }
    };
    const timer = setInterval(send, VIEW_INTERVAL_MS);
    const unsubscribe = this.#fleet.onChange(send);
    return () => {
      clearInterval(timer);
      unsubscribe();
    };
  }

  #event(): string {
    return `data: ${JSON.stringify(this.#fleet.view())}\n\n`;
  }
}

function answerJson(response: ServerResponse, body: unknown, status = 200): void {
  answerText(response, JSON.stringify(body), status);
}

/** Of JSON. */
function answerText(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'application/json' });
  response.end(text);
}

function answerError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof Refused ? error.status : 500;
  answerJson(response, { message: error instanceof Error ? error.message : 'failed' }, status);
}
