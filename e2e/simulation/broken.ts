/**
 * What was promised beyond what a history shows, and was not kept. `answers`: a publish of a client
 * waits for its answer in vain while later ones of the same topic are answered. The others:
 * `WorldRing` says.
 */
export interface Broken {
  readonly invariant: 'answers' | 'ring' | 'home' | 'hops' | 'budget';
  readonly subscriber?: string;
  readonly detail: string;
  /** When it showed, nanoseconds. */
  readonly t: number;
}
