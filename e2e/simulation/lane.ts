import type { Timer } from '../../protocol/clock.ts';
import type { SimulatedClock } from './simulated-clock.ts';

export interface LaneParts<Item> {
  readonly time: SimulatedClock;
  /** How long the next one travels, in ms. Nothing overtakes what went before. */
  readonly delay: () => number;
  readonly arrive: (item: Item) => void;
}

interface Flight<Item> {
  readonly item: Item;
  timer: Timer;
}

/** One direction of a connection: in order, late, and what is under way can be lost. */
export class Lane<Item> {
  readonly #parts: LaneParts<Item>;
  #flights: Flight<Item>[] = [];
  #newest = 0;
  #swallows = false;
  /** How much the way carries. */
  bytesPerMs = Number.POSITIVE_INFINITY;

  constructor(parts: LaneParts<Item>) {
    this.#parts = parts;
  }

  get swallows(): boolean {
    return this.#swallows;
  }

  /** How many are under way. */
  get flying(): number {
    return this.#flights.length;
  }

  send(item: Item, bytes: number): void {
    if (this.#swallows) return;
    this.#flights.push({ item, timer: this.#fly(item, bytes) });
  }

  /** It carries everything again, also what is under way. */
  hasten(): void {
    this.bytesPerMs = Number.POSITIVE_INFINITY;
    this.#newest = 0;
    for (const flight of this.#flights) {
      flight.timer.cancel();
      flight.timer = this.#fly(flight.item, 0);
    }
  }

  #fly(item: Item, bytes: number): Timer {
    const { time, delay, arrive } = this.#parts;
    const now = time.now();
    this.#newest = Math.max(this.#newest, now + delay()) + bytes / this.bytesPerMs;
    return time.after(this.#newest - now, () => {
      this.#flights.shift();
      arrive(item);
    });
  }

  /** What is under way and what is sent from now on never arrives, and nobody is told. */
  swallow(): void {
    this.#swallows = true;
    this.cut(0);
  }

  /** Loses what is under way, but the first `kept`. Returns the first one that is lost. */
  cut(kept: number): Item | undefined {
    const lost = this.#flights.splice(kept);
    for (const { timer } of lost) timer.cancel();
    return lost[0]?.item;
  }
}
