import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import {
  type Fields,
  identifier,
  isFields,
  members,
  type Read,
  type Shape,
  text,
} from '../../protocol/fields.ts';
import { Refusal } from '../../protocol/refusal.ts';
import type { Logger } from '../logger.ts';
import type { AskCounts } from './counts.ts';
import { GONE_HEARTBEATS, type PodsOnBoard, silenceOf } from './pod-board.ts';
import type { PodWire } from './pod-wire.ts';

/** What each pod said, by its name, and who said nothing in time. */
export interface Answers<T> {
  readonly answers: ReadonlyMap<string, T>;
  /** Sorted. Empty: every pod that lives has answered. */
  readonly missing: readonly string[];
}

/** A question as it is asked, and how an answer is read; `read` throws what it does not know. */
export interface Question<T> {
  readonly ask: Fields;
  readonly read: (answer: Fields) => T;
}

export interface AllPodsParts {
  readonly pod: string;
  readonly wire: PodWire;
  /** Everybody on the board. */
  readonly pods: () => Promise<PodsOnBoard>;
  /** What this pod says, at most `ANSWER_BYTES` of JSON. Throws a `Refusal`: no such question. */
  readonly answer: (ask: Fields) => Fields;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counts: AskCounts;
}

/** So long answers are waited for. */
export const ANSWER_MS = 2_000;
/** Largest answer of a pod, JSON. */
export const ANSWER_BYTES = 64 * 1024;
/** Largest question, JSON. */
const QUESTION_BYTES = 4_096;
/** Questions of this pod that wait for answers. */
const ASKING_MAX = 64;
/** Questions that this pod answers to others each second; more are not answered. */
const ANSWERS_PER_SECOND = 50;
/** Pods whose answers to one question are kept. */
const ANSWERS_MAX = 1_000;
const NAME_LENGTH = 255;

/**
 * Asks every pod of the cluster and joins what they say. The ring does not matter here: whoever
 * has what is asked for says so, wherever it should be.
 *
 * Who is asked: everybody on the board that was heard of within `GONE_HEARTBEATS`. One that is not
 * on it yet may answer too; one that is gone is not waited for.
 */
export class AllPods {
  readonly #parts: AllPodsParts;
  /** By the ids of their questions. */
  readonly #asking = new Map<string, Asking>();
  #second = 0;
  #answered = 0;

