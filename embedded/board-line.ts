import type { Beat, Beaten, Offer, OfferOutcome, PodBoard } from '../gateway/ring/pod-board.ts';

/**
 * A gateway's way to the board of the ring, in order to do to it what happens to processes: while
 * it stands still nothing arrives, and once it is killed nothing ever does, a goodbye least of all.
 */
export class BoardLine {
  #open = Promise.withResolvers<void>();
  #cut = false;

  constructor() {
    this.#open.resolve();
  }

  connect(board: PodBoard): PodBoard {
    const through = async <T>(step: () => Promise<T>): Promise<T> => {
      await this.#open.promise;
      return step();
    };
    return {
      open: (up) => board.open(up),
      beat: (beat: Beat): Promise<Beaten> => through(() => board.beat(beat)),
      offer: (offer: Offer): Promise<OfferOutcome> => through(() => board.offer(offer)),
      pods: () => through(() => board.pods()),
      leave: async (pod) => {
        if (!this.#cut) await through(() => board.leave(pod));
      },
      close: () => board.close(),
    };
  }

  freeze(): void {
    this.#open = Promise.withResolvers<void>();
  }

  thaw(): void {
    this.#open.resolve();
  }

  /** For good. */
  cut(): void {
    this.#cut = true;
    this.freeze();
  }
}
