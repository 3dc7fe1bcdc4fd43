import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Credentials } from '../../operator/kube/credentials.ts';
import { kubeconfig } from '../../operator/kube/kubeconfig.ts';
import type { Method } from '../../operator/kube/transport.ts';
import { UndiciTransport } from '../../operator/kube/undici-transport.ts';
import { createServer } from '../../process/http.ts';
import { foregroundClock as clock } from '../../protocol/clock.ts';
import { kubeconfigOf } from './kube-target.ts';
import type { Target } from './target.ts';

/** A call on its way to the API server. */
export interface ProxiedCall {
  readonly method: Method;
  /** With its query. */
  readonly path: string;
  /** `lease`: about a Lease, read or write: those come for as long as an operator lives. */
  readonly kind: 'read' | 'watch' | 'write' | 'lease';
}

/** What the API server says instead of answering. */
export interface Refusal {
  readonly status: number;
  readonly retryAfterS?: number;
}

/** `hold`: it goes no further, and nobody is told. */
export type Passage = 'pass' | 'hold' | Refusal;

const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);

export interface ApiProxyOptions {
  /** Where it listens. Default: the loopback. */
  readonly host?: string | undefined;
  /** Of the program: its calls have it at the end of their user agent, in the audit log. */
  readonly name: string;
}

interface Ends {
  readonly server: Server;
  readonly credentials: Credentials;
}

/**
 * Stands in front of the API server, for one program: counts what it asks, and refuses, holds and
 * cuts what a test says. Plain HTTP to the program; to the server it is an administrator.
 */
export class ApiProxy {
  /** File by which the program finds it. */
  readonly kubeconfig: string;
  readonly counts = { read: 0, watch: 0, write: 0, lease: 0, refused: 0, cut: 0 };
  /** Asked of every call before it goes on. */
  before: (call: ProxiedCall) => Passage | Promise<Passage> = () => 'pass';
  /** Asked when the API server has answered, before the program is told. */
  after: (call: ProxiedCall, status: number) => 'pass' | 'hold' = () => 'pass';
  readonly #folder: string;
  readonly name: string;
  readonly #server: Server;
  readonly #credentials: Credentials;
  readonly #transport: UndiciTransport;
  readonly #watches = new Set<ServerResponse>();

  private constructor(
    folder: string,
    { server, credentials, name }: Pick<ApiProxyOptions, 'name'> & Ends,
  ) {
    this.#folder = folder;
    this.name = name;
    this.kubeconfig = join(folder, 'kubeconfig');
    this.#server = server;
    this.#credentials = credentials;
    this.#transport = new UndiciTransport({ origin: credentials.origin, clock });
    server.on('request', (request, response) => {
      this.#pass(request, response).catch((error: unknown) => {
        // As a connection that ends: nobody answered.
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
  }

  static async open(
    target: Target,
    { host = '127.0.0.1', name }: ApiProxyOptions,
  ): Promise<ApiProxy> {
    const folder = await mkdtemp(join(tmpdir(), 'wscluster-proxy-'));
    const credentials = await kubeconfig({ clock, file: kubeconfigOf(target) });
    const server = createServer();
    const proxy = new ApiProxy(folder, { server, credentials, name });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, host, resolve);
    });
    const { port } = server.address() as AddressInfo;
    const cluster = { server: `http://${host}:${port}`, 'insecure-skip-tls-verify': true };
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'proxy', users: [] },
      clusters: [{ name: 'proxy', cluster }],
      contexts: [{ name: 'proxy', context: { cluster: 'proxy' } }],
    };
    await writeFile(proxy.kubeconfig, JSON.stringify(config));
    return proxy;
  }

  /** Ends every watch that is under way, in the middle of whatever it says, or held. */
  cutWatches(): void {
    for (const watch of this.#watches) {
      this.counts.cut += 1;
      watch.destroy();
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await Promise.all([
      new Promise((resolve) => this.#server.close(resolve)),
      this.#transport.close(),
      rm(this.#folder, { recursive: true }),
    ]);
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const call = callOf(request);
    this.counts[call.kind] += 1;
    if (call.kind === 'watch') {
      this.#watches.add(response);
      response.once('close', () => this.#watches.delete(response));
    }
    const passage = await this.before(call);
    if (passage === 'hold') return;
    if (passage !== 'pass') {
      this.counts.refused += 1;
      refuse(response, passage);
      return;
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the caller is gone')));
    const proof = await this.#credentials.current();
    const agent = `${request.headers['user-agent']} ${this.name}`;
    const headers = { ...passedOn(request.headers), ...proof.headers, 'user-agent': agent };
    const { method, path } = call;
    const sent = { method, path, headers, tls: proof.tls, signal: gone.signal };
    const answer = await this.#transport.send(body === '' ? sent : { ...sent, body });
    if (this.after(call, answer.status) === 'hold') return;
    response.writeHead(answer.status, passedOn(answer.headers));
    response.flushHeaders();
    for await (const piece of answer.body) response.write(piece);
    response.end();
  }
}

function callOf({ method = 'GET', url: path = '/' }: IncomingMessage): ProxiedCall {
  if (!isMethod(method)) throw new Error(`${method}: not for the API server`);
  if (path.includes('/leases')) return { method, path, kind: 'lease' };
  if (method !== 'GET') return { method, path, kind: 'write' };
  return { method, path, kind: path.includes('watch=true') ? 'watch' : 'read' };
}

const isMethod = (method: string): method is Method => METHODS.includes(method);

function passedOn(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const known = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || HOP_BY_HOP.has(name) || name === 'host' ? [] : [[name, String(value)]],
  );
  return Object.fromEntries(known);
}

/** As an API server does that has too much to do. */
function refuse(response: ServerResponse, { status, retryAfterS }: Refusal): void {
  const headers = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  const said = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status };
  response.end(JSON.stringify({ ...said, message: 'refused by the test' }));
}
