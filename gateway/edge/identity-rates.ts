import { type Rate, TokenBucket } from './token-bucket.ts';

/**
 * One bucket per identity for all its connections, kept while it has one. Anonymous clients have
 * no identity in common: only the limit of each connection holds for them.
 */
export class IdentityRates {
  readonly rate: Rate;
  readonly #buckets = new Map<string, { readonly bucket: TokenBucket; connections: number }>();

  constructor(rate: Rate) {
    this.rate = rate;
  }

  join(identity: string, now: number): TokenBucket | undefined {
    if (identity === '') return undefined;
    const held = this.#buckets.get(identity);
    if (held !== undefined) {
      held.connections += 1;
      return held.bucket;
    }
    const bucket = new TokenBucket(this.rate, now);
    this.#buckets.set(identity, { bucket, connections: 1 });
    return bucket;
  }

  leave(identity: string): void {
    const held = this.#buckets.get(identity);
    if (held === undefined) return;
    held.connections -= 1;
    if (held.connections === 0) this.#buckets.delete(identity);
  }

  get size(): number {
    return this.#buckets.size;
  }
}
