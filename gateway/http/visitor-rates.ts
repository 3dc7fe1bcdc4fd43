import type { Clock } from '../../protocol/clock.ts';
import { type Rate, TokenBucket } from '../edge/token-bucket.ts';

/** Buckets of one generation; with more visitors than this the quietest are forgotten early. */
const MAX_BUCKETS = 50_000;

export interface VisitorRatesOptions {
  readonly rate: Rate;
  /** The most that one request may take. */
  readonly largest: number;
  readonly clock: Clock;
}

/**
 * One token bucket per visitor, by name. A bucket that was left alone until it was full again is
 * as good as a new one, so two generations are enough: who did not come while one lasted is
 * forgotten, and no list of timers is kept.
 */
export class VisitorRates {
  readonly #rate: Rate;
  readonly #clock: Clock;
  /** In this time every debt is paid and every bucket is full. */
  readonly #generationMs: number;
  #recent = new Map<string, TokenBucket>();
  #older = new Map<string, TokenBucket>();
  #began: number;

  constructor({ rate, largest, clock }: VisitorRatesOptions) {
    this.#rate = rate;
    this.#clock = clock;
    this.#generationMs = ((rate.burst + largest) / rate.perSecond) * 1_000;
    this.#began = clock.now();
  }

  /**
   * Takes one. Returns 0, or the milliseconds after which there is one again; then nothing is
   * taken: whoever asks too often is not kept out for longer.
   */
  admit(visitor: string): number {
    const now = this.#clock.now();
    const bucket = this.#bucketOf(visitor, now);
    if (bucket.take(this.#rate, now) >= 0) return 0;
    const waitMs = bucket.debtMs(this.#rate, now);
    bucket.take(this.#rate, now, -1);
    return waitMs;
  }

  /**
   * Takes more for a request that was admitted, which the next ones pay for. Where others took so
   * much meanwhile that there is a debt already, it is as with `admit`.
   */
  charge(visitor: string, amount: number): number {
    const now = this.#clock.now();
    const bucket = this.#bucketOf(visitor, now);
    const waitMs = bucket.debtMs(this.#rate, now);
    if (waitMs === 0) bucket.take(this.#rate, now, amount);
    return waitMs;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  #bucketOf(visitor: string, now: number): TokenBucket {
    if (now - this.#began >= this.#generationMs || this.#recent.size >= MAX_BUCKETS) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#began = now;
    }
    let bucket = this.#recent.get(visitor);
    if (bucket === undefined) {
      bucket = this.#older.get(visitor) ?? new TokenBucket(this.#rate, now);
      this.#older.delete(visitor);
      this.#recent.set(visitor, bucket);
    }
    return bucket;
  }
}

/**
 * The name that an address without an identity has. One subscriber of an IPv6 network commands a
 * whole /64, so all of it is one visitor.
 */
export function visitorAt(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = (plain.split('%', 1)[0] ?? '').split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const first = groups(head);
  const last = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  return [...first, ...new Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':');
}
