import type { Clock } from '../../protocol/clock.ts';
import type { ErrorName } from '../../protocol/codes.ts';
import type { Draft, Outcome } from './stream.ts';

const OVERHEAD_BYTES = 256;

/** One publish on its way: its deadline, and whether an earlier try may have written it. */
export class Publication {
  readonly draft: Draft;
  /** What it takes of the queue's limit. */
  readonly bytes: number;
  /** By then (clock.now) it is answered. */
  readonly deadline: number;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #answer: (outcome: Outcome) => void;
  #triedAt = 0;
  /** When the first try began whose end is not known. From there on the log remembers its id. */
  #doubtfulSince: number | undefined;
  #settled = false;

  constructor(
    draft: Draft,
    options: {
      readonly clock: Clock;
      readonly settings: {
        readonly publishTimeoutMs: number;
        readonly idempotencyWindowS: number;
      };
    },
    answer: (outcome: Outcome) => void,
  ) {
    const { clock, settings } = options;
    this.draft = draft;
    this.bytes = draft.data.bytes.length + OVERHEAD_BYTES;
    this.deadline = clock.now() + settings.publishTimeoutMs;
    this.#clock = clock;
    this.#windowMs = settings.idempotencyWindowS * 1000;
    this.#answer = answer;
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  /** A try begins, with this. */
  leaves(): Draft {
    this.#triedAt = this.#clock.now();
    return this.#doubtfulSince === undefined ? this.draft : { ...this.draft, retry: true };
  }

  /** Takes what a try came to. False: it has to be tried again. */
  settle(outcome: Outcome): boolean {
    if (this.#settled) return true;
    if (this.#isFinal(outcome)) {
      this.#end(outcome);
      return true;
    }
    const now = this.#clock.now();
    this.#doubtfulSince ??= this.#triedAt;
    const overtaken = outcome.outcome === 'failed' && outcome.code === 'out_of_order';
    const remembered = now - this.#doubtfulSince < this.#windowMs;
    const again = remembered && !overtaken && now < this.deadline;
    if (this.draft.producer !== undefined && again) return false;
    this.#end(outcome.outcome === 'unknown' ? outcome : DOUBTFUL);
    return true;
  }

  /** Answers without the log: no more tries. */
  giveUp(from: 'waiting' | 'underWay'): void {
    if (from === 'underWay' || this.#doubtfulSince !== undefined) this.#end(DOUBTFUL);
    else this.fail('store_unavailable', 'the log could not be reached in time');
  }

  fail(code: ErrorName, message: string): void {
    this.#end({ outcome: 'failed', code, message });
  }

  /**
   * No other try would tell more. A refusal after a doubtful try says nothing of that try, except
   * where the log compared the ids: then what it remembers is another message.
   */
  #isFinal(outcome: Outcome): boolean {
    if (outcome.outcome === 'ok') return true;
    if (outcome.outcome === 'unknown') return outcome.tooLate === true;
    return this.#doubtfulSince === undefined || outcome.code === 'conflict';
  }

  #end(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#answer(outcome);
  }
}

const DOUBTFUL: Outcome = {
  outcome: 'unknown',
  code: 'unknown_outcome',
  message: 'the log did not answer in time',
};
