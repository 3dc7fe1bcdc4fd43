import * as limits from './limits.ts';

/**
 * A topic's name: 1–256 bytes of well-formed UTF-8 without control characters and without `*`.
 * Compared byte by byte, never normalised. Names that begin with `$` are reserved.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
const REFUSED = /[\u0000-\u001f\u007f-\u009f*]/;
const encoder = new TextEncoder();

/** Why `name` is not a topic name, or undefined when it is one. */
export function topicProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'a topic is a string';
  if (name.length === 0) return 'a topic has at least one character';
  // What is too long in characters is not encoded only to be counted.
  if (name.length > limits.topicBytes || encoder.encode(name).length > limits.topicBytes) {
    return `a topic has at most ${limits.topicBytes} bytes`;
  }
  if (!name.isWellFormed()) return 'a topic is well-formed Unicode';
  if (REFUSED.test(name)) return 'a topic has no control characters and no *';
  if (name.startsWith('$')) return 'topics that begin with $ are reserved';
  return undefined;
}
