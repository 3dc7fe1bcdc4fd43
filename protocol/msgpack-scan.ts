import type { Span } from './json-scan.ts';
import * as limits from './limits.ts';
import { isUtf8 } from './utf8.ts';

/**
 * Where values stand in msgpack bytes, without building them: each value's end is found and its
 * form checked, so that `data` can be passed on untouched and a hostile length or nesting costs
 * nothing. Strings that are not UTF-8, extension types and map keys other than strings have no JSON
 * form and are refused.
 */

export class MsgpackProblem extends Error {
  override readonly name = 'MsgpackProblem';
}

/** How a value continues after its first byte. */
type Shape =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'sized'; readonly lengthBytes: 1 | 2 | 4 }
  | { readonly kind: 'items'; readonly items: number; readonly map: boolean }
  | { readonly kind: 'counted'; readonly lengthBytes: 2 | 4; readonly map: boolean };

const NIL = 0xc0;
const FIXED: Readonly<Record<number, number>> = {
  [NIL]: 0,
  194: 0,
  195: 0,
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
};
const SIZED: Readonly<Record<number, 1 | 2 | 4>> = {
  196: 1,
  197: 2,
  198: 4,
  217: 1,
  218: 2,
  219: 4,
};

function shapeOf(byte: number): Shape {
  if (byte <= 0x7f || byte >= 0xe0) return { kind: 'fixed', bytes: 0 };
  if (byte <= 0x8f) return { kind: 'items', items: byte & 0x0f, map: true };
  if (byte <= 0x9f) return { kind: 'items', items: byte & 0x0f, map: false };
  if (byte <= 0xbf) return { kind: 'fixed', bytes: byte & 0x1f };
  const fixed = FIXED[byte];
  if (fixed !== undefined) return { kind: 'fixed', bytes: fixed };
  const sized = SIZED[byte];
  if (sized !== undefined) return { kind: 'sized', lengthBytes: sized };
  if (byte === 0xdc || byte === 0xde)
    return { kind: 'counted', lengthBytes: 2, map: byte === 0xde };
  if (byte === 0xdd || byte === 0xdf)
    return { kind: 'counted', lengthBytes: 4, map: byte === 0xdf };
  throw new MsgpackProblem('extension types are not allowed');
}

const isString = (byte: number | undefined) =>
  byte !== undefined && ((byte >= 0xa0 && byte <= 0xbf) || (byte >= 0xd9 && byte <= 0xdb));

const isMap = (byte: number | undefined) =>
  byte !== undefined && ((byte >= 0x80 && byte <= 0x8f) || byte === 0xde || byte === 0xdf);

function unsigned(bytes: Uint8Array, at: number, length: number): number {
  if (at + length > bytes.length) throw new MsgpackProblem('cut short');
  let value = 0;
  for (let index = at; index < at + length; index += 1) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

/** What follows the first byte: where contents begin, how many bytes or items they are. */
interface Header {
  readonly contents: number;
  readonly bytes: number;
  readonly items: number;
  readonly map: boolean;
}

function headerAt(bytes: Uint8Array, at: number): Header {
  const first = bytes[at];
  if (first === undefined) throw new MsgpackProblem('cut short');
  const shape = shapeOf(first);
  switch (shape.kind) {
    case 'fixed':
      return { contents: at + 1, bytes: shape.bytes, items: 0, map: false };
    case 'sized': {
      const length = unsigned(bytes, at + 1, shape.lengthBytes);
      return { contents: at + 1 + shape.lengthBytes, bytes: length, items: 0, map: false };
    }
    case 'items':
      return { contents: at + 1, bytes: 0, items: shape.items, map: shape.map };
    case 'counted': {
      const items = unsigned(bytes, at + 1, shape.lengthBytes);
      return { contents: at + 1 + shape.lengthBytes, bytes: 0, items, map: shape.map };
    }
  }
}

interface Scan {
  readonly bytes: Uint8Array;
  /** How many more may be looked at. */
  values: number;
}

/** The index after the value at `at`. Each item takes a byte at least, so the loop is bounded. */
function skipValue(scan: Scan, at: number, maxDepth: number): number {
  scan.values -= 1;
  if (scan.values < 0) throw new MsgpackProblem(`more than ${limits.values} values`);
  const { bytes } = scan;
  const header = headerAt(bytes, at);
  let index = header.contents + header.bytes;
  if (index > bytes.length) throw new MsgpackProblem('cut short');
  if (isString(bytes[at]) && !isUtf8(bytes, header.contents, index)) {
    throw new MsgpackProblem('a string is not UTF-8');
  }
  if (header.items > 0 && maxDepth <= 0) throw new MsgpackProblem('nested too deep');
  for (let item = 0; item < header.items; item += 1) {
    if (header.map) {
      if (!isString(bytes[index])) throw new MsgpackProblem('map keys are strings');
      index = skipValue(scan, index, 0);
    }
    index = skipValue(scan, index, maxDepth - 1);
  }
  return index;
}

// `ignoreBOM`: a byte-order mark belongs to the name.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The string at `at`, which was found to be UTF-8. */
function stringAt(bytes: Uint8Array, at: number): string {
  const { contents, bytes: length } = headerAt(bytes, at);
  return decoder.decode(bytes.subarray(contents, contents + length));
}

/**
 * The members of the map that `bytes` is, whole; at most `limits.members`, with `limits.values`
 * values in all but `data`.
 *
 * @throws MsgpackProblem
 */
export function scanMap(bytes: Uint8Array, maxDepth: number): Map<string, Span> {
  if (!isMap(bytes[0])) throw new MsgpackProblem('a frame is one map');
  const header = headerAt(bytes, 0);
  if (header.items > limits.members) {
    throw new MsgpackProblem(`more than ${limits.members} members`);
  }
  const members = new Map<string, Span>();
  const scan: Scan = { bytes, values: limits.values };
  // Its form is the publisher's; each value takes a byte at least, which the rate counts.
  const data: Scan = { bytes, values: Number.POSITIVE_INFINITY };
  let index = header.contents;
  for (let item = 0; item < header.items; item += 1) {
    if (!isString(bytes[index])) throw new MsgpackProblem('map keys are strings');
    const start = skipValue(scan, index, 0);
    const name = stringAt(bytes, index);
    if (members.has(name)) throw new MsgpackProblem('a member occurs twice');
    index = skipValue(name === 'data' ? data : scan, start, maxDepth - 1);
    members.set(name, { start, end: index });
  }
  if (index !== bytes.length) throw new MsgpackProblem('more follows after the map');
  return members;
}
