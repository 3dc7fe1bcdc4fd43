import { Packr, Unpackr } from 'msgpackr';
import type { Codec, Decoded } from './codec.ts';
import type { Command } from './commands.ts';
import type { ServerEvent } from './events.ts';
import { type Fields, requestId } from './fields.ts';
import type { Span } from './json-scan.ts';
import { commandMembers, eventMembers } from './json-text.ts';
import * as limits from './limits.ts';
import { MsgpackProblem, scanMap } from './msgpack-scan.ts';
import type { Payload } from './payload.ts';
import { readCommand } from './read-command.ts';
import { requireEvent } from './read-event.ts';
import { decoded, Refusal } from './refusal.ts';
import { toEncoding } from './transcode.ts';

/**
 * `wscluster.v1.msgpack`: the same objects as `wscluster.v1`, one msgpack map per binary frame.
 * `data` is one msgpack value, passed on byte for byte.
 */
export const msgpackCodec: Codec = {
  subprotocol: 'wscluster.v1.msgpack',
  binary: true,
  encodeEvent: (event) =>
    event.type === 'msg'
      ? packFrame(eventMembers(event), event.data)
      : packFrame(eventMembers(event)),
  decodeEvent: (frame) => decodeFrame<ServerEvent>(frame, requireEvent),
  encodeCommand: (command) =>
    command.type === 'pub'
      ? packFrame(commandMembers(command), command.data)
      : packFrame(commandMembers(command)),
  decodeCommand: (frame) => decodeFrame<Command>(frame, readCommand),
};

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

/** No frame has this many members, so that the map header is always one byte. */
const MAX_MEMBERS = 15;

/** A map of the members, in which `data` (if given) takes the place of the member of that name. */
function packFrame(members: object, data?: Payload): Uint8Array {
  const parts: Uint8Array[] = [];
  let count = 0;
  for (const [name, value] of Object.entries(members)) {
    if (name === 'data' && data !== undefined) continue;
    parts.push(packr.pack(name), packr.pack(value));
    count += 1;
  }
  if (data !== undefined) {
    parts.push(packr.pack('data'), toEncoding(data, 'msgpack'));
    count += 1;
  }
  if (count > MAX_MEMBERS) throw new Error(`a frame has at most ${MAX_MEMBERS} members`);
  return joined(Uint8Array.of(0x80 | count), parts);
}

function joined(head: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, head.length);
  const frame = new Uint8Array(length);
  frame.set(head);
  let at = head.length;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

type Reader<T> = (fields: Fields, data: Payload | undefined) => T;

function decodeFrame<T>(frame: Uint8Array, read: Reader<T>): Decoded<T> {
  let fields: Fields | undefined;
  return decoded(
    () => {
      const members = scanned(frame);
      fields = unpackMembers(frame, members);
      const span = members.get('data');
      if (span === undefined) return read(fields, undefined);
      return read(fields, { encoding: 'msgpack', bytes: frame.slice(span.start, span.end) });
    },
    () => requestId(fields),
  );
}

function scanned(frame: Uint8Array): Map<string, Span> {
  try {
    return scanMap(frame, limits.depth);
  } catch (problem) {
    if (!(problem instanceof MsgpackProblem)) throw problem;
    throw new Refusal('bad_frame', problem.message);
  }
}

/** Every member but `data`, as values. The scan has already checked the form of all bytes. */
function unpackMembers(frame: Uint8Array, members: ReadonlyMap<string, Span>): Fields {
  const fields = new Map<string, unknown>();
  for (const [name, { start, end }] of members) {
    if (name !== 'data') fields.set(name, unpackr.unpack(frame.subarray(start, end)));
  }
  return Object.fromEntries(fields);
}
