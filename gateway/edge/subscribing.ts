import type { ErrorName } from '../../protocol/codes.ts';
import type { Sub, TopicRequest, Unsub } from '../../protocol/commands.ts';
import type { SubbedTopic } from '../../protocol/events.ts';
import type { Connection } from './connection.ts';
import type { EdgeContext } from './context.ts';

/**
 * The request of subscriptions that the server made for a plain client, and of what ends later
 * than its request was answered.
 */
export const UNASKED = 0;

/** Answers each topic once: those that are refused here, the others by what the hub delivers. */
export function subscribe(connection: Connection, context: EdgeContext, command: Sub): void {
  const { id, topics } = command;
  connection.inbox.charge(topics.length);
  const refused: SubbedTopic[] = [];
  const named = new Set<string>();
  for (const request of topics) {
    // Each topic is answered once, also when it was named twice.
    if (named.has(request.topic)) continue;
    named.add(request.topic);
    const error = subscribeOne(connection, context, { request, id });
    if (error !== undefined) {
      context.counts.failed(error);
      refused.push({ topic: request.topic, error, message: refusals[error] });
    }
  }
  if (refused.length > 0) connection.say({ type: 'subbed', id, topics: refused });
}

/** Why a topic is refused before the hub hears of it. */
export const refusals = {
  forbidden: 'the token does not allow to subscribe to it',
  superseded: 'a later command took its place before it was answered',
  too_many_topics: 'the connection has as many topics as it may have',
} as const satisfies Partial<Record<ErrorName, string>>;

/** Subscribes to one topic, again when it was subscribed. Returns why not. */
export function subscribeOne(
  connection: Connection,
  context: EdgeContext,
  { request, id }: { readonly request: TopicRequest; readonly id: number },
): 'forbidden' | 'too_many_topics' | undefined {
  const { topic, position } = request;
  if (connection.identity?.maySubscribe(topic) !== true) return 'forbidden';
  end(connection, context, { topic, why: 'superseded', request: UNASKED });
  if (connection.topics >= context.settings.maxTopics) return 'too_many_topics';
  connection.topics += 1;
  const from = position ?? connection.session?.cursor(topic);
  context.hub.subscribe(connection.outbox, topic, { from, request: id });
  return undefined;
}

/** Answers a `sub` about one of its topics. */
export function answer(connection: Connection, id: number, topic: SubbedTopic): void {
  connection.say({ type: 'subbed', id, topics: [topic] });
}

/** A subscription, and the request that it still has to answer; 0: none. */
export interface Unanswered {
  readonly topic: string;
  readonly request: number;
}

/** Ends a subscription that the identity may not have any more. */
export function dropForbidden(
  connection: Connection,
  context: EdgeContext,
  { topic, request }: Unanswered,
): void {
  if (end(connection, context, { topic, why: 'forbidden', request }) !== 'granted') return;
  connection.fail('forbidden', 'the token does not allow this topic any more', { topic });
}

export function unsubscribe(connection: Connection, context: EdgeContext, command: Unsub): void {
  connection.inbox.charge(command.topics.length);
  const now = context.wheel.now();
  for (const topic of command.topics) {
    end(connection, context, { topic, why: 'superseded', request: UNASKED });
    connection.session?.forget(topic, now);
  }
  connection.say({ type: 'acked', id: command.id });
}

/** Ends a subscription, if there is one. A request that was not answered yet is answered now. */
function end(
  connection: Connection,
  context: EdgeContext,
  { topic, why, request }: Unanswered & { readonly why: keyof typeof refusals },
): 'none' | 'asked' | 'granted' {
  const unanswered = context.hub.unsubscribe(connection.outbox, topic);
  if (unanswered === undefined) return 'none';
  connection.topics -= 1;
  const id = unanswered === UNASKED ? request : unanswered;
  if (id === UNASKED) return 'granted';
  context.counts.failed(why);
  answer(connection, id, { topic, error: why, message: refusals[why] });
  return 'asked';
}
