import { z } from 'zod';
import { errorCodes } from '../../protocol/codes.ts';
import type { HttpSettings } from '../settings/declaration.ts';
import { KEY_LENGTH } from './ring.ts';
import {
  closed,
  disconnect,
  failure,
  history,
  lone,
  messagesOf,
  presence,
  published,
  publishedAll,
  ring,
  route,
  user,
} from './shapes.ts';
import { ASK_COST } from './visitors.ts';

const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ 'application/json': { schema: schema(name) } });

/** The OpenAPI 3.1 document of the HTTP API, with this gateway's limits. */
export function openApiDocument(settings: HttpSettings): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'WsCluster HTTP API',
      version: '1.0.0',
      description: description(settings),
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }, { apiKey: [] }],
    paths: {
      '/v1/publish': { post: publishOperation(settings) },
      '/v1/topics/{topic}/history': { get: historyOperation(settings) },
      '/v1/topics/{topic}/presence': { get: presenceOperation() },
      '/v1/users/{user}': { get: userOperation() },
      '/v1/disconnect': { post: disconnectOperation() },
      '/v1/ring': { get: ringOperation() },
      '/v1/route': { get: routeOperation() },
      '/v1/openapi.json': { get: documentOperation() },
    },
    components: {
      schemas: schemas(settings),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
      headers: {
        RequestId: {
          description: 'The id of the request: the one that was sent, or a new one.',
          schema: { type: 'string' },
        },
        RetryAfter: {
          description: 'Whole seconds after which to try again.',
          schema: { type: 'integer', minimum: 1 },
        },
      },
    },
  };
}

const description = ({ requestsPerSecond, requestsBurst }: HttpSettings) =>
  'Publishes messages to topics, reads their history, says where users are and which gateway ' +
  'owns what. Any gateway answers.\n\n' +
  `An identity, or the address of a client without one, may send ${requestsPerSecond} requests a ` +
  `second and ${requestsBurst} at once to each gateway; a publish of several messages counts as ` +
  `many, and what is asked of all gateways (users, presence, disconnect) as ${ASK_COST}. ` +
  'What is over that is answered with 429 and `Retry-After`.\n\n' +
  'Pages may use it from the origins in the setting `auth.allowedOrigins` (CORS, without ' +
  'cookies); those of other origins are answered with 403, also when they ask before (`OPTIONS`).';

function schemas(settings: HttpSettings): Record<string, object> {
  const shapes = {
    Message: lone,
    Messages: messagesOf(settings.publishMessages),
    Published: published,
    PublishedAll: publishedAll,
    Error: failure,
    History: history,
    Ring: ring,
    Route: route,
    Presence: presence,
    User: user,
    Disconnect: disconnect,
    Disconnected: closed,
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const { $schema: _dialect, ...rest } = z.toJSONSchema(shape, { io: 'input' });
      return [name, rest];
    }),
  );
}

const requestId = {
  name: 'X-Request-ID',
  in: 'header',
  description: 'Names the request in logs: up to 64 of `0-9 A-Z a-z . _ : -`; others are replaced.',
  schema: { type: 'string' },
};

const headers = { 'X-Request-ID': { $ref: '#/components/headers/RequestId' } };

const comeBack = { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };

const success = (description: string, content: object) => ({
  '200': { description, headers, content },
});

