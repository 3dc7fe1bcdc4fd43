import type { Server } from 'node:http';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { createServer } from '../../process/http.ts';
import type { Clock } from '../../protocol/clock.ts';
import { errorCodes } from '../../protocol/codes.ts';
import { formatPosition } from '../../protocol/position.ts';
import { httpLimits } from '../edge/admission.ts';
import type { Backlog } from '../edge/backlog.ts';
import type { Authenticator, Identity } from '../edge/identity.ts';
import { originProblem } from '../edge/origin.ts';
import { answerNoRequest } from '../edge/raw-answer.ts';
import { REQUEST_ID, RequestIds } from '../edge/request-id.ts';
import type { Logger } from '../logger.ts';
import type { AllPods } from '../ring/all-pods.ts';
import type { RingSource } from '../ring/ring-source.ts';
import type { EdgeSettings, HttpSettings, PlacementSettings } from '../settings/declaration.ts';
import type { Draft, Outcome, Stream } from '../stream/stream.ts';
import { ApiError, apiErrorOf } from './api-error.ts';
import { addCors } from './cors.ts';
import type { HttpCounts, Route } from './counts.ts';
import { historyPage, readHistory } from './history.ts';
import { openApiDocument } from './openapi.ts';
import { type Message, readPublish } from './publish-body.ts';
import { addRing, ringPaths } from './ring.ts';
import { addUsers, userPaths } from './users.ts';
import { Visitors } from './visitors.ts';

export interface ApiParts {
  readonly stream: Stream;
  /** As `EdgeParts` says, both. */
  readonly resendWindowMs: number;
  readonly backlog: Pick<Backlog, 'since'>;
  readonly authenticator: Authenticator;
  readonly ring: RingSource;
  readonly allPods: Pick<AllPods, 'ask'>;
  readonly placement: PlacementSettings;
  readonly settings: HttpSettings;
  readonly edge: EdgeSettings;
  /** `stream.pageBytes` of the settings. */
  readonly pageBytes: number;
  /** `auth.allowedOrigins` of the settings. */
  readonly allowedOrigins: readonly string[];
  readonly counts: HttpCounts;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly pod: string;
}

/** Nobody waits for an answer for so long: whoever asked has asked another gateway since. */
const GIVEN_UP_MS = 30_000;
/** HTTP connections that are kept free beside the WebSockets. */
const SPARE_CONNECTIONS = 1_000;
/** A user's name: 256 characters of three bytes, each percent-encoded; a topic has less. */
const PARAMETER_LENGTH = 9 * 256;

const paths = {
  publish: '/v1/publish',
  history: '/v1/topics/:topic/history',
  openapi: '/v1/openapi.json',
  ...ringPaths,
  ...userPaths,
} as const;

const methods = {
  [paths.publish]: 'POST',
  [paths.history]: 'GET',
  [paths.openapi]: 'GET',
  [paths.ring]: 'GET',
  [paths.route]: 'GET',
  [paths.user]: 'GET',
  [paths.presence]: 'GET',
  [paths.disconnect]: 'POST',
} as const;

/**
 * The HTTP API on the clients' port. Its server also takes the upgrades: hand `app.server` to the
 * edge. Bodies are read as bytes: a message's data is passed on as it was written.
 */
