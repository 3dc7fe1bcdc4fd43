import type { Violation } from '../history/verdict.ts';

export interface ExceptionParts {
  /** A message whose place says nothing about when its publisher called. */
  readonly unordered: (id: string) => boolean;
}

/** What the checker finds and nobody promised, each as narrow as it can be told. */
export class Exceptions {
  readonly #parts: ExceptionParts;

  constructor(parts: ExceptionParts) {
    this.#parts = parts;
  }

  covers(violation: Violation): boolean {
    return violation.invariant === 'I5' && this.#order(violation);
  }

  /**
   * A message that a gateway failed to write, or that the store lost, and that its publisher sent
   * again because it had heard of neither, stands where the new sending came (docs/client.md).
   */
  #order({ detail }: Violation): boolean {
    const [, , , later = ''] = detail.split(' ');
    return this.#parts.unordered(later);
  }
}