/** One entry per status, with the codes that it may carry. */
function failures(): Record<string, object> {
  const byStatus = new Map<number, string[]>();
  for (const [code, { status, where, text }] of Object.entries(errorCodes)) {
    if (where === 'frames') continue;
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${text}`]);
  }
  byStatus.set(415, ['`bad_request`: The body is not `application/json`.']);
  return Object.fromEntries(
    [...byStatus].map(([status, lines]) => [
      String(status),
      {
        description: lines.join('\n'),
        headers: status === 429 || status === 503 ? { ...headers, ...comeBack } : headers,
        content: json('Error'),
      },
    ]),
  );
}

const inPath = (name: string) => ({
  ...{ name, in: 'path', required: true },
  schema: { type: 'string' },
});

function publishOperation({ publishMessages, bodyBytes }: HttpSettings): object {
  return {
    operationId: 'publish',
    summary: 'Publish one message, or several',
    description:
      `Several: at most ${publishMessages}, the body at most ${bodyBytes} bytes. A wrong message ` +
      'or a topic that may not be published to refuses the whole request before anything is ' +
      'written. After that each message has an outcome of its own; when any failed, the status ' +
      'is that of the first that did, and `results` tells of each. `unknown_outcome` means ' +
      'written or not: try again with the same producer or the same Idempotency-Key, within five ' +
      'sixths of `stream.idempotencyWindowS` (100 s by default) after the first try.',
    parameters: [
      requestId,
      {
        name: 'Idempotency-Key',
        in: 'header',
        description:
          'Instead of `producer`: the same key on the same messages writes them at most once.',
        schema: { type: 'string', pattern: '^[0-9A-Za-z_-]{1,64}$' },
      },
    ],
    requestBody: {
      required: true,
      content: {
        'application/json': { schema: { oneOf: [schema('Message'), schema('Messages')] } },
      },
    },
    responses: {
      ...success('Everything was written.', {
        'application/json': { schema: { anyOf: [schema('Published'), schema('PublishedAll')] } },
      }),
      ...failures(),
    },
  };
}

function historyOperation({ historyEntries }: HttpSettings): object {
  const count = { type: 'integer', minimum: 1, maximum: historyEntries };
  const query = (name: string, description: string, form: object) => ({
    name,
    in: 'query',
    description,
    schema: form,
  });
  return {
    operationId: 'history',
    summary: 'Read what was published to a topic',
    description:
      'With `after`: what a subscriber at that position missed, page by page, gaps included. ' +
      'Otherwise the newest messages. Needs the right to subscribe.',
    parameters: [
      requestId,
      inPath('topic'),
      query('after', 'A position; the page begins behind it.', { type: 'string' }),
      query('limit', 'With `after`: most messages of the page. Default: 100.', count),
      query('latest', 'Without `after`: how many. Default: 100.', count),
    ],
    responses: { ...success('One page.', json('History')), ...failures() },
  };
}

const MISSING =
  'All gateways are asked. Those that do not answer within two seconds are named in `missing`; ' +
  'ask again.';
const MANAGES = 'Needs an API key, or a token with `"users": true` in its claim `wsc`.';

function presenceOperation(): object {
  return {
    operationId: 'presence',
    summary: 'Who is subscribed to a topic now',
    description:
      `${MISSING} A session counts once, also while it moves between gateways. Needs the right ` +
      'to subscribe; whoever is anonymous is told numbers only.',
    parameters: [requestId, inPath('topic')],
    responses: { ...success('Who is there.', json('Presence')), ...failures() },
  };
}

function userOperation(): object {
  return {
    operationId: 'user',
    summary: 'Where a user is connected, and how its last connection ended',
    description: `${MISSING} ${MANAGES}`,
    parameters: [requestId, inPath('user')],
    responses: { ...success('What is known.', json('User')), ...failures() },
  };
}

function disconnectOperation(): object {
  return {
    operationId: 'disconnect',
    summary: 'End the connections of a user or a session',
    description:
      `${MISSING} Doing it again does no harm. Whoever has a valid token can connect again: who ` +
      `is to stay out must not get one any more. ${MANAGES}`,
    parameters: [requestId],
    requestBody: { required: true, content: json('Disconnect') },
    responses: { ...success('They are ended.', json('Disconnected')), ...failures() },
  };
}

function ringOperation(): object {
  return {
    operationId: 'ring',
    summary: 'Which gateways there are, and how much each owns',
    description: 'As this gateway knows it; a newer ring reaches all of them within seconds.',
    parameters: [requestId],
    responses: { ...success('The ring.', json('Ring')), ...failures() },
  };
}

function routeOperation(): object {
  return {
    operationId: 'route',
    summary: 'Where a key belongs',
    description:
      'A key belongs to a shard, and a shard to a gateway. Whoever connects elsewhere is served ' +
      'all the same.',
    parameters: [
      requestId,
      {
        name: 'key',
        in: 'query',
        required: true,
        description: 'What connections are placed by, such as the `sub` of a token.',
        schema: { type: 'string', minLength: 1, maxLength: KEY_LENGTH },
      },
    ],
    responses: { ...success('Where it belongs.', json('Route')), ...failures() },
  };
}

function documentOperation(): object {
  return {
    operationId: 'openapi',
    summary: 'This document',
    security: [{}],
    parameters: [requestId],
    responses: success('OpenAPI 3.1.', { 'application/json': { schema: { type: 'object' } } }),
  };
}
