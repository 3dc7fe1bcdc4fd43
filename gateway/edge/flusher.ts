/** What can be written at the end of a turn. */
export interface Flushable {
  /** Owned by the flusher. */
  flushPending: boolean;
  /** Writes, or asks the flusher for a later turn. */
  flush(): void;
  /** Writes in any case. */
  flushNow(): void;
}

/**
 * Writes at the end of the turn what was said during it: many answers to one client leave in one
 * write. Messages of the hub are flushed by the hub itself, but for those to peers that may be
 * dead: these come here too, and are written when everybody else was served.
 */
export class Flusher {
  #pending: Flushable[] = [];
  #last: Flushable[] = [];
  #due = false;

  add(flushable: Flushable): void {
    if (flushable.flushPending) return;
    flushable.flushPending = true;
    this.#pending.push(flushable);
    this.#soon();
  }

  /** Writes it behind everybody whom the hub or this flusher serves in this turn. */
  addLast(flushable: Flushable): void {
    if (flushable.flushPending) return;
    flushable.flushPending = true;
    this.#last.push(flushable);
    this.#soon();
  }

  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.#run());
  }

  #run(): void {
    this.#due = false;
    const pending = this.#pending;
    this.#pending = [];
    for (const flushable of pending) {
      flushable.flushPending = false;
      flushable.flush();
    }
    const last = this.#last;
    this.#last = [];
    for (const flushable of last) {
      flushable.flushPending = false;
      flushable.flushNow();
    }
  }
}