export function createApi(parts: ApiParts): FastifyInstance {
  const ids = new RequestIds(`${parts.pod}-h`);
  const app = fastify({
    serverFactory: (handler) => serverOf(parts, handler),
    genReqId: (request) => ids.idFor(request.headers['x-request-id']),
    bodyLimit: parts.settings.bodyBytes,
    clientErrorHandler: answerNoRequest({ ids, clock: parts.clock }),
    // Before any route or hook: a path that cannot be decoded.
    frameworkErrors: (_error, request, reply) => {
      reply.header(REQUEST_ID, request.id);
      const error = new ApiError('bad_request', 'the path is not a valid URL');
      return sendError(reply, { error, at: parts.clock.wall() });
    },
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAMETER_LENGTH },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  guard(app, parts);
  addCors(app, parts.allowedOrigins, methods);
  refuseOtherMethods(app, parts.allowedOrigins.length > 0);
  const document = JSON.stringify(openApiDocument(parts.settings));
  app.get(paths.openapi, async (_request, reply) => sendJson(reply, document));
  const visitors = new Visitors(parts);
  addPublish(app, parts, visitors);
  addHistory(app, parts, visitors);
  const { ring, placement, allPods } = parts;
  addRing(app, { ring, placement, admit: visitors.admit });
  addUsers(app, { allPods, visitors });
  return app;
}

/** `preflights`: `OPTIONS` is answered already. */
function refuseOtherMethods(app: FastifyInstance, preflights: boolean): void {
  const all = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', ...(preflights ? [] : ['OPTIONS'])];
  for (const [url, allowed] of Object.entries(methods)) {
    const refuse = async (_request: FastifyRequest, reply: FastifyReply) => {
      reply.header('Allow', allowed);
      throw new ApiError('bad_request', `the method here is ${allowed}`, { status: 405 });
    };
    const method = all.filter((one) => one !== allowed);
    // Before a body is read.
    app.route({ url, method, onRequest: refuse, handler: refuse });
  }
}

function addPublish(app: FastifyInstance, parts: ApiParts, visitors: Visitors): void {
  app.post(paths.publish, { onRequest: visitors.admit }, (request, reply) =>
    publish(parts, { request, visitors }, reply),
  );
}

function addHistory(app: FastifyInstance, parts: ApiParts, visitors: Visitors): void {
  app.get<{ Params: { topic: string }; Querystring: Record<string, unknown> }>(
    paths.history,
    { onRequest: visitors.admit },
    async (request, reply) => {
      const { pageBytes, settings, stream } = parts;
      const wanted = readHistory(request.params.topic, request.query, settings.historyEntries);
      if (!visitors.identityOf(request).maySubscribe(wanted.topic)) {
        throw forbidden('read', wanted.topic);
      }
      return sendJson(reply, await historyPage(stream, wanted, pageBytes));
    },
  );
}

function serverOf(parts: ApiParts, handler: Parameters<typeof createServer>[1]): Server {
  const limits = httpLimits(parts.edge);
  const { requestTimeoutMs } = parts.settings;
  const headersTimeout = Math.min(limits.headersTimeout ?? requestTimeoutMs, requestTimeoutMs);
  const options = { ...limits, headersTimeout, requestTimeout: requestTimeoutMs };
  const server = createServer(options, handler);
  const { mode, proxyConnections } = parts.placement;
  const proxied = mode === 'Proxy' ? proxyConnections : 0;
  // Beyond it the kernel's limit of open files would hit our own connections to Redis too.
  server.maxConnections = parts.edge.maxConnections + proxied + SPARE_CONNECTIONS;
  return server;
}

/** What every request goes through, before and after its route. */
function guard(app: FastifyInstance, parts: ApiParts): void {
  const { authenticator, allowedOrigins, counts, clock } = parts;
  app.addHook('onRequest', async (request, reply) => {
    reply.header(REQUEST_ID, request.id);
    const { host, origin } = request.headers;
    const { configured } = authenticator;
    const problem = originProblem({ host, origin }, { configured, allowedOrigins });
    if (problem !== undefined) throw new ApiError('forbidden', `this ${problem} is not served`);
    const waitedMs = parts.stream.now() - parts.backlog.since;
    if (request.method === 'POST' && waitedMs > GIVEN_UP_MS) throw stoodStill();
  });
  app.addHook('onResponse', async (request, reply) => {
    counts.answered(routeOf(request), reply.statusCode, reply.elapsedTime / 1_000);
  });
  app.setNotFoundHandler(async () => {
    throw new ApiError('not_found', 'there is no such path; see /v1/openapi.json');
  });
  app.setErrorHandler(async (thrown, request, reply) => {
    let error = apiErrorOf(thrown);
    if (error === undefined) {
      parts.logger.error({ request: request.id, error: thrown }, 'a request failed');
      error = new ApiError('internal', errorCodes.internal.text);
    }
    return sendError(reply, { error, at: clock.wall() });
  });
}

function routeOf({ method, routeOptions }: FastifyRequest): Route {
  if (method === 'OPTIONS') return 'preflight';
  switch (routeOptions.url) {
    case paths.publish:
      return 'publish';
    case paths.history:
      return 'history';
    case paths.ring:
      return 'ring';
    case paths.route:
      return 'route';
    case paths.user:
      return 'user';
    case paths.presence:
      return 'presence';
    case paths.disconnect:
      return 'disconnect';
    case paths.openapi:
      return 'openapi';
    default:
      return 'other';
  }
}

interface Visit {
  readonly request: FastifyRequest;
  readonly visitors: Visitors;
}

async function publish(parts: ApiParts, { request, visitors }: Visit, reply: FastifyReply) {
  const identity = visitors.identityOf(request);
  if (!Buffer.isBuffer(request.body)) throw new ApiError('bad_request', 'a JSON body is needed');
  const { many, messages } = readPublish(request.body, {
    maxMessages: parts.settings.publishMessages,
    idempotencyKey: idempotencyKey(request),
  });
  for (const { topic } of messages) {
    if (!identity.mayPublish(topic)) throw forbidden('publish to', topic);
  }
  visitors.charge(request, messages.length - 1);
  // Called in order, so that messages of one topic are written in the order of the request.
  const outcomes = await Promise.all(
    messages.map((message) => parts.stream.publish(draftOf(message, identity, parts))),
  );
  const results = outcomes.map(resultOf);
  const failed = outcomes.find((outcome) => outcome.outcome !== 'ok');
  if (failed !== undefined) {
    const error = new ApiError(failed.code, failed.message);
    return sendError(reply, { error, at: parts.clock.wall(), ...(many && { results }) });
  }
  return sendJson(reply, JSON.stringify(many ? { results } : results[0]));
}

function idempotencyKey({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  return Array.isArray(key) ? key.join() : key;
}

/** Nobody says here whether an id is used for the first time: the worst is taken to be true. */
function draftOf(message: Message, identity: Identity, parts: ApiParts): Draft {
  const { backlog, resendWindowMs } = parts;
  const draft = { ...message, identity: identity.name, ack: message.ack ?? 'leader' };
  if (message.producer === undefined) return draft;
  return { ...draft, sentAfter: backlog.since - resendWindowMs };
}

function resultOf(outcome: Outcome): object {
  if (outcome.outcome !== 'ok') {
    const { code, message } = outcome;
    return { code, message, status: errorCodes[code].status };
  }
  const position = formatPosition(outcome.position);
  return outcome.duplicate ? { position, duplicate: true } : { position };
}

const stoodStill = () =>
  new ApiError('overloaded', 'this gateway stood still, and may have read the request too late', {
    retryAfterS: 5,
  });

const forbidden = (what: string, topic: string) =>
  new ApiError('forbidden', `may not ${what} ${JSON.stringify(topic)}`);

function sendJson(reply: FastifyReply, body: string | Buffer) {
  return reply.type('application/json; charset=utf-8').send(body);
}

interface Failure {
  readonly error: ApiError;
  readonly at: number;
  readonly results?: readonly object[];
}

function sendError(reply: FastifyReply, { error, ...rest }: Failure) {
  const { code, message, status, retryAfterS } = error;
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer');
  if (retryAfterS !== undefined) reply.header('Retry-After', String(retryAfterS));
  const body = { code, message, request: reply.request.id, ...rest };
  return sendJson(reply.code(status), JSON.stringify(body));
}
