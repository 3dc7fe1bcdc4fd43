/**
 * DER (ITU-T X.690), as far as a certificate needs it. It is only written: what others wrote is
 * read by OpenSSL, within node:crypto.
 */

function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 + bytes.length, ...bytes]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => element(0x31, ...parts);
export const octets = (...parts: readonly Uint8Array[]): Buffer => element(0x04, ...parts);
export const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text, 'utf8'));
export const isTrue: Uint8Array = element(0x01, Buffer.from([0xff]));
/** Of the context, with a whole element in it. */
export const explicit = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  element(0xa0 + number, ...parts);
/** Of the context, in place of an element that is no structure. */
export const implicit = (number: number, content: Uint8Array): Buffer =>
  element(0x80 + number, content);

/** `unused`: bits at the end that do not count. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer =>
  element(0x03, Buffer.from([unused]), bytes);

/** Not negative, most significant byte first. */
export function integer(bytes: Uint8Array): Buffer {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1;
  const short = bytes.subarray(from);
  // The first bit is the sign.
  return element(0x02, Buffer.from((short[0] ?? 0) >= 0x80 ? [0] : []), short);
}

/** `2.5.4.3`. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...others].flatMap((arc) => {
    const groups = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
      groups.unshift(0x80 + (rest % 128));
    }
    return groups;
  });
  return element(0x06, Buffer.from(bytes));
}

const TWO_DIGITS_UNTIL = 2050;

/** Milliseconds since 1970, to the second. */
export function time(wallMs: number): Buffer {
  const at = new Date(wallMs);
  const text = `${at
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '')}Z`;
  return at.getUTCFullYear() < TWO_DIGITS_UNTIL
    ? element(0x17, Buffer.from(text.slice(2)))
    : element(0x18, Buffer.from(text));
}
