import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../protocol/clock.ts';
import type { Log } from '../kube/log.ts';
import type { Access } from './access.ts';
import type { Certificates } from './certificates.ts';
import { type ClusterLoad, type ClusterLoads, LoadUnknown } from './cluster-loads.ts';
import { documents, isTaken } from './documents.ts';
import { type FrontProxy, type Identity, vouchedFor } from './front-proxy.ts';
import { loadMetrics } from './load-metrics.ts';
import { quantityOf } from './quantity.ts';
import { CLUSTER_LABEL, type ClusterName, GROUP, type Question, questionOf } from './questions.ts';
import {
  forbidden,
  internalError,
  notAcceptable,
  notAllowed,
  notFound,
  Refusal,
  unauthorized,
  unavailable,
} from './refusal.ts';

export interface MetricsServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly loads: Pick<ClusterLoads, 'of'>;
  readonly access: Pick<Access, 'may' | 'whoHas'>;
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Log;
}

/** What it needs to serve; both rotate. */
export interface Trust {
  readonly certificates: Certificates;
  /** Undefined: nobody may speak for others. */
  readonly frontProxy: FrontProxy | undefined;
}

const CONNECTIONS = 256;
/** Requests at once: the API server has one connection or two, with many requests on each. */
const REQUESTS = 128;
const HANDSHAKE_MS = 10_000;
const REQUEST_MS = 10_000;
/** Longer than the API server keeps a connection that nobody uses. */
const KEEP_ALIVE_MS = 120_000;

/** Serves loads of clusters to the API server, for itself and for others, over TLS. */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  #server: Server | undefined;
  #trust: Trust | undefined;
  /** Connections that were made under this trust: certificates are looked at once for each. */
  #sockets = new WeakSet<Socket>();
  #requests = 0;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
  }

  /** Resolves with the port; rejects with the error of `listen`. */
  async start(trust: Trust): Promise<number> {
    const { host, port } = this.#options;
    this.#trust = trust;
    const server = createServer({
      ...tlsOf(trust),
      // Probes have no certificate; whoever has a wrong one is told so, with a status.
      ...{ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' },
      ...{ handshakeTimeout: HANDSHAKE_MS, requestTimeout: REQUEST_MS },
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    server.maxConnections = CONNECTIONS;
    server.on('secureConnection', (socket) => this.#sockets.add(socket));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  /** From now on. Connections that were made before ask for nothing any more. */
  renew(trust: Trust): void {
    this.#trust = trust;
    this.#sockets = new WeakSet();
    this.#server?.setSecureContext(tlsOf(trust));
    this.#server?.closeIdleConnections();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server?.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const outdated = !this.#sockets.has(request.socket);
    if (outdated) response.setHeader('connection', 'close');
    request.resume();
    this.#requests += 1;
    try {
      if (outdated) throw unauthorized('certificates have changed: connect again');
      if (this.#requests > REQUESTS) throw unavailable(`more than ${REQUESTS} requests at once`);
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        throw notAllowed(`${request.method} is not allowed: only GET`);
      }
      const question = questionOf(request.url ?? '');
      const answer = await this.#answerTo(question, request);
      send(response, 200, answer);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : this.#mistake(error);
      send(response, refusal.code, refusal.toJSON());
    } finally {
      this.#requests -= 1;
    }
  }

  async #answerTo(question: Question, request: IncomingMessage): Promise<object | string> {
    if (question.kind === 'live') return 'ok';
    if (question.kind === 'ready') {
      if (this.#trust?.frontProxy !== undefined) return 'ok';
      throw unavailable('it is not known yet who speaks for the API server');
    }
    const identity = await this.#identify(request);
    if (question.kind === 'document') {
      if (isTaken(request.headers.accept)) return documents[question.document];
      throw notAcceptable('there is application/json, and nothing newer');
    }
    await this.#authorise(identity, question);
    const load = await this.#loadOf(question.cluster);
    if (question.kind === 'load') return summary(load);
    const { metric, cluster } = question;
    const value = quantityOf(valued(() => metric.measure(load)));
    return {
      ...{ kind: 'ExternalMetricValueList', apiVersion: `${GROUP.group}/${GROUP.version}` },
      metadata: {},
      items: [
        {
          ...{ metricName: metric.name, metricLabels: { [CLUSTER_LABEL]: cluster.name } },
          ...{ timestamp: timestampOf(load), value },
        },
      ],
    };
  }

  /** Whoever has no certificate of a front proxy may have a token: the API server knows whose. */
  async #identify(request: IncomingMessage): Promise<Identity> {
    const { frontProxy } = this.#trust ?? {};
    const vouched = frontProxy && vouchedFor(frontProxy, request);
    if (vouched !== undefined) return vouched;
    const [, token] = /^Bearer ([\x21-\x7e]+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) {
      throw unauthorized('ask the API server, or come with the token of an account');
    }
    const identity = await this.#options.access.whoHas(token);
    if (identity === undefined) throw unauthorized('the token is nobody’s, or has expired');
    return identity;
  }

  async #authorise(
    identity: Identity,
    { attempt }: Extract<Question, { kind: 'metric' | 'load' }>,
  ): Promise<void> {
    if (await this.#options.access.may(identity, attempt)) return;
    const { verb, resource, group, namespace } = attempt;
    throw forbidden(
      `${JSON.stringify(identity.username)} cannot ${verb} ${resource} in API group ${group} in ` +
        `namespace ${JSON.stringify(namespace)}`,
    );
  }

  async #loadOf({ namespace, name }: ClusterName): Promise<ClusterLoad> {
    const load = await this.#options.loads.of(`${namespace}/${name}`).catch(explained);
    if (load !== undefined) return load;
    throw notFound(
      `there is no WsCluster ${JSON.stringify(name)} in ${JSON.stringify(namespace)} that this ` +
        'operator looks after',
    );
  }

  #mistake(error: unknown): Refusal {
    this.#options.log.error({ err: error }, 'a question about load could not be answered');
    return internalError('a mistake of the operator; its log says which');
  }
}

function tlsOf({ certificates, frontProxy }: Trust) {
  const { authorities, certificate, key } = certificates;
  // Without any, those of the machine would be trusted: nobody has a certificate of our own.
  return { cert: certificate, key, ca: frontProxy?.authorities ?? [...authorities] };
}

function explained(error: unknown): never {
  if (error instanceof LoadUnknown) throw unavailable(error.message);
  throw error;
}

function valued(read: () => number): number {
  try {
    return read();
  } catch (error) {
    return explained(error);
  }
}

/** All that is known, as plain numbers; what is not is not there. */
function summary(load: ClusterLoad): object {
  const values = loadMetrics.flatMap(({ field, measure }) => {
    try {
      return [[field, Math.round(measure(load) * 1_000) / 1_000] as const];
    } catch (error) {
      if (error instanceof LoadUnknown) return [];
      throw error;
    }
  });
  return { ...Object.fromEntries(values), gateways: load.serving, timestamp: timestampOf(load) };
}

/** The API server's own has no parts of seconds. */
const timestampOf = ({ wallMs }: ClusterLoad): string =>
  new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');

function send(response: ServerResponse, code: number, answer: object | string): void {
  const json = typeof answer === 'object';
  const body = json ? JSON.stringify(answer) : answer;
  const type = json ? 'application/json' : 'text/plain; charset=utf-8';
  response.writeHead(code, {
    ...{ 'content-type': type, 'content-length': Buffer.byteLength(body) },
    ...{ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
    ...(code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  });
  response.end(body);
}
