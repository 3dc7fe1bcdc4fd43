/** What can be written at the end of a turn. */
export interface Flushable {
  /** Owned by the flusher. */
  flushPending: boolean;
  flush(): void;
}

/**
 * Writes at the end of the turn what was said during it: many answers to one client leave in one
 * write. Messages of the hub are flushed by the hub itself.
 */
export class Flusher {
  #pending: Flushable[] = [];

  add(flushable: Flushable): void {
    if (flushable.flushPending) return;
    flushable.flushPending = true;
    this.#pending.push(flushable);
    if (this.#pending.length === 1) queueMicrotask(() => this.#run());
  }

  #run(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const flushable of pending) {
      flushable.flushPending = false;
      flushable.flush();
    }
  }
}
