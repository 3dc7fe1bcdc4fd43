/**
 * Permissions over topics. A pattern is literal text in which `*` stands for any characters but
 * `.`, and `**` for any characters at all: `room.*` covers `room.7` and not `room.7.admin`.
 *
 * Whoever holds a token chooses the topics, so the cost of one is bounded whatever it is: exact
 * patterns are one look-up together; any other fails at its literal beginning or end, and between
 * the two all ways through it are followed at once, 32 letters of the pattern in one step. A
 * regular expression would try them one after another: seconds for five stars and a topic made
 * for it.
 */
export type TopicPattern = (topic: string) => boolean;

/** Whether a topic is covered by any of `patterns`. */
export function compilePatterns(patterns: readonly string[]): TopicPattern {
  // Topics are well-formed, so other patterns cover none; letters below are UTF-16 code units.
  const wellFormed = patterns.filter((pattern) => pattern.isWellFormed());
  const exact = new Set(wellFormed.filter((pattern) => !pattern.includes('*')));
  const open = wellFormed.filter((pattern) => pattern.includes('*')).map(compileOpen);
  return (topic) => exact.has(topic) || open.some((covers) => covers(topic));
}

function compileOpen(pattern: string): TopicPattern {
  const first = pattern.indexOf('*');
  const last = pattern.lastIndexOf('*');
  const head = pattern.slice(0, first);
  const tail = pattern.slice(last + 1);
  const covers = compileMiddle(pattern.slice(first, last + 1));
  return (topic) =>
    topic.length >= head.length + tail.length &&
    topic.startsWith(head) &&
    topic.endsWith(tail) &&
    covers(topic, head.length, topic.length - tail.length);
}

/** Whether the letters `from` to `to` (exclusive) of a topic are covered. */
type Middle = (topic: string, from: number, to: number) => boolean;

/** What begins and ends with a star. */
function compileMiddle(middle: string): Middle {
  if (middle === '**') return () => true;
  const automaton = new Automaton(middle);
  return (topic, from, to) => automaton.covers(topic, from, to);
}

const DOT = 0x2e;
const WORD = 32;

/**
 * The ways through a pattern as bits: bit n says that its first n letters, stars not counted, may
 * end here. A letter of the topic moves every bit whose next letter it is, and keeps the bits at
 * which a star stands (Baeza-Yates and Gonnet's shift-and).
 */
class Automaton {
  readonly #letters: number;
  /** For each letter of the pattern the bits that it moves. */
  readonly #moves = new Map<number, Int32Array>();
  /** Bits at which `**` stands, and those at which any star does. */
  readonly #stays: Int32Array;
  readonly #staysInSegment: Int32Array;
  readonly #none: Int32Array;
  /** Used again for each topic: matching never waits. */
  readonly #reached: Int32Array;

  constructor(pattern: string) {
    const steps = pattern.split(/(\*\*|\*)/);
    this.#letters = steps.reduce((sum, step) => sum + (step.startsWith('*') ? 0 : step.length), 0);
    this.#stays = this.#bits();
    this.#staysInSegment = this.#bits();
    this.#none = this.#bits();
    this.#reached = this.#bits();
    let at = 0;
    for (const step of steps) {
      if (step === '**') set(this.#stays, at);
      if (step.startsWith('*')) set(this.#staysInSegment, at);
      else at = this.#addLetters(step, at);
    }
  }

  covers(topic: string, from: number, to: number): boolean {
    this.#reached.fill(0);
    set(this.#reached, 0);
    for (let index = from; index < to; index += 1) {
      if (!this.#step(topic.charCodeAt(index))) return false;
    }
    return isSet(this.#reached, this.#letters);
  }

  /** Takes one letter of a topic. Returns whether there is still a way. */
  #step(letter: number): boolean {
    const reached = this.#reached;
    const moves = this.#moves.get(letter) ?? this.#none;
    const stays = letter === DOT ? this.#stays : this.#staysInSegment;
    let carry = 0;
    let any = 0;
    for (let word = 0; word < reached.length; word += 1) {
      const bits = reached[word] ?? 0;
      const moved = bits & (moves[word] ?? 0);
      const next = (moved << 1) | carry | (bits & (stays[word] ?? 0));
      carry = moved >>> (WORD - 1);
      reached[word] = next;
      any |= next;
    }
    return any !== 0;
  }

  #addLetters(text: string, from: number): number {
    for (let index = 0; index < text.length; index += 1) {
      const letter = text.charCodeAt(index);
      const bits = this.#moves.get(letter) ?? this.#bits();
      set(bits, from + index);
      this.#moves.set(letter, bits);
    }
    return from + text.length;
  }

  /** One bit for each number of letters, none and all of them included. */
  #bits(): Int32Array {
    return new Int32Array(Math.floor(this.#letters / WORD) + 1);
  }
}

function set(bits: Int32Array, at: number): void {
  const word = Math.floor(at / WORD);
  bits[word] = (bits[word] ?? 0) | (1 << (at % WORD));
}

function isSet(bits: Int32Array, at: number): boolean {
  return (((bits[Math.floor(at / WORD)] ?? 0) >>> (at % WORD)) & 1) === 1;
}