  constructor(parts: AllPodsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#parts.wire.open({
      onUp() {},
      onAll: (said) => this.#onQuestion(said),
      onOwn: (said) => this.#onAnswer(said),
    });
  }

  /** Whoever waits for answers gets those that came. */
  stop(): void {
    this.#parts.wire.close();
    for (const asking of this.#asking.values()) asking.end();
  }

  /**
   * Resolves `ANSWER_MS` after the question left, at the latest. Rejects with a `Refusal` when
   * nobody was asked: `overloaded`: too many questions wait; `store_unavailable`.
   */
  async ask<T>({ ask, read }: Question<T>): Promise<Answers<T>> {
    const { pod, counts, logger, answer } = this.#parts;
    const { said, expected } = await this.#exchange(ask).catch((error: unknown) => {
      counts.asked('failed');
      throw error;
    });
    const answers = new Map([[pod, read(answer(ask))]]);
    for (const [name, fields] of said) {
      try {
        answers.set(name, read(fields));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        logger.warn({ pod: name, problem: error.message }, 'an answer was not understood');
      }
    }
    const missing = expected.filter((name) => !answers.has(name)).sort();
    counts.asked(missing.length === 0 ? 'complete' : 'incomplete');
    return { answers, missing };
  }

  /** What the others said, and who should have. */
  async #exchange(ask: Fields) {
    const { pod, wire, clock, random } = this.#parts;
    if (this.#asking.size >= ASKING_MAX) {
      throw new Refusal('overloaded', `${ASKING_MAX} questions to all gateways wait already`);
    }
    const id = Math.floor(random() * 2 ** 52).toString(36);
    const said = JSON.stringify({ id, from: pod, ask });
    if (Buffer.byteLength(said) > QUESTION_BYTES) {
      throw new Refusal('bad_request', 'too long to be asked of all gateways');
    }
    const asking = new Asking();
    this.#asking.set(id, asking);
    let timer: Timer | undefined;
    try {
      const expected = await this.#others();
      await wire.toAll(said);
      timer = clock.after(ANSWER_MS, () => asking.end());
      return { said: await asking.answersOf(expected), expected };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Refusal('store_unavailable', `the other gateways cannot be asked: ${why}`);
    } finally {
      timer?.cancel();
      this.#asking.delete(id);
    }
  }

  /** The other pods that live, as far as the board knows. */
  async #others(): Promise<string[]> {
    const { beats, time } = await this.#parts.pods();
    return [...beats]
      .filter(([name, beat]) => {
        const gone = silenceOf(beat, time) > GONE_HEARTBEATS * beat.intervalMs;
        return name !== this.#parts.pod && beat.state !== 'left' && !gone;
      })
      .map(([name]) => name);
  }

  #onQuestion(said: string): void {
    const { pod, wire, counts, logger } = this.#parts;
    const { id, from, ask } = heard(said, QUESTION_BYTES, question) ?? {};
    if (id === undefined || from === undefined || ask === undefined) counts.heard('refused');
    else if (from === pod) return;
    else if (!this.#mayAnswer()) counts.heard('dropped');
    else {
      const answer = this.#answerTo(ask);
      counts.heard(answer === undefined ? 'refused' : 'answered');
      if (answer === undefined) return;
      wire.toPod(from, JSON.stringify({ id, pod, answer })).catch((error: unknown) => {
        // Whoever asked names this pod as one that did not answer.
        logger.debug({ error, to: from }, 'an answer could not be sent');
      });
    }
  }

  #answerTo(ask: Fields): Fields | undefined {
    try {
      return this.#parts.answer(ask);
    } catch (error) {
      if (!(error instanceof Refusal)) this.#parts.logger.error({ error }, 'answering failed');
      return undefined;
    }
  }

  #onAnswer(said: string): void {
    const { counts } = this.#parts;
    const { id, pod, answer: fields } = heard(said, ANSWER_BYTES + QUESTION_BYTES, answer) ?? {};
    if (id === undefined || pod === undefined || fields === undefined) {
      counts.heard('refused');
      return;
    }
    counts.heard(this.#asking.get(id)?.take(pod, fields) === true ? 'awaited' : 'late');
  }

  #mayAnswer(): boolean {
    const second = Math.floor(this.#parts.clock.now() / 1_000);
    if (second !== this.#second) this.#answered = 0;
    this.#second = second;
    this.#answered += 1;
    return this.#answered <= ANSWERS_PER_SECOND;
  }
}

/** One question, while its answers come. */
class Asking {
  readonly #answers = new Map<string, Fields>();
  readonly #ended = Promise.withResolvers<void>();
  #expected: readonly string[] | undefined;

  /** The answers, once all expected ones are there, or no more are waited for. */
  async answersOf(expected: readonly string[]): Promise<ReadonlyMap<string, Fields>> {
    this.#expected = expected;
    this.#look();
    await this.#ended.promise;
    return this.#answers;
  }

  /** False: nobody waits for it. */
  take(pod: string, answer: Fields): boolean {
    if (this.#answers.has(pod) || this.#answers.size >= ANSWERS_MAX) return false;
    this.#answers.set(pod, answer);
    this.#look();
    return true;
  }

  end(): void {
    this.#ended.resolve();
  }

  #look(): void {
    if (this.#expected?.every((pod) => this.#answers.has(pod)) === true) this.end();
  }
}

const fields: Read<Fields> = (value, where) => {
  if (isFields(value)) return value;
  throw new Refusal('bad_request', `${where}: an object`);
};
const question = { id: identifier, from: text(NAME_LENGTH), ask: fields };
const answer = { id: identifier, pod: text(NAME_LENGTH), answer: fields };

/** What somebody said, if it is of this form; whoever can write to the store can say anything. */
function heard<T>(said: string, maxBytes: number, shape: Shape<T>): T | undefined {
  if (Buffer.byteLength(said) > maxBytes) return undefined;
  try {
    const value: unknown = JSON.parse(said);
    return isFields(value) ? members(value, shape) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Refusal) return undefined;
    throw error;
  }
}
