import type { AckLevel, Command, TopicRequest } from './commands.ts';
import {
  type Fields,
  finite,
  flag,
  identifier,
  integer,
  isFields,
  isName,
  list,
  members,
  object,
  oneOf,
  optional,
  position,
  type Read,
  type Shape,
  secret,
  text,
  topic,
} from './fields.ts';
import * as limits from './limits.ts';
import { Refusal } from './refusal.ts';

const id = integer(1);
const ackLevels = ['leader', 'replicas'] as const satisfies readonly AckLevel[];
const asked = object<TopicRequest>({ topic, position: optional(position) });
const feature: Read<string> = (value, where) => {
  if (isName(value)) return value;
  throw new Refusal('bad_request', `${where}: the name of a feature`);
};

/** What each command carries, beside `type` and the `data` of a publish. */
const shapes: {
  readonly [Type in Command['type']]: Shape<
    Omit<Extract<Command, { readonly type: Type }>, 'type' | 'data'>
  >;
} = {
  hello: {
    id: optional(id),
    token: optional(secret(limits.tokenBytes)),
    session: optional(identifier),
    features: optional(list(0, limits.features, feature)),
    move: optional(secret(limits.moveTokenBytes)),
    client: optional(text(limits.clientLength)),
  },
  sub: {
    id,
    topics: list(1, limits.topicsPerCommand, (value, where) =>
      isFields(value) ? asked(value, where) : { topic: topic(value, where) },
    ),
  },
  unsub: { id, topics: list(1, limits.topicsPerCommand, topic) },
  pub: {
    id,
    topic,
    producer: optional(object({ id: identifier, seq: id })),
    retry: optional(flag),
    ack: optional(oneOf(ackLevels)),
  },
  ack: { positions: list(0, limits.topicsPerCommand, object({ topic, position })) },
  auth: { id, token: secret(limits.tokenBytes) },
  ping: { at: finite },
};

/** A command from the members of a frame. Throws `Refusal`; unknown members are ignored. */
export function readCommand<Data>(fields: Fields, data: Data | undefined): Command<Data> {
  const { type } = fields;
  if (typeof type !== 'string') {
    throw new Refusal('bad_request', 'type: the name of a command is missing');
  }
  if (!Object.hasOwn(shapes, type)) {
    throw new Refusal('unknown_command', `type: ${JSON.stringify(type.slice(0, 40))} is unknown`);
  }
  const command = { type, ...members<object>(fields, shapes[type as Command['type']]) };
  if (type !== 'pub') return command as Command<Data>;
  if (data === undefined) throw new Refusal('bad_request', 'data: a publish carries data');
  return { ...command, data } as Command<Data>;
}
