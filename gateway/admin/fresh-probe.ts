/**
 * Answers whether Redis is reached *now*: only by a probe that began after the question came.
 * However many ask at once, at most one probe is under way and one is waiting to begin.
 */
export class FreshProbe {
  readonly #probe: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(probe: () => Promise<void>) {
    this.#probe = probe;
  }

  /** Rejects when the probe does. */
  ask(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(ignore, ignore).then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<void> {
    const running = this.#probe().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}

const ignore = () => {};
