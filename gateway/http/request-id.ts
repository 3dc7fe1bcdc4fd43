const ACCEPTED = /^[0-9A-Za-z._:-]{1,64}$/;

/** Gives every request the id that its log lines, its answer and its error body carry. */
export class RequestIds {
  readonly #prefix: string;
  #count = 0;

  constructor(pod: string) {
    this.#prefix = `${pod}-h`;
  }

  /** The peer's own id where it is one that may stand in a log, otherwise a new one. */
  idFor(given: unknown): string {
    if (typeof given === 'string' && ACCEPTED.test(given)) return given;
    this.#count += 1;
    return this.#prefix + this.#count.toString(36);
  }
}
