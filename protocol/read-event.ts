import { gapReasonNames, lastingErrors, moveReasonNames, passingErrors } from './code-table.ts';
import type { ServerEvent, SubbedTopic } from './events.ts';
import {
  type Fields,
  finite,
  integer,
  isFields,
  list,
  members,
  object,
  optional,
  position,
  type Read,
  type Shape,
  text,
  topic,
} from './fields.ts';
import * as limits from './limits.ts';
import { positions } from './position-list.ts';
import { Refusal } from './refusal.ts';

/** Longer than any text a server sends in one member; bounds what a client will hold. */
const anyText = text(1_024);
const optionalText = optional(anyText);
const positive = integer(1);
const optionalNumber = optional(positive);

/** A newer server may have names of its own; what an older client does is the same for all. */
function known<T>(names: readonly T[], otherwise: T): Read<T> {
  return (value) => names.find((name) => name === value) ?? otherwise;
}

const errorName = known([...passingErrors, ...lastingErrors], 'internal');

const granted = object({ topic, position, replay: integer(0) });
const denied = object({ topic, error: errorName, message: anyText });
const subbedTopic: Read<SubbedTopic> = (value, where) =>
  (isFields(value) && value['error'] !== undefined ? denied : granted)(value, where);

/** What each event carries, beside `type` and the `data` of a message. */
const shapes: {
  readonly [Type in ServerEvent['type']]: Shape<
    Omit<Extract<ServerEvent, { readonly type: Type }>, 'type' | 'data'>
  >;
} = {
  welcome: {
    id: optionalNumber,
    session: anyText,
    identity: optionalText,
    heartbeat: positive,
    limits: object({ frameBytes: positive, topics: positive }),
    features: list(0, limits.features, text(limits.nameLength)),
    pod: anyText,
  },
  subbed: { id: positive, topics: list(1, limits.topicsPerCommand, subbedTopic) },
  msg: { topic, position, id: optionalText, at: finite },
  acked: {
    id: positive,
    position: optional(position),
    duplicate: (value) => value === true || undefined,
  },
  err: {
    id: optionalNumber,
    topic: optional(topic),
    code: errorName,
    message: anyText,
    at: finite,
    request: anyText,
  },
  gap: {
    topic,
    reason: known(gapReasonNames, 'lost'),
    from: optionalNumber,
    to: optionalNumber,
    position,
  },
  stale: { stale: (value) => value === true, at: finite },
  tick: { at: finite, positions },
  move: {
    to: optionalText,
    within: integer(0),
    reason: known(moveReasonNames, 'drain'),
    token: anyText,
  },
  pong: { at: finite },
};

/** An event from the members of a frame. Throws `Refusal`; unknown members are ignored. */
export function readEvent<Data>(fields: Fields, data: Data | undefined): ServerEvent<Data> {
  const { type } = fields;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) {
    throw new Refusal('unknown_command', 'type: unknown to this version');
  }
  const event = { type, ...members<object>(fields, shapes[type as ServerEvent['type']]) };
  if (type !== 'msg') return event as ServerEvent<Data>;
  if (data === undefined) throw new Refusal('bad_request', 'data: missing');
  return { ...event, data } as ServerEvent<Data>;
}
