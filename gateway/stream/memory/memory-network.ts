/**
 * What lies between a gateway and the memory store. The default is a perfect cable; a simulation
 * or a test puts its own in.
 */
export interface MemoryNetwork {
  /** Decides about one request of `pod`. */
  request(pod: string): RequestFate;
  /** Milliseconds after which each copy of a live message arrives; none: it is dropped. */
  ring(pod: string): readonly number[];
}

export interface RequestFate {
  /**
   * `refused`: the step does not run. `reply-lost`: it runs, the caller is told `StoreUnknown`.
   */
  readonly fate: 'answered' | 'refused' | 'reply-lost';
  /** Until the step runs, and again until the answer is there. 0: at once. */
  readonly delayMs: number;
}

const ANSWERED: RequestFate = { fate: 'answered', delayMs: 0 };
const AT_ONCE: readonly number[] = [0];

export const perfectNetwork: MemoryNetwork = {
  request: () => ANSWERED,
  ring: () => AT_ONCE,
};
