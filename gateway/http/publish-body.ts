import type { Pub } from '../../protocol/commands.ts';
import { type Fields, isFields, isName } from '../../protocol/fields.ts';
import { type ScanProblem, type Span, scanList, scanObject } from '../../protocol/json-scan.ts';
import * as limits from '../../protocol/limits.ts';
import { readCommand } from '../../protocol/read-command.ts';
import { Refusal } from '../../protocol/refusal.ts';

/** What a publish request asks for; `many` decides the form of the answer. */
export interface PublishRequest {
  readonly many: boolean;
  readonly messages: readonly Message[];
}

/** A message as a WebSocket client publishes it, without the number of the request. */
export type Message = Omit<Pub, 'type' | 'id'>;

export interface PublishRules {
  readonly maxMessages: number;
  /** The header `Idempotency-Key`. */
  readonly idempotencyKey: string | undefined;
}

const MEMBERS = ['topic', 'data', 'producer', 'retry', 'ack'];
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads `{topic, data, producer?, retry?, ack?}` or `{messages: […]}`; members that are not known
 * are ignored, as everywhere in the protocol. `data` is taken byte for byte. One wrong message
 * refuses the request, before anything is written.
 *
 * @throws Refusal
 */
export function readPublish(body: Uint8Array, rules: PublishRules): PublishRequest {
  const members = scanned(scanObject(body, limits.depth), 'the body');
  const fields = readObject(body);
  const list = members.get('messages');
  if (list === undefined) {
    const message = readMessage(body, { fields, members, where: '', number: 1, rules });
    return { many: false, messages: [message] };
  }
  checkAlone(members);
  return { many: true, messages: readList(body, { list, fields, rules }) };
}

interface ListToRead {
  readonly list: Span;
  readonly fields: Fields;
  readonly rules: PublishRules;
}

function readList(body: Uint8Array, { list, fields, rules }: ListToRead): Message[] {
  const spans = scanned(scanList(body, limits.depth - 1, list), 'messages');
  if (spans.length < 1 || spans.length > rules.maxMessages) {
    throw new Refusal('bad_request', `messages: a list of 1 to ${rules.maxMessages}`);
  }
  // The spans were found in the text that was parsed, so the list has as many items.
  const items = fields['messages'] as readonly unknown[];
  return spans.map((span, index) => {
    const where = `messages[${index}]`;
    const members = scanned(scanObject(body, limits.depth - 2, span), where);
    const item = items[index];
    if (!isFields(item)) throw new Refusal('bad_request', `${where}: an object`);
    return readMessage(body, {
      fields: item,
      members,
      where: `${where}.`,
      number: index + 1,
      rules,
    });
  });
}

interface MessageToRead {
  readonly fields: Fields;
  readonly members: ReadonlyMap<string, Span>;
  /** Begins the names of members in errors. */
  readonly where: string;
  /** Which message of the request it is, from 1. */
  readonly number: number;
  readonly rules: PublishRules;
}

/** By the rules of the `pub` command, so that both ways to publish accept the same. */
function readMessage(body: Uint8Array, message: MessageToRead): Message {
  const { fields, members, where, number, rules } = message;
  const span = members.get('data');
  const data = span && ({ encoding: 'json', bytes: body.slice(span.start, span.end) } as const);
  try {
    const command = readCommand({ ...fields, type: 'pub', id: number }, data);
    if (command.type !== 'pub') throw new Refusal('bad_request', 'not a message');
    const { type: _type, id: _id, ...rest } = command;
    return { ...rest, ...producerOf(rest, message, rules.idempotencyKey) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, where + error.message);
  }
}

/** One key covers a whole request: its messages are told apart by their place. */
function producerOf(rest: Message, { number }: MessageToRead, key: string | undefined) {
  if (key === undefined) return {};
  if (rest.producer !== undefined) {
    throw new Refusal('bad_request', 'producer: or the header Idempotency-Key, not both');
  }
  if (!isName(key)) {
    const wanted = `1 to ${limits.nameLength} of 0-9 A-Z a-z _ -`;
    throw new Refusal('bad_request', `Idempotency-Key: ${wanted}`);
  }
  return { producer: { id: key, seq: number } };
}

/** One of the two forms: of both, the message would be lost in silence. */
function checkAlone(members: ReadonlyMap<string, Span>): void {
  const other = MEMBERS.find((name) => members.has(name));
  if (other === undefined) return;
  throw new Refusal('bad_request', `messages: or one message, not both (there is "${other}")`);
}

/** A body that is one JSON object. Throws `Refusal`. */
export function readObject(body: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(body));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'JSON' : 'UTF-8';
    throw new Refusal('bad_request', `the body is not ${why}`);
  }
  if (!isFields(value)) throw new Refusal('bad_request', 'the body is one JSON object');
  return value;
}

const problems: Record<ScanProblem, string> = {
  not_an_object: 'one JSON object',
  not_a_list: 'a list',
  too_deep: `not nested deeper than ${limits.depth} levels`,
  too_many: `at most ${limits.members} members`,
  bad_member: 'JSON whose member names have no escapes',
  repeated: 'no member may occur twice',
};

function scanned<T>(result: T | ScanProblem, where: string): T {
  if (typeof result !== 'string') return result;
  throw new Refusal('bad_request', `${where}: ${problems[result as ScanProblem]}`);
}
