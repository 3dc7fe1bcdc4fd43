const ACCEPTED = /^[0-9A-Za-z._:-]{1,64}$/;

/** The header that names a request: accepted from a peer, and on every answer. */
export const REQUEST_ID = 'X-Request-ID';

/** The peer's own id of a request, where it is one that may stand in a log. */
export function acceptedId(given: unknown): string | undefined {
  return typeof given === 'string' && ACCEPTED.test(given) ? given : undefined;
}

/** Gives every request the id that its log lines, its answer and its error body carry. */
export class RequestIds {
  readonly #prefix: string;
  #count = 0;

  /** `prefix` tells these ids from all others of the cluster. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The peer's own id where it is accepted, otherwise a new one. */
  idFor(given?: unknown): string {
    const accepted = acceptedId(given);
    if (accepted !== undefined) return accepted;
    this.#count += 1;
    return this.#prefix + this.#count.toString(36);
  }
}
