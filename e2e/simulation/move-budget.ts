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
 * Whether the budget was kept: in no window do the gateways that know the same rings disturb more
 * clients than `movesPerSecond` for its length, and what may come at once at each that disturbs
 * any. Who knows other rings, because the newest has not reached it yet or because it was started
 * since the oldest that count, reckons by those. What goes over it for a deadline's sake a gateway
 * counts as `hurried` or `forced`, and nothing else.
 */
export class MoveBudget {
  readonly #perSecond: number;
  readonly #rings = new Map<Ring, number>();
  readonly #byKnowledge = new Map<string, Disturbed[]>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** A client was disturbed within the budget, by one who knows these rings. */
  took(t: number, pod: string, known: readonly Ring[]): void {
    const numbers = known.map((ring) => {
      const number = this.#rings.get(ring) ?? this.#rings.size;
      this.#rings.set(ring, number);
      return number;
    });
    const knowledge = numbers.join();
    const moves = this.#byKnowledge.get(knowledge) ?? [];
    this.#byKnowledge.set(knowledge, moves);
    moves.push({ t, pod });
  }

  /** The first window in which it was exceeded, in words. */
  exceeded(): string | undefined {
    for (const moves of this.#byKnowledge.values()) {
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
