import { type ErrorName, errorRetries, gapReasonNames, moveReasonNames } from './code-table.ts';
import type {
  Acked,
  Err,
  GapEvent,
  Move,
  Msg,
  ServerEvent,
  SubbedTopic,
  Welcome,
} from './events.ts';
import * as field from './fields.ts';
import * as limits from './limits.ts';
import { positions } from './position-list.ts';
import { Refusal } from './refusal.ts';

/** Longer than any text a server sends in one member; bounds what a client will hold. */
const MAX_TEXT = 1_024;

const text = (fields: field.Fields, name: string) => field.text(fields, name, MAX_TEXT);

/** An event from the members of a frame. Throws `Refusal`; unknown members are ignored. */
export function readEvent<Data>(fields: field.Fields, data: Data | undefined): ServerEvent<Data> {
  switch (fields['type']) {
    case 'welcome':
      return readWelcome(fields);
    case 'subbed':
      return {
        type: 'subbed',
        id: field.integer(fields, 'id', 1),
        topics: field.list(fields['topics'], 'topics', subbedTopics),
      };
    case 'msg':
      return readMsg(fields, data);
    case 'acked':
      return readAcked(fields);
    case 'err':
      return readErr(fields);
    case 'gap':
      return readGap(fields);
    case 'stale':
      return { type: 'stale', stale: fields['stale'] === true, at: field.finite(fields, 'at') };
    case 'tick':
      return {
        type: 'tick',
        at: field.finite(fields, 'at'),
        positions: field.list(fields['positions'], 'positions', positions),
      };
    case 'move':
      return readMove(fields);
    case 'pong':
      return { type: 'pong', at: field.finite(fields, 'at') };
    default:
      throw new Refusal('unknown_command', 'type: unknown to this version');
  }
}

function readWelcome(fields: field.Fields): Welcome {
  const served = fields['limits'];
  if (!field.isFields(served)) throw new Refusal('bad_request', 'limits: an object');
  return {
    type: 'welcome',
    ...field.optional(fields, 'id', (all, name) => field.integer(all, name, 1)),
    session: text(fields, 'session'),
    ...field.optional(fields, 'identity', text),
    heartbeat: field.integer(fields, 'heartbeat', 1),
    limits: {
      frameBytes: field.integer(served, 'frameBytes', 1),
      topics: field.integer(served, 'topics', 1),
    },
    features: field.list(fields['features'], 'features', featureNames),
    pod: text(fields, 'pod'),
  };
}

const featureNames: field.ListOf<string> = {
  min: 0,
  max: limits.features,
  item: (value, where) => {
    if (typeof value === 'string' && value.length <= limits.nameLength) return value;
    throw new Refusal('bad_request', `${where}: the name of a feature`);
  },
};

const subbedTopics: field.ListOf<SubbedTopic> = {
  min: 1,
  max: limits.topicsPerCommand,
  item: (value, where) => {
    if (!field.isFields(value)) throw new Refusal('bad_request', `${where}: an object`);
    const topic = field.topic(value['topic'], `${where}.topic`);
    if (value['error'] !== undefined) {
      const error = known(errorNames, value['error'], 'internal');
      return { topic, error, message: text(value, 'message') };
    }
    const position = field.position(value['position'], `${where}.position`);
    return { topic, position, replay: field.integer(value, 'replay', 0) };
  },
};

const errorNames = Object.keys(errorRetries) as ErrorName[];

/** A newer server may have names of its own; what an older client does is the same for all. */
function known<T>(names: readonly T[], value: unknown, otherwise: T): T {
  return names.find((name) => name === value) ?? otherwise;
}

function readMsg<Data>(fields: field.Fields, data: Data | undefined): Msg<Data> {
  if (data === undefined) throw new Refusal('bad_request', 'data: missing');
  return {
    type: 'msg',
    topic: field.topic(fields['topic'], 'topic'),
    position: field.position(fields['position'], 'position'),
    data,
    ...field.optional(fields, 'id', text),
    at: field.finite(fields, 'at'),
  };
}

function readAcked(fields: field.Fields): Acked {
  return {
    type: 'acked',
    id: field.integer(fields, 'id', 1),
    ...field.optional(fields, 'position', (all, name) => field.position(all[name], name)),
    ...(fields['duplicate'] === true ? { duplicate: true as const } : {}),
  };
}

function readErr(fields: field.Fields): Err {
  return {
    type: 'err',
    ...field.optional(fields, 'id', (all, name) => field.integer(all, name, 1)),
    ...field.optional(fields, 'topic', (all, name) => field.topic(all[name], name)),
    code: known(errorNames, fields['code'], 'internal'),
    message: text(fields, 'message'),
    at: field.finite(fields, 'at'),
    request: text(fields, 'request'),
  };
}

function readGap(fields: field.Fields): GapEvent {
  return {
    type: 'gap',
    topic: field.topic(fields['topic'], 'topic'),
    reason: known(gapReasonNames, fields['reason'], 'lost'),
    ...field.optional(fields, 'from', (all, name) => field.integer(all, name, 1)),
    ...field.optional(fields, 'to', (all, name) => field.integer(all, name, 1)),
    position: field.position(fields['position'], 'position'),
  };
}

function readMove(fields: field.Fields): Move {
  return {
    type: 'move',
    ...field.optional(fields, 'to', text),
    within: field.integer(fields, 'within', 0),
    reason: known(moveReasonNames, fields['reason'], 'drain'),
    token: text(fields, 'token'),
  };
}
