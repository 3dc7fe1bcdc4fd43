import type { RefusedDelivery, SubbedDelivery } from '../hub/hub.ts';
import type { Connection } from './connection.ts';
import type { EdgeContext } from './context.ts';
import type { Notice } from './outbox.ts';
import { answer, dropForbidden, UNASKED } from './subscribing.ts';

/** Says to a client what the hub has to say beside messages. */
export function notify(connection: Connection, context: EdgeContext, notice: Notice): void {
  switch (notice.kind) {
    case 'subbed':
      subscribed(connection, context, notice);
      break;
    case 'gap':
      connection.say({ type: 'gap', topic: notice.topic, ...notice.gap });
      break;
    case 'refused':
      refused(connection, context, notice);
      break;
    case 'stale':
      connection.tellStale(notice.stale);
      break;
  }
}

function subscribed(connection: Connection, context: EdgeContext, notice: SubbedDelivery): void {
  const { topic, position, replay, request } = notice;
  if (connection.identity?.maySubscribe(topic) !== true) {
    // The token changed while the topic was opened.
    dropForbidden(connection, context, notice);
    return;
  }
  connection.session?.started(topic, position, context.wheel.now());
  if (request !== UNASKED) answer(connection, request, { topic, position, replay });
}

function refused(connection: Connection, context: EdgeContext, notice: RefusedDelivery): void {
  const { topic, request, code, message } = notice;
  connection.topics -= 1;
  if (request === UNASKED) {
    connection.fail(code, message, { topic });
    return;
  }
  context.counts.failed(code);
  answer(connection, request, { topic, error: code, message });
}
