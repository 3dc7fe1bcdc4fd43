import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { z } from 'zod';
import { ringDocumentBytes } from '../../protocol/ring-document.ts';
import { ApiError } from '../http/api-error.ts';
import type { RingSource } from '../ring/ring-source.ts';
import type { CommandTokens } from './command-tokens.ts';
import type { AdminCommand, AdminCounts } from './counts.ts';

export interface CommandsParts {
  /** All undefined before they are there. */
  readonly tokens: () => CommandTokens | undefined;
  readonly ring: () => Rings | undefined;
  readonly drain: () => DrainOrders | undefined;
  readonly counts: AdminCounts;
}

/** How a gateway is told to leave, or to stay after all. */
export interface DrainOrders {
  /**
   * Does nothing when it is leaving already, unless it is to be over sooner: within so many
   * milliseconds, whatever its settings say.
   */
  begin(withinMs?: number): void;
  /** Does nothing when it is not leaving. False: it leaves for good. */
  cancel(): boolean;
  /** What is told of it. */
  progress(): object;
}

/** What is told to a gateway, by whom it trusts: each route asks for a token before all else. */
export function addCommands(app: FastifyInstance, parts: CommandsParts): void {
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
  app.route({
    method: 'PUT',
    url: '/admin/ring',
    bodyLimit: ringDocumentBytes,
    onRequest: (request) => admit(request, parts, 'ring'),
    handler: counted(parts, 'ring', (request) => putRing(request, started(parts.ring()))),
  });
  app.route({
    method: ['POST', 'DELETE'],
    url: '/admin/drain',
    onRequest: (request) => admit(request, parts, 'drain'),
    handler: counted(parts, 'drain', (request) => drain(request, started(parts.drain()))),
  });
}

/** Before a body is read, so that strangers fill no memory. */
async function admit({ headers }: FastifyRequest, parts: CommandsParts, command: AdminCommand) {
  const tokens = started(parts.tokens());
  try {
    await tokens.admit(headers.authorization);
  } catch (error) {
    parts.counts.command(command, 'unauthenticated');
    throw error;
  }
}

function started<T>(part: T | undefined): T {
  if (part !== undefined) return part;
  throw new ApiError('overloaded', 'this gateway is not started yet');
}

function counted(
  { counts }: CommandsParts,
  command: AdminCommand,
  run: (request: FastifyRequest) => object,
): RouteHandlerMethod {
  return async (request, reply) => {
    try {
      const answer = run(request);
      counts.command(command, 'ok');
      return send(reply, answer);
    } catch (error) {
      counts.command(command, 'refused');
      throw error;
    }
  };
}

type Rings = Pick<RingSource, 'keeper' | 'push'>;

function putRing({ body }: FastifyRequest, rings: Rings): object {
  if (typeof body !== 'string') throw new ApiError('bad_request', 'a JSON body is needed');
  const acceptance = rings.push?.(body.trimEnd());
  if (acceptance === undefined) {
    throw new ApiError(
      'not_supported',
      'the gateways organise their ring: ring.source is not given',
    );
  }
  if (acceptance.outcome === 'refused') {
    throw new ApiError('bad_request', `the ring is refused: ${acceptance.reason}`);
  }
  // An older one is no mistake: a push that was late. Who sent it sees what is in force.
  const { version, digest } = rings.keeper.current ?? {};
  return { outcome: acceptance.outcome, version, digest };
}

function drain({ method, body }: FastifyRequest, orders: DrainOrders): object {
  if (method === 'POST') orders.begin(withinOf(body));
  else if (!orders.cancel()) throw new ApiError('conflict', 'it was told to end, and will');
  return orders.progress();
}

const haste = z.object({ withinMs: z.int().positive().optional() });

/** There need not be a body. */
function withinOf(body: unknown): number | undefined {
  if (body === undefined || body === null || body === '') return undefined;
  try {
    return haste.parse(JSON.parse(String(body))).withinMs;
  } catch {
    const message = 'the body must be nothing, or {"withinMs": N}, N milliseconds above 0';
    throw new ApiError('bad_request', message);
  }
}

const send = (reply: FastifyReply, body: object) =>
  reply.type('application/json; charset=utf-8').send(`${JSON.stringify(body, null, 2)}\n`);
