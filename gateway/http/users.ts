import type { FastifyInstance, FastifyReply } from 'fastify';
import { closeCodes } from '../../protocol/codes.ts';
import { topicProblem } from '../../protocol/topic.ts';
import type { Disconnect } from '../edge/clients-here.ts';
import type { Identity } from '../edge/identity.ts';
import type { AllPods, Answers } from '../ring/all-pods.ts';
import { ApiError } from './api-error.ts';
import { readObject } from './publish-body.ts';
import { type Query, readNames } from './query.ts';
import {
  disconnecting,
  joinPresence,
  orderMembers,
  type PresencePart,
  readDisconnect,
  USER_LENGTH,
  type UserPart,
  whereIs,
  whoIsIn,
} from './user-questions.ts';
import { ASK_COST, type Visitors } from './visitors.ts';

export const userPaths = {
  disconnect: '/v1/disconnect',
  user: '/v1/users/:user',
  presence: '/v1/topics/:topic/presence',
} as const;

/** Users of a topic that are named in one answer. */
export const PRESENCE_MAX = 1_000;

export interface UserRoutes {
  readonly allPods: Pick<AllPods, 'ask'>;
  readonly visitors: Visitors;
}

/** Where users are, and who is in a topic, over all gateways; and how somebody is disconnected. */
export function addUsers(app: FastifyInstance, routes: UserRoutes): void {
  const { allPods, visitors } = routes;
  const onRequest = visitors.admit;
  app.get<{ Params: { user: string }; Querystring: Query }>(
    userPaths.user,
    { onRequest },
    async (request, reply) => {
      mustManageUsers(visitors.identityOf(request));
      readNames(request.query, []);
      const user = readUser(request.params.user);
      visitors.charge(request, ASK_COST - 1);
      return send(reply, userBody(user, await allPods.ask(whereIs(user))));
    },
  );
  app.post(userPaths.disconnect, { onRequest }, async (request, reply) => {
    mustManageUsers(visitors.identityOf(request));
    const order = readOrder(request.body);
    visitors.charge(request, ASK_COST - 1);
    return send(reply, closedBody(await allPods.ask(disconnecting(order))));
  });
  addPresence(app, routes);
}

function addPresence(app: FastifyInstance, { allPods, visitors }: UserRoutes): void {
  app.get<{ Params: { topic: string }; Querystring: Query }>(
    userPaths.presence,
    { onRequest: visitors.admit },
    async (request, reply) => {
      const { topic } = request.params;
      const problem = topicProblem(topic);
      if (problem !== undefined) throw new ApiError('bad_topic', problem);
      readNames(request.query, []);
      const identity = visitors.identityOf(request);
      if (!identity.maySubscribe(topic)) {
        throw new ApiError('forbidden', `may not read ${JSON.stringify(topic)}`);
      }
      visitors.charge(request, ASK_COST - 1);
      return send(reply, presenceBody(topic, identity, await allPods.ask(whoIsIn(topic))));
    },
  );
}

function mustManageUsers({ mayManageUsers }: Identity): void {
  if (mayManageUsers) return;
  throw new ApiError('forbidden', 'an API key is needed, or a token with "users": true in "wsc"');
}

function readUser(user: string): string {
  if (user.length >= 1 && user.length <= USER_LENGTH && user.isWellFormed()) return user;
  throw new ApiError('bad_request', `a user has 1 to ${USER_LENGTH} characters`);
}

/** Members that are not known are refused: a misspelt one would disconnect more than was meant. */
function readOrder(body: unknown): Disconnect {
  if (!Buffer.isBuffer(body)) throw new ApiError('bad_request', 'a JSON body is needed');
  const fields = readObject(body);
  const unknown = Object.keys(fields).find((name) => !orderMembers.includes(name));
  if (unknown !== undefined) {
    throw new ApiError('bad_request', `the body may hold ${orderMembers.join(', ')}`);
  }
  const order = readDisconnect(fields);
  if (order.user !== undefined) readUser(order.user);
  if (order.user === undefined && order.session === undefined) {
    throw new ApiError('bad_request', 'user or session, or both');
  }
  return order;
}

const completeness = ({ missing }: Answers<unknown>) => ({
  complete: missing.length === 0,
  missing,
});

function userBody(user: string, all: Answers<UserPart>): object {
  const parts = [...all.answers];
  const connections = parts.flatMap(([pod, part]) =>
    part.connections.map((connection) => ({ pod, ...connection })),
  );
  const total = parts.reduce((sum, [, part]) => sum + part.total, 0);
  const ended = parts
    .flatMap(([pod, part]) => (part.ended === undefined ? [] : [{ pod, ...part.ended }]))
    .sort((a, b) => b.at - a.at)[0];
  return {
    ...{ user, total, connections },
    ...(ended && { ended: { ...ended, reason: nameOf(ended.code) } }),
    ...completeness(all),
  };
}

/** The name of a close code; undefined for one that is not in the table. */
function nameOf(code: number): string | undefined {
  return Object.values(closeCodes).find((known) => known.code === code)?.name;
}

function closedBody(all: Answers<{ readonly closed: number }>): object {
  const pods = [...all.answers]
    .map(([pod, { closed }]) => ({ pod, closed }))
    .filter(({ closed }) => closed > 0);
  const closed = pods.reduce((sum, part) => sum + part.closed, 0);
  return { closed, pods, ...completeness(all) };
}

/** Who is nobody itself is told how many there are, and of no user the name. */
function presenceBody(topic: string, asker: Identity, all: Answers<PresencePart>): object {
  const { users, anonymous, sessions } = joinPresence(all.answers.values());
  const total = { users, anonymous };
  if (asker.name === '' && !asker.mayManageUsers) return { topic, total, ...completeness(all) };
  const named = [...sessions]
    .map(([user, count]) => ({ user, sessions: count }))
    .sort((a, b) => (a.user < b.user ? -1 : 1))
    .slice(0, PRESENCE_MAX);
  const truncated = named.length < users;
  return { topic, total, users: named, truncated, ...completeness(all) };
}

function send(reply: FastifyReply, body: object) {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
}
