import { limits } from './limits.ts';

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
  if (name.length > limits.topicBytes) return `a topic has at most ${limits.topicBytes} bytes`;
  if (!name.isWellFormed()) return 'a topic is well-formed Unicode';
  if (REFUSED.test(name)) return 'a topic has no control characters and no *';
  if (name.startsWith('$')) return 'topics that begin with $ are reserved';
  if (encoder.encode(name).length > limits.topicBytes) {
    return `a topic has at most ${limits.topicBytes} bytes`;
  }
  return undefined;
}

/**
 * A permission over topics: literal text in which `*` stands for any characters but `.`, and
 * `**` for any characters at all. `room.*` covers `room.7` and not `room.7.admin`.
 */
export type TopicPattern = (topic: string) => boolean;

export function compilePattern(pattern: string): TopicPattern {
  if (!pattern.includes('*')) return (topic) => topic === pattern;
  const steps = pattern
    .split(/(\*\*|\*)/)
    .flatMap((part) => (part.startsWith('*') ? [part] : [...part]));
  return (topic) => covers(steps, topic);
}

/**
 * Follows all ways through the pattern at once, so the cost is at most pattern × topic. A regular
 * expression would try them one after another: seconds for five stars and a topic made for it.
 */
function covers(steps: readonly string[], topic: string): boolean {
  let reached = new Uint8Array(steps.length + 1);
  reached[0] = 1;
  passStars(steps, reached);
  for (const unit of topic) {
    const next = new Uint8Array(steps.length + 1);
    for (let step = 0; step < steps.length; step += 1) {
      if (reached[step] === 0) continue;
      const wanted = steps[step];
      if (wanted === '**' || (wanted === '*' && unit !== '.')) next[step] = 1;
      else if (wanted === unit) next[step + 1] = 1;
    }
    passStars(steps, next);
    reached = next;
  }
  return reached[steps.length] === 1;
}

/** A star may stand for nothing. */
function passStars(steps: readonly string[], reached: Uint8Array): void {
  for (const [index, step] of steps.entries()) {
    if (reached[index] === 1 && step.startsWith('*')) reached[index + 1] = 1;
  }
}
