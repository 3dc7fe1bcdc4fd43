import { Packr, Unpackr } from 'msgpackr';
import type { Encoding, Payload } from './payload.ts';

/**
 * A payload in another encoding than its publisher's. Between JSON and msgpack:
 * a msgpack `bin` becomes a base64 string in JSON; NaN and infinities become null; integers
 * beyond 2^53 keep their digits from msgpack to JSON, and become doubles from JSON to msgpack; a
 * JSON escape of half a surrogate pair becomes U+FFFD in msgpack, whose strings are UTF-8.
 */

const options = { useRecords: false, mapsAsObjects: false, int64AsType: 'bigint' } as const;
const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr(options);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of `payload` in `encoding`; the payload's own when it already is. */
export function toEncoding(payload: Payload, encoding: Encoding): Uint8Array {
  if (payload.encoding === encoding) return payload.bytes;
  if (encoding === 'json') return encoder.encode(jsonText(unpackr.unpack(payload.bytes)));
  const text = decoder.decode(payload.bytes);
  const value: unknown = JSON.parse(text);
  return packr.pack(SURROGATE_ESCAPE.test(text) ? wellFormed(value) : value);
}

/** The bytes of the text are UTF-8, so that half a pair can only come from an escape. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/** The value of a JSON text, its strings and names well-formed. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value);
  return Object.fromEntries(members.map(([name, item]) => [name.toWellFormed(), wellFormed(item)]));
}

/** The value as JSON text. Its depth was bounded when it was accepted. */
function jsonText(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return JSON.stringify(base64(value));
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (value instanceof Map) {
    const members = Array.from(value, ([key, item]) => `${JSON.stringify(key)}:${jsonText(item)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
