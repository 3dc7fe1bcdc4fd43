import type { Ack, Command, TopicPosition } from './commands.ts';
import type { ServerEvent } from './events.ts';
import { isFields } from './fields.ts';
import { formatPosition } from './position.ts';
import { type NoEvent, readEvent } from './read-event.ts';

/**
 * `wscluster.v1` as a client writes and reads it: text frames, with the application's data as a
 * JavaScript value. Has no dependency and stays small: it is part of the client package.
 */

/** What the client package says: the gateway need not keep cursors for it. */
export type ClientCommand = Exclude<Command<unknown>, Ack>;

/** The members that stand for a command on the wire; positions become text. */
export function commandMembers(command: Command<unknown>): object {
  if (command.type !== 'ack') return textMembers(command);
  return { ...command, positions: positionMembers(command.positions) };
}

function textMembers(command: ClientCommand): object {
  if (command.type !== 'sub') return command;
  const topics = command.topics.map(({ topic, position }) =>
    position === undefined ? topic : { topic, position: formatPosition(position) },
  );
  return { ...command, topics };
}

function positionMembers(positions: readonly TopicPosition[]): object[] {
  return positions.map(({ topic, position }) => ({ topic, position: formatPosition(position) }));
}

/** The members that stand for an event on the wire. */
export function eventMembers(event: ServerEvent<unknown>): object {
  switch (event.type) {
    case 'msg':
    case 'gap':
      return { ...event, position: formatPosition(event.position) };
    case 'acked':
      if (event.position === undefined) return event;
      return { ...event, position: formatPosition(event.position) };
    case 'subbed':
      return {
        ...event,
        topics: event.topics.map((one) =>
          'error' in one ? one : { ...one, position: formatPosition(one.position) },
        ),
      };
    case 'tick':
      return { ...event, positions: positionMembers(event.positions) };
    default:
      return event;
  }
}

/**
 * A command as a text frame.
 *
 * @throws TypeError when `data` has no JSON form (undefined, a function, a cycle, a BigInt).
 */
export function commandText(command: ClientCommand): string {
  if (command.type !== 'pub') return JSON.stringify(textMembers(command));
  const { data, ...rest } = command;
  const text: string | undefined = JSON.stringify(data);
  if (text === undefined) {
    throw new TypeError(`data: no JSON form of ${typeof data}`);
  }
  return `${JSON.stringify(rest).slice(0, -1)},"data":${text}}`;
}

/** An event from a text frame, whatever the text. */
export function eventFromText(frame: string): ServerEvent<unknown> | NoEvent {
  const fields = parse(frame);
  return isFields(fields) ? readEvent<unknown>(fields, fields['data']) : 'bad_frame';
}

/** Undefined: it is not JSON. */
function parse(frame: string): unknown {
  try {
    return JSON.parse(frame);
  } catch {
    return undefined;
  }
}
