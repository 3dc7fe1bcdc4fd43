import type { AckLevel, Command, Hello, Pub, TopicRequest } from './commands.ts';
import * as field from './fields.ts';
import * as limits from './limits.ts';
import { positions } from './position-list.ts';
import { Refusal } from './refusal.ts';

/** A command from the members of a frame. Throws `Refusal`; unknown members are ignored. */
export function readCommand<Data>(fields: field.Fields, data: Data | undefined): Command<Data> {
  switch (fields['type']) {
    case 'hello':
      return readHello(fields);
    case 'sub':
      return { type: 'sub', id: id(fields), topics: field.list(fields['topics'], 'topics', asked) };
    case 'unsub':
      return {
        type: 'unsub',
        id: id(fields),
        topics: field.list(fields['topics'], 'topics', names),
      };
    case 'pub':
      return readPub(fields, data);
    case 'ack':
      return { type: 'ack', positions: field.list(fields['positions'], 'positions', positions) };
    case 'auth':
      return {
        type: 'auth',
        id: id(fields),
        token: field.secret(fields, 'token', limits.tokenBytes),
      };
    case 'ping':
      return { type: 'ping', at: field.finite(fields, 'at') };
    default:
      throw unknownType(fields['type']);
  }
}

const id = (fields: field.Fields) => field.integer(fields, 'id', 1);

function unknownType(type: unknown): Refusal {
  if (typeof type === 'string') {
    return new Refusal('unknown_command', `type: ${JSON.stringify(type.slice(0, 40))} is unknown`);
  }
  return new Refusal('bad_request', 'type: the name of a command is missing');
}

function readHello(fields: field.Fields): Hello {
  return {
    type: 'hello',
    ...field.optional(fields, 'id', (all, name) => field.integer(all, name, 1)),
    ...field.optional(fields, 'token', (all, name) => field.secret(all, name, limits.tokenBytes)),
    ...field.optional(fields, 'session', field.identifier),
    ...field.optional(fields, 'features', (all, name) => field.list(all[name], name, features)),
    ...field.optional(fields, 'move', (all, name) =>
      field.secret(all, name, limits.moveTokenBytes),
    ),
    ...field.optional(fields, 'client', (all, name) => field.text(all, name, limits.clientLength)),
  };
}

function readPub<Data>(fields: field.Fields, data: Data | undefined): Pub<Data> {
  const request = id(fields);
  const topic = field.topic(fields['topic'], 'topic');
  if (data === undefined) throw new Refusal('bad_request', 'data: a publish carries data');
  return {
    type: 'pub',
    id: request,
    topic,
    data,
    ...field.optional(fields, 'producer', readProducer),
    ...field.optional(fields, 'retry', field.flag),
    ...field.optional(fields, 'ack', (all, name) => field.oneOf(all, name, ackLevels)),
  };
}

const ackLevels = ['leader', 'replicas'] as const satisfies readonly AckLevel[];

function readProducer(fields: field.Fields, name: string) {
  const producer = fields[name];
  if (!field.isFields(producer)) {
    throw new Refusal('bad_request', `${name}: an object with id and seq`);
  }
  return { id: field.identifier(producer, 'id'), seq: field.integer(producer, 'seq', 1) };
}

const features: field.ListOf<string> = {
  min: 0,
  max: limits.features,
  item: (value, where) => {
    if (field.isName(value)) return value;
    throw new Refusal('bad_request', `${where}: the name of a feature`);
  },
};

const names: field.ListOf<string> = { min: 1, max: limits.topicsPerCommand, item: field.topic };

const asked: field.ListOf<TopicRequest> = {
  min: 1,
  max: limits.topicsPerCommand,
  item: (value, where) => {
    if (!field.isFields(value)) return { topic: field.topic(value, where) };
    return {
      topic: field.topic(value['topic'], `${where}.topic`),
      ...field.optional(value, 'position', (all, name) =>
        field.position(all[name], `${where}.${name}`),
      ),
    };
  },
};
