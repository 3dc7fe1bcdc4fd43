import type { Clock } from '../../protocol/clock.ts';
import { compareVersions, type Ring } from '../../protocol/ring.ts';
import { decodeRing, ringDigest } from '../../protocol/ring-document.ts';
import type { Logger } from '../logger.ts';
import type { RingCounts } from './counts.ts';
import { compareStamps, type RingStamp } from './pod-board.ts';

/** A ring that was accepted, and the document that it came in. */
export interface HeldRing extends RingStamp {
  readonly ring: Ring;
  readonly document: string;
}

/**
 * What became of a document. `conflict`: there was another ring of the same version; the one of
 * the higher digest is in force, whichever came first.
 */
export type Acceptance =
  | { readonly outcome: 'newer' | 'same' | 'older' | 'conflict' }
  | { readonly outcome: 'refused'; readonly reason: string };

export type RingListener = (current: Ring, previous: Ring | undefined) => void;

export interface RingKeeperParts {
  /** Rings of any other cluster are refused. */
  readonly cluster: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  readonly counts: RingCounts;
  /** Throws for what is no ring. Default: `readRing`. */
  readonly read?: typeof readRing;
}

export function readRing(document: string): { readonly ring: Ring; readonly digest: string } {
  return { ring: decodeRing(document), digest: ringDigest(document) };
}

/** For so long after a ring its shards are handed over: connections follow at the budget's pace. */
export const HANDOVER_MS = 300_000;
/** The oldest are forgotten beyond this many, so that a storm of rings fills no memory. */
const RECENT_MAX = 32;

/**
 * The newest ring that this pod accepted, and those before it that still matter. Rings arrive
 * late, twice and in any order; whoever has seen the same ones holds the same one.
 */
export class RingKeeper {
  readonly #parts: RingKeeperParts;
  readonly #listeners: RingListener[] = [];
  #current: HeldRing | undefined;
  /** Before the current one, oldest first, each with the time (clock.now) at which it ended. */
  #before: { readonly ring: Ring; readonly endedAt: number }[] = [];

  constructor(parts: RingKeeperParts) {
    this.#parts = parts;
  }

  get current(): HeldRing | undefined {
    return this.#current;
  }

  /** Rings of the last `HANDOVER_MS`, oldest first; the last one is the current one. */
  recent(): readonly Ring[] {
    this.#forget();
    const current = this.#current === undefined ? [] : [this.#current.ring];
    return [...this.#before.map(({ ring }) => ring), ...current];
  }

  /** Called after each change, in the order in which they asked. */
  onChange(listener: RingListener): void {
    this.#listeners.push(listener);
  }

  /** Takes the document if it is the better one. Never throws. */
  accept(document: string): Acceptance {
    const { counts } = this.#parts;
    if (document === this.#current?.document) {
      counts.document('same');
      return { outcome: 'same' };
    }
    const read = this.#read(document);
    if ('reason' in read) return { outcome: 'refused', reason: read.reason };
    const order =
      this.#current === undefined ? 1 : compareVersions(read.version, this.#current.version);
    if (order < 0) {
      counts.document('older');
      return { outcome: 'older' };
    }
    if (order === 0) {
      this.rival(read);
      if (compareStamps(read, this.#current) > 0) this.#take(read);
      return { outcome: 'conflict' };
    }
    counts.document('newer');
    this.#take(read);
    return { outcome: 'newer' };
  }

  /** Somebody has another ring of this version: two wrote at once. The alarm for it. */
  rival({ version, digest }: RingStamp): void {
    const { counts, logger } = this.#parts;
    counts.conflict();
    const ours = this.#current?.digest;
    logger.error({ ...version, ours, theirs: digest }, 'two rings of the same version');
  }

  #read(document: string): HeldRing | { readonly reason: string } {
    const { cluster, counts, read = readRing } = this.#parts;
    let known: ReturnType<typeof readRing>;
    try {
      known = read(document);
    } catch (error) {
      counts.document('undecodable');
      return { reason: error instanceof Error ? error.message : String(error) };
    }
    const { ring } = known;
    if (ring.cluster !== cluster) {
      counts.document('other_cluster');
      return { reason: `it is a ring of cluster ${ring.cluster}, and this is ${cluster}` };
    }
    return { ...known, document, version: ring.version };
  }

  #take(next: HeldRing): void {
    const previous = this.#current?.ring;
    if (previous !== undefined) {
      this.#before.push({ ring: previous, endedAt: this.#parts.clock.now() });
      this.#forget();
    }
    this.#current = next;
    for (const listener of this.#listeners) listener(next.ring, previous);
  }

  #forget(): void {
    const oldest = this.#parts.clock.now() - HANDOVER_MS;
    this.#before = this.#before.filter(({ endedAt }) => endedAt > oldest).slice(-RECENT_MAX);
  }
}
