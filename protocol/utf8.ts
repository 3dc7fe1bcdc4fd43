/**
 * Whether bytes `start` to `end` (exclusive) are well-formed UTF-8. Written out because a decoder
 * costs more than the check itself where strings are short and many.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let index = start;
  while (index < end) {
    const first = bytes[index] ?? 0;
    index += 1;
    if (first <= 0x7f) continue;
    const more = continuations(first);
    if (more === 0 || index + more > end) return false;
    const second = bytes[index] ?? 0;
    if (second < leastSecond(first) || second > greatestSecond(first)) return false;
    for (let at = index + 1; at < index + more; at += 1) {
      if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return false;
    }
    index += more;
  }
  return true;
}

/** How many bytes follow one that begins a character; 0: none begins with it. */
function continuations(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return 1;
  return first < 0xf0 ? 2 : 3;
}

/** Below are longer forms of what has a shorter one. */
function leastSecond(first: number): number {
  if (first === 0xe0) return 0xa0;
  return first === 0xf0 ? 0x90 : 0x80;
}

/** Above are surrogates, and what is beyond Unicode. */
function greatestSecond(first: number): number {
  if (first === 0xed) return 0x9f;
  return first === 0xf4 ? 0x8f : 0xbf;
}
