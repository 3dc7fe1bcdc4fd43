import type { Codec, Decoded } from './codec.ts';
import type { Command } from './commands.ts';
import type { Msg, ServerEvent } from './events.ts';
import { type Fields, requestId } from './fields.ts';
import { type ScanProblem, scanObject } from './json-scan.ts';
import { commandMembers, eventMembers } from './json-text.ts';
import * as limits from './limits.ts';
import type { Payload } from './payload.ts';
import { formatPosition } from './position.ts';
import { readCommand } from './read-command.ts';
import { requireEvent } from './read-event.ts';
import { decoded, Refusal } from './refusal.ts';
import { toEncoding } from './transcode.ts';

/**
 * `wscluster.v1`: one JSON object per text frame. `data` is passed on byte for byte, so numbers
 * beyond doubles, key order and escapes survive. The client package uses `json-text.ts` instead,
 * which says the same with strings and decoded data.
 */
export const jsonCodec: Codec = {
  subprotocol: 'wscluster.v1',
  binary: false,
  encodeEvent: (event) => (event.type === 'msg' ? encodeMsg(event) : encode(eventMembers(event))),
  decodeEvent: (frame) => decodeFrame<ServerEvent>(frame, requireEvent),
  encodeCommand: (command) => {
    if (command.type !== 'pub') return encode(commandMembers(command));
    const { data, ...rest } = command;
    return encodeWithData(JSON.stringify(rest), data);
  },
  decodeCommand: (frame) => decodeFrame<Command>(frame, readCommand),
};

const encoder = new TextEncoder();
// `fatal`: bytes that are not UTF-8 are refused, never replaced. `ignoreBOM`: a byte-order mark is
// not JSON.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const encode = (members: object) => encoder.encode(JSON.stringify(members));

function encodeMsg(event: Msg): Uint8Array {
  const id = event.id === undefined ? '' : `,"id":${JSON.stringify(event.id)}`;
  const topic = JSON.stringify(event.topic);
  const position = formatPosition(event.position);
  const head = `{"type":"msg","topic":${topic},"position":"${position}","at":${event.at}${id}}`;
  return encodeWithData(head, event.data);
}

/** `object`, a JSON object with at least one member, with `data` as its last one. */
function encodeWithData(object: string, data: Payload): Uint8Array {
  const head = encoder.encode(`${object.slice(0, -1)},"data":`);
  const value = toEncoding(data, 'json');
  const frame = new Uint8Array(head.length + value.length + 1);
  frame.set(head);
  frame.set(value, head.length);
  frame[frame.length - 1] = 0x7d;
  return frame;
}

type Reader<T> = (fields: Fields, data: Payload | undefined) => T;

function decodeFrame<T>(frame: Uint8Array, read: Reader<T>): Decoded<T> {
  let fields: Fields | undefined;
  return decoded(
    () => {
      const members = scanObject(frame, limits.depth);
      if (typeof members === 'string') throw scanRefusal(members);
      fields = parseJson(frame) as Fields;
      const span = members.get('data');
      if (span === undefined) return read(fields, undefined);
      // A copy: the frame may be a view of a larger buffer that would be held with it.
      return read(fields, { encoding: 'json', bytes: frame.slice(span.start, span.end) });
    },
    () => requestId(fields),
  );
}

/** Parses one JSON text. Throws `Refusal`. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'not JSON' : 'not UTF-8';
    throw new Refusal('bad_frame', `the frame is ${why}`);
  }
}

const scanTexts: Record<ScanProblem, string> = {
  not_an_object: 'a frame is one JSON object',
  not_a_list: 'not a list',
  too_deep: `nested deeper than ${limits.depth} levels`,
  too_many: `more than ${limits.members} members`,
  bad_member: 'a member name is missing or written with escapes',
  repeated: 'a member occurs twice',
};

function scanRefusal(problem: ScanProblem): Refusal {
  return new Refusal('bad_frame', scanTexts[problem]);
}
