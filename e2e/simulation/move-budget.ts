import type { Ring } from '../../protocol/ring.ts';

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
 * Whether the budget was kept: in no window do the gateways that have the same ring, whether they
 * know those before it or have just been started, disturb more clients than `movesPerSecond` for
 * its length, and what may come at once at each that disturbs any. Whom the newest has not reached
 * yet reckons by the one that it has. What goes over it for a deadline's sake a gateway counts as
 * `hurried` or `forced`, and nothing else.
 */
export class MoveBudget {
  readonly #perSecond: number;
  readonly #byRing = new Map<Ring | undefined, Disturbed[]>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** A client was disturbed within the budget, by one who has this ring. */
  took(t: number, pod: string, ring: Ring | undefined): void {
    const moves = this.#byRing.get(ring) ?? [];
    this.#byRing.set(ring, moves);
    moves.push({ t, pod });
  }

  /** The first window in which it was exceeded, in words. */
  exceeded(): string | undefined {
    for (const moves of this.#byRing.values()) {
      for (const windowMs of WINDOWS_MS) {
        const found = this.#exceededIn(moves, windowMs);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #exceededIn(moves: readonly Disturbed[], windowMs: number): string | undefined {
    let first = 0;
    for (const [last, { t }] of moves.entries()) {
      while ((moves[first] as Disturbed).t <= t - windowMs) first += 1;
      const window = moves.slice(first, last + 1);
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
