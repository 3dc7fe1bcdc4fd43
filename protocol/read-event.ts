import { gapReasonNames, lastingErrors, moveReasonNames, passingErrors } from './code-table.ts';
import type { ServerEvent, SubbedTopic } from './events.ts';
import { type Fields, isFields, isText, isWhole } from './fields.ts';
import * as limits from './limits.ts';
import { parsePosition } from './position.ts';
import { Refusal } from './refusal.ts';
import { topicProblem } from './topic.ts';

/**
 * Reads events. Whoever wrote a wrong command is told what is wrong with it (`fields.ts`); about a
 * wrong event there is nobody to tell, and the client package goes without the words.
 */

/** The value as what it must be; undefined: it is not. */
type Read<T> = (value: unknown) => T | undefined;

/** What stands for a member that may be absent, and is. */
const ABSENT: null = null;

/** A reader for each member of an object. */
type Shape<T> = {
  readonly [Name in keyof T]-?: undefined extends T[Name]
    ? Read<NonNullable<T[Name]> | typeof ABSENT>
    : Read<T[Name]>;
};

function members<T>(fields: Fields, shape: Shape<T>): T | undefined {
  const found: Record<string, unknown> = {};
  for (const name in shape) {
    const value = shape[name](fields[name]);
    if (value === undefined) return undefined;
    if (value !== ABSENT) found[name] = value;
  }
  return found as T;
}

function object<T>(shape: Shape<T>): Read<T> {
  return (value) => (isFields(value) ? members(value, shape) : undefined);
}

function optional<T>(read: Read<T>): Read<T | typeof ABSENT> {
  return (value) => (value === undefined ? ABSENT : read(value));
}

function list<T>(min: number, max: number, read: Read<T>): Read<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value) || value.length < min || value.length > max) return undefined;
    const items = value.map(read);
    return items.includes(undefined) ? undefined : (items as T[]);
  };
}

/** What `holds`, as it is. */
function checked<T>(holds: (value: unknown) => boolean): Read<T> {
  return (value) => (holds(value) ? (value as T) : undefined);
}

const text = (maxLength: number) => checked<string>((value) => isText(value, maxLength));
const topic = checked<string>((value) => topicProblem(value) === undefined);
const finite = checked<number>(Number.isFinite);
const whole = checked<number>((value) => isWhole(value, 0));
const positive = checked<number>((value) => isWhole(value, 1));
const optionalNumber = optional(positive);
/** Longer than any text a server sends in one member; bounds what a client will hold. */
const anyText = text(1_024);
const optionalText = optional(anyText);
const position = parsePosition;

/** A newer server may have names of its own; what an older client does is the same for all. */
function known<T>(names: readonly T[], otherwise: T): Read<T> {
  return (value) => names.find((name) => name === value) ?? otherwise;
}

const errorName = known([...passingErrors, ...lastingErrors], 'internal');

const granted = object({ topic, position, replay: whole });
const denied = object({ topic, error: errorName, message: anyText });
const subbedTopic: Read<SubbedTopic> = (value) =>
  (isFields(value) && value['error'] !== undefined ? denied : granted)(value);

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
    duplicate: (value) => value === true || ABSENT,
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
  tick: {
    at: finite,
    positions: list(0, limits.topicsPerCommand, object({ topic, position })),
  },
  move: {
    to: optionalText,
    within: whole,
    reason: known(moveReasonNames, 'drain'),
    token: anyText,
  },
  pong: { at: finite },
};

/** Why there is no event: the frame is none, or is of a type that this version does not know. */
export type NoEvent = 'bad_frame' | 'unknown_command';

/** An event from the members of a frame; unknown members are ignored. */
export function readEvent<Data>(
  fields: Fields,
  data: Data | undefined,
): ServerEvent<Data> | NoEvent {
  const { type } = fields;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return 'unknown_command';
  const carried = members<object>(fields, shapes[type as ServerEvent['type']]);
  const isMessage = type === 'msg';
  if (carried === undefined || (isMessage && data === undefined)) return 'bad_frame';
  return { type, ...carried, ...(isMessage && { data }) } as ServerEvent<Data>;
}

const reasons = { bad_frame: 'not an event', unknown_command: 'type: unknown to this version' };

/** As `readEvent`, inside a decoder. Throws `Refusal`. */
export function requireEvent<Data>(fields: Fields, data: Data | undefined): ServerEvent<Data> {
  const event = readEvent(fields, data);
  if (typeof event === 'string') throw new Refusal(event, reasons[event]);
  return event;
}
