/** Message ids remembered per topic. */
const REMEMBERED = 1_024;

/**
 * Finds messages that come again under a new number: a publish that a failover lost after we saw
 * it is tried again by its publisher, and gets a number of the new epoch. Within one epoch the
 * gateway answers for that, so an id is a repeat only in another epoch than it was seen in.
 */
export class SeenIds {
  /** Id → epoch, oldest first. */
  readonly #epochs = new Map<string, string>();

  /** Notes a message, and says whether it came before. */
  repeats(id: string, epoch: string): boolean {
    const before = this.#epochs.get(id);
    if (before !== undefined && before !== epoch) return true;
    this.#epochs.set(id, epoch);
    if (this.#epochs.size > REMEMBERED) {
      const [oldest] = this.#epochs.keys();
      this.#epochs.delete(oldest as string);
    }
    return false;
  }

  clear(): void {
    this.#epochs.clear();
  }
}
