import type { FastifyInstance } from 'fastify';
import { isListed } from '../edge/origin.ts';

/** How long a browser may remember the answer to a preflight. */
const MAX_AGE_S = 600;
/** What a page may send, beyond what browsers let every page send. */
const SENT = 'Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-ID';
/** What a page may read of an answer, beyond what browsers let every page read. */
const READ = 'X-Request-ID, Retry-After';

/**
 * Lets pages of the listed origins, and of no others, use these paths from a browser. Without a
 * list nothing is added. Cookies are never meant: a page brings a token or a key itself.
 *
 * An `Origin` that may not connect was refused before; this says to the browser which may.
 */
export function addCors(
  app: FastifyInstance,
  allowedOrigins: readonly string[],
  paths: Readonly<Record<string, string>>,
): void {
  if (allowedOrigins.length === 0) return;
  app.addHook('onRequest', async ({ headers: { origin } }, reply) => {
    reply.header('Vary', 'Origin');
    if (origin === undefined || !isListed(origin, allowedOrigins)) return;
    reply.header('Access-Control-Allow-Origin', origin);
    reply.header('Access-Control-Expose-Headers', READ);
  });
  for (const [path, method] of Object.entries(paths)) {
    // A preflight brings no credentials, so nobody is asked for any.
    app.options(path, async (_request, reply) => {
      reply.header('Access-Control-Allow-Methods', method);
      reply.header('Access-Control-Allow-Headers', SENT);
      reply.header('Access-Control-Max-Age', MAX_AGE_S);
      return reply.code(204).send();
    });
  }
}
