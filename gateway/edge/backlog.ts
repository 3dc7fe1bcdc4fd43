import type { Clock, Timer } from '../../protocol/clock.ts';
import type { Stream } from '../stream/stream.ts';

/** Whoever was asked so many turns ago has read everything that had come before. */
const TURNS = 5;
const LONGEST_TURN_MS = 1_000;

export interface BacklogParts {
  readonly stream: Pick<Stream, 'now'>;
  readonly clock: Clock;
  /** How far `since` may be behind in a process that never stands still. */
  readonly withinMs: number;
}

/**
 * How long what is read now may have waited. A process that stood still (frozen, or without a
 * processor) finds requests in its sockets whose senders gave up long ago and asked somebody else:
 * what must not be done so late asks here.
 */
export class Backlog {
  readonly #parts: BacklogParts;
  readonly #turnMs: number;
  /** By the log's clock, oldest first. */
  #turns: readonly number[] = [];
  #timer: Timer | undefined;

  constructor(parts: BacklogParts) {
    this.#parts = parts;
    this.#turnMs = Math.min(LONGEST_TURN_MS, parts.withinMs / TURNS);
  }

  /** Before anything can come, and once the log's clock is known. */
  start(): void {
    const now = this.#parts.stream.now();
    this.#turns = Array.from({ length: TURNS }, () => now);
    this.#turn();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** By the log's clock, milliseconds since 1970: what is read now came after this. */
  get since(): number {
    return this.#turns[0] ?? 0;
  }

  #turn(): void {
    this.#timer = this.#parts.clock.after(this.#turnMs, () => {
      this.#turns = [...this.#turns.slice(1), this.#parts.stream.now()];
      this.#turn();
    });
  }
}
