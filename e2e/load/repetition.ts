import { pause } from '../deadline.ts';

export interface RepetitionOptions {
  /** One round. Must not reject. */
  readonly round: () => Promise<void>;
  /** From the beginning of one round to that of the next, unless it takes longer. */
  readonly everyMs: number;
  /** Before the first round. Default: none. */
  readonly firstMs?: number;
}

/** Does the same thing again and again until it is told to stop. */
export class Repetition {
  readonly #options: RepetitionOptions;
  #running = false;
  #done: Promise<void> = Promise.resolve();

  constructor(options: RepetitionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#done = this.#run();
  }

  /** No further round begins. Resolves when the one under way is over. */
  stop(): Promise<void> {
    this.#running = false;
    return this.#done;
  }

  async #run(): Promise<void> {
    const { round, everyMs, firstMs = 0 } = this.#options;
    await pause(firstMs);
    while (this.#running) {
      const begin = performance.now();
      await round();
      await pause(Math.max(0, everyMs - (performance.now() - begin)));
    }
  }
}
