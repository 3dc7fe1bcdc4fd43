interface Disturbed {
  readonly t: number;
  readonly pod: string;
}

/** Windows in which moves are counted, ms. */
const WINDOWS_MS = [1_000, 5_000] as const;
/** What one gateway may do at once: two, or a tenth of a second of its share, as `Budget` says. */
const BURST_MIN = 2;
const BURST_S = 0.1;

/**
 * Whether the budget was kept: in no window do all gateways together disturb more clients than
 * `movesPerSecond` for its length, and what may come at once at each that disturbs any. What goes
 * over it for a deadline's sake a gateway counts as `hurried` or `forced`, and nothing else.
 */
export class MoveBudget {
  readonly #perSecond: number;
  readonly #moves: Disturbed[] = [];

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** A client was disturbed within the budget, at this time in ms. */
  took(t: number, pod: string): void {
    this.#moves.push({ t, pod });
  }

  /** The first window in which it was exceeded, in words. */
  exceeded(): string | undefined {
    for (const windowMs of WINDOWS_MS) {
      const found = this.#exceededIn(windowMs);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #exceededIn(windowMs: number): string | undefined {
    let first = 0;
    for (const [last, { t }] of this.#moves.entries()) {
      while ((this.#moves[first] as Disturbed).t <= t - windowMs) first += 1;
      const window = this.#moves.slice(first, last + 1);
      const pods = new Set(window.map(({ pod }) => pod)).size;
      const burst = Math.max(BURST_MIN, this.#perSecond * BURST_S);
      const allowed = (this.#perSecond * windowMs) / 1_000 + pods * burst;
      if (window.length <= allowed) continue;
      const budget = `${this.#perSecond} per second`;
      return `${window.length} clients were disturbed within ${windowMs} ms, at ${budget}`;
    }
    return undefined;
  }
}
