import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { Clock } from '../../protocol/clock.ts';
import type { ErrorName } from '../../protocol/codes.ts';
import { isLoopbackAddress, originProblem } from '../edge/origin.ts';
import { answerNoRequest } from '../edge/raw-answer.ts';
import { REQUEST_ID, RequestIds } from '../edge/request-id.ts';
import { apiErrorOf } from '../http/api-error.ts';
import type { Logger } from '../logger.ts';
import { addCommands, type CommandsParts } from './commands.ts';
import { FreshProbe } from './fresh-probe.ts';

/** One condition of being ready. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Why not, or what is worth knowing, in words. */
  readonly detail?: string;
}

export interface AdminParts {
  readonly pod: string;
  /** Where it listens: on loopback only loopback's names are served (DNS rebinding). */
  readonly host: string;
  readonly checks: () => readonly Check[];
  /** The text and the content type of `/metrics`. */
  readonly metrics: () => Promise<{ readonly text: string; readonly type: string }>;
  /** One round trip to Redis that begins after the call. */
  readonly probe: () => Promise<void>;
  /** What `/admin/status` shows. */
  readonly status: () => object;
  readonly commands: CommandsParts;
  readonly clock: Pick<Clock, 'wall'>;
  readonly logger: Logger;
}

/** The header by which a pod recognises its own answer among those of its peers. */
export const POD_HEADER = 'x-wscluster-pod';

/** Time to send a request. */
const REQUEST_MS = 10_000;

/**
 * Health, metrics and status, on a port of their own: it is for the cluster, never for clients.
 *
 * - `/livez` 200 as long as the event loop answers.
 * - `/readyz` 200 or 503, with every condition by name.
 * - `/metrics` for Prometheus.
 * - `/peer/redis` 200 when a probe that began after the question reached Redis, otherwise 503.
 * - `/admin/status` for people.
 * - `PUT /admin/ring` and other commands, for whom `CommandTokens` admits.
 */
export function createAdmin(parts: AdminParts): FastifyInstance {
  const ids = new RequestIds(`${parts.pod}-a`);
  const app = fastify({
    forceCloseConnections: true,
    genReqId: (request) => ids.idFor(request.headers['x-request-id']),
    clientErrorHandler: answerNoRequest({ ids, clock: parts.clock }),
    // Before any route or hook: a path that cannot be decoded.
    frameworkErrors: (_error, _request, reply) =>
      fail(reply, parts, { status: 400, code: 'bad_request', message: 'not a valid URL' }),
    requestTimeout: REQUEST_MS,
    bodyLimit: 1_024,
  });
  const loopback = isLoopbackAddress(parts.host) || parts.host.toLowerCase() === 'localhost';
  const rules = { configured: !loopback, allowedOrigins: [] };
  app.addHook('onRequest', async (request, reply) => {
    reply.header(POD_HEADER, parts.pod);
    reply.header(REQUEST_ID, request.id);
    reply.header('cache-control', 'no-store');
    const { host, origin } = request.headers;
    const problem = originProblem({ host, origin }, rules);
    if (problem === undefined) return;
    const message = `this ${problem} is not served`;
    return fail(reply, parts, { status: 403, code: 'forbidden', message });
  });
  addErrors(app, parts);
  app.get('/livez', async (_request, reply) => send(reply, 200, { live: true }));
  app.get('/readyz', async (_request, reply) => {
    const checks = parts.checks();
    const ready = checks.every(({ ok }) => ok);
    return send(reply, ready ? 200 : 503, { ready, checks });
  });
  app.get('/metrics', async (_request, reply) => {
    const { text, type } = await parts.metrics();
    return reply.type(type).send(text);
  });
  app.get('/admin/status', async (_request, reply) => send(reply, 200, parts.status()));
  addCommands(app, parts.commands);
  const probe = new FreshProbe(parts.probe);
  app.get('/peer/redis', async (_request, reply) => {
    const reached = await probe.ask().then(
      () => true,
      () => false,
    );
    return send(reply, reached ? 200 : 503, { redis: reached });
  });
  return app;
}

function addErrors(app: FastifyInstance, parts: AdminParts): void {
  app.setNotFoundHandler(async (_request, reply) =>
    fail(reply, parts, { status: 404, code: 'not_found', message: 'there is no such path' }),
  );
  app.setErrorHandler(async (error, request, reply) => {
    const known = apiErrorOf(error);
    if (known !== undefined) {
      const { status, code, message } = known;
      if (status === 401) reply.header('WWW-Authenticate', 'Bearer');
      return fail(reply, parts, { status, code, message });
    }
    parts.logger.error({ request: request.id, error }, 'a request of the admin port failed');
    return fail(reply, parts, { status: 500, code: 'internal', message: 'it failed' });
  });
}

interface Failure {
  readonly status: number;
  readonly code: ErrorName;
  readonly message: string;
}

/** With the body that every error of the HTTP API has. */
function fail(reply: FastifyReply, { clock }: AdminParts, { status, ...error }: Failure) {
  const request = reply.request.id;
  reply.header(REQUEST_ID, request);
  return send(reply, status, { ...error, request, at: clock.wall() });
}

/** Indented: these are read by people with curl. */
function send(reply: FastifyReply, status: number, body: object) {
  const text = `${JSON.stringify(body, null, 2)}\n`;
  return reply.code(status).type('application/json; charset=utf-8').send(text);
}
