import type { Ack, Auth, Command, Hello, Pub } from '../../protocol/commands.ts';
import type { Acked } from '../../protocol/events.ts';
import type { Draft, Outcome } from '../stream/stream.ts';
import type { Connection } from './connection.ts';
import type { EdgeContext } from './context.ts';
import type { Authentication, Identity } from './identity.ts';
import { greet } from './opening.ts';
import { pauses } from './pauses.ts';
import { dropForbidden, subscribe, UNASKED, unsubscribe } from './subscribing.ts';

/** Does what a client asked for. Every request with a number is answered with the same number. */
export function execute(connection: Connection, context: EdgeContext, command: Command): void {
  if (command.type === 'hello') {
    greet(connection, context, command);
    return;
  }
  const { identity } = connection;
  if (identity === undefined) {
    const id = 'id' in command ? command.id : undefined;
    connection.inbox.refuse('hello_first', 'the first command is hello', id);
    return;
  }
  serve(connection, context, { command, identity });
}

function serve(
  connection: Connection,
  context: EdgeContext,
  { command, identity }: Asked<Exclude<Command, Hello>>,
): void {
  switch (command.type) {
    case 'sub':
      subscribe(connection, context, command);
      break;
    case 'unsub':
      unsubscribe(connection, context, command);
      break;
    case 'pub':
      publish(connection, context, { command, identity });
      break;
    case 'ack':
      acknowledge(connection, context, command);
      break;
    case 'auth':
      renew(connection, context, { command, identity });
      break;
    case 'ping':
      connection.say({ type: 'pong', at: command.at });
      break;
    default:
      command satisfies never;
  }
}

interface Asked<C> {
  readonly command: C;
  readonly identity: Identity;
}

function publish(connection: Connection, context: EdgeContext, asked: Asked<Pub>): void {
  const { command, identity } = asked;
  const { id, topic, data, producer, retry } = command;
  if (!identity.mayPublish(topic)) {
    connection.fail('forbidden', 'the token does not allow to publish to this topic', { id });
    return;
  }
  const draft: Draft = {
    topic,
    data,
    identity: identity.name,
    ack: command.ack ?? 'leader',
    ...(producer && { producer, sentAfter: sentAfter(connection, context, retry) }),
    ...(retry && { retry }),
  };
  connection.inbox.publishBegan();
  context.stream
    .publish(draft)
    .then((outcome) => publishEnded(connection, context, { id, outcome }))
    .catch((error: unknown) => connection.broke(error));
}

/** When it was sent first, at the earliest: a retry is one of what may have been sent long ago. */
function sentAfter({ heartbeat }: Connection, context: EdgeContext, retry = false): number {
  return heartbeat.sentAfter - (retry ? context.resendWindowMs : 0);
}

function publishEnded(
  connection: Connection,
  context: EdgeContext,
  { id, outcome }: { readonly id: number; readonly outcome: Outcome },
): void {
  context.counts.published(outcome.outcome);
  if (outcome.outcome === 'ok') connection.say(acked(id, outcome));
  else connection.fail(outcome.code, outcome.message, { id });
  connection.inbox.publishEnded();
  connection.onSettled();
}

function acked(id: number, outcome: Extract<Outcome, { outcome: 'ok' }>): Acked {
  const { position, duplicate } = outcome;
  return { type: 'acked', id, position, ...(duplicate ? { duplicate } : {}) };
}

function acknowledge(connection: Connection, context: EdgeContext, command: Ack): void {
  const { session } = connection;
  // Without a session there is no cursor to move; a client need not know whether there is one.
  if (session === undefined) return;
  const sent = context.hub.positions(connection.outbox);
  for (const { topic, position } of command.positions) {
    if (session.acked(topic, position, sent.get(topic))) continue;
    connection.fail('bad_position', `this position was not sent on this connection: ${topic}`);
  }
  session.saveSoon(context.wheel.now());
}

/** A fresh token: later commands wait until it is judged, so that they meet the new rights. */
function renew(connection: Connection, context: EdgeContext, asked: Asked<Auth>): void {
  const { id, token } = asked.command;
  // Each topic that it has is judged by the new rights.
  connection.inbox.charge(connection.topics);
  connection.inbox.pause(pauses.busy);
  context.authenticator
    .token(token)
    .then((answer) => {
      const problem = renewalProblem(answer, asked.identity);
      if (!answer.ok && answer.code === 'keys_unavailable') {
        connection.fail('overloaded', 'the keys that verify tokens cannot be had now', { id });
      } else if (problem !== undefined) connection.fail('unauthenticated', problem, { id });
      else if (answer.ok) renewed(connection, context, { id, identity: answer.identity });
      connection.inbox.resume(pauses.busy);
    })
    .catch((error: unknown) => connection.broke(error));
}

function renewalProblem(answer: Authentication, before: Identity): string | undefined {
  if (!answer.ok) return 'the token is not valid';
  if (answer.identity.name !== before.name) return 'the token is of another identity';
  return undefined;
}

function renewed(
  connection: Connection,
  context: EdgeContext,
  { id, identity }: { readonly id: number; readonly identity: Identity },
): void {
  if (!connection.alive) return;
  connection.identity = identity;
  for (const topic of context.hub.positions(connection.outbox).keys()) {
    if (!identity.maySubscribe(topic)) {
      dropForbidden(connection, context, { topic, request: UNASKED });
    }
  }
  connection.say({ type: 'acked', id });
  connection.plan();
}
