import * as limits from './limits.ts';

/**
 * Finds where the members of a JSON object stand in its bytes, so that `data` can be passed on as
 * the publisher wrote it, and refuses deep nesting before anything is parsed. It looks only at
 * strings, brackets and commas: whether the text is JSON is for `JSON.parse` to say, and once it
 * has said yes, the spans are exact.
 */

/** Bytes `start` to `end` (exclusive) hold one JSON value without surrounding whitespace. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type ScanProblem =
  | 'not_an_object'
  | 'not_a_list'
  | 'too_deep'
  | 'too_many'
  | 'bad_member'
  | 'repeated';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const isSpace = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

function skipSpace(bytes: Uint8Array, at: number): number {
  let index = at;
  while (isSpace(bytes[index])) index += 1;
  return index;
}

/** The index after the string that begins at `at`; the length of `bytes` when it never ends. */
function skipString(bytes: Uint8Array, at: number): number {
  let index = at + 1;
  while (index < bytes.length) {
    const byte = bytes[index];
    if (byte === QUOTE) return index + 1;
    index += byte === BACKSLASH ? 2 : 1;
  }
  return bytes.length;
}

/** The index after the value that begins at `at`, or undefined when it nests too deep. */
function skipValue(bytes: Uint8Array, at: number, maxDepth: number): number | undefined {
  let index = at;
  let depth = 0;
  while (index < bytes.length) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      index = skipString(bytes, index);
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      depth += 1;
      if (depth > maxDepth) return undefined;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      if (depth === 0) return index;
      depth -= 1;
    } else if (byte === COMMA && depth === 0) {
      return index;
    }
    index += 1;
  }
  return index;
}

function trimmed(bytes: Uint8Array, start: number, end: number): Span {
  let last = end;
  while (last > start && isSpace(bytes[last - 1])) last -= 1;
  return { start, end: last };
}

// `ignoreBOM`: a byte-order mark belongs to the name.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The members of the object in `within` (default: all of `bytes`), at most `maxDepth` levels deep,
 * the object itself counted, and at most `limits.members`. Keys written with escapes and keys that
 * occur twice are refused: a parser might read them differently.
 */
export function scanObject(
  bytes: Uint8Array,
  maxDepth: number,
  within: Span = { start: 0, end: bytes.length },
): Map<string, Span> | ScanProblem {
  const members = new Map<string, Span>();
  let index = skipSpace(bytes, within.start);
  if (bytes[index] !== OPEN_OBJECT) return 'not_an_object';
  index = skipSpace(bytes, index + 1);
  if (bytes[index] === CLOSE_OBJECT) return members;
  while (index < within.end) {
    if (bytes[index] !== QUOTE) return 'bad_member';
    if (members.size === limits.members) return 'too_many';
    const keyEnd = skipString(bytes, index);
    const key = bytes.subarray(index + 1, keyEnd - 1);
    if (key.includes(BACKSLASH)) return 'bad_member';
    const name = decoder.decode(key);
    if (members.has(name)) return 'repeated';
    index = skipSpace(bytes, keyEnd);
    if (bytes[index] !== COLON) return 'bad_member';
    const start = skipSpace(bytes, index + 1);
    const end = skipValue(bytes, start, maxDepth - 1);
    if (end === undefined) return 'too_deep';
    members.set(name, trimmed(bytes, start, end));
    if (bytes[end] !== COMMA) return members;
    index = skipSpace(bytes, end + 1);
  }
  return 'bad_member';
}

/** The items of the list in `within`, at most `maxDepth` levels deep, the list itself counted. */
export function scanList(
  bytes: Uint8Array,
  maxDepth: number,
  within: Span = { start: 0, end: bytes.length },
): Span[] | ScanProblem {
  const items: Span[] = [];
  let index = skipSpace(bytes, within.start);
  if (bytes[index] !== OPEN_LIST) return 'not_a_list';
  index = skipSpace(bytes, index + 1);
  if (bytes[index] === CLOSE_LIST) return items;
  while (index < within.end) {
    const end = skipValue(bytes, index, maxDepth - 1);
    if (end === undefined) return 'too_deep';
    items.push(trimmed(bytes, index, end));
    if (bytes[end] !== COMMA) return items;
    index = skipSpace(bytes, end + 1);
  }
  return 'bad_member';
}
