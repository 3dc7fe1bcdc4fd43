import * as limits from './limits.ts';

/**
 * A topic's name: 1–256 bytes of well-formed UTF-8 without control characters and without `*`.
 * Compared byte by byte, never normalised. Names that begin with `$` are reserved.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
const REFUSED = /^\$|[\u0000-\u001f\u007f-\u009f*]/;
const FORM =
  `a topic is 1 to ${limits.topicBytes} bytes of well-formed Unicode, ` +
  'no control characters and no *; a leading $ is reserved';
const encoder = new TextEncoder();

/** What a topic name has to be, or undefined when `name` is one. */
export function topicProblem(name: unknown): string | undefined {
  const fine =
    typeof name === 'string' &&
    name.length > 0 &&
    // What is too long in characters is not encoded only to be counted.
    name.length <= limits.topicBytes &&
    encoder.encode(name).length <= limits.topicBytes &&
    name.isWellFormed() &&
    !REFUSED.test(name);
  return fine ? undefined : FORM;
}
