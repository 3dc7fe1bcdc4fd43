import { movedShards, type Ring, SHARDS } from '../../protocol/ring.ts';
import { decodeRing } from '../../protocol/ring-document.ts';
import type { RingStamp } from '../contract.ts';
import { figure } from './elements.ts';

export interface RingFollowerParts {
  /** The document in force; undefined when it cannot be had now. */
  readonly bring: () => Promise<string | undefined>;
  readonly onRing: (ring: Ring) => void;
  /** What became of the ring that was followed so far, in words. */
  readonly onChange: (text: string) => void;
}

/** Brings the ring in force whenever it is another one than before. */
export class RingFollower {
  readonly #parts: RingFollowerParts;
  #ring: Ring | undefined;
  #digest: string | undefined;
  #bringing = false;

  constructor(parts: RingFollowerParts) {
    this.#parts = parts;
  }

  /** Called with every view of the fleet, so what could not be had is asked for again. */
  async follow(stamp: RingStamp | undefined): Promise<void> {
    if (stamp === undefined || stamp.digest === this.#digest || this.#bringing) return;
    this.#bringing = true;
    const document = await this.#parts.bring();
    this.#bringing = false;
    if (document === undefined) return;
    // It may be a newer one already; then the next view brings nothing new.
    this.#digest = stamp.digest;
    const ring = decodeRing(document);
    const before = this.#ring;
    this.#ring = ring;
    this.#parts.onRing(ring);
    if (before !== undefined) this.#parts.onChange(changeText(before, ring));
  }
}

/** `3.17` */
export function versionText({ version }: Ring): string {
  return `${version.generation}.${version.counter}`;
}

/** How a ring came from the one before, in a sentence. */
function changeText(before: Ring, after: Ring): string {
  const came = onlyIn(after, before).map((id) => `${id} is in`);
  const went = onlyIn(before, after).map((id) => `${id} is out`);
  const moved = movedShards(before, after);
  const percent = Math.round((moved / SHARDS) * 100);
  const shards = `${figure(moved)} shards (${percent}\u00a0%) moved`;
  return `Ring ${versionText(after)}: ${[...came, ...went, shards].join(', ')}.`;
}

/** Ids of members. */
function onlyIn(one: Ring, other: Ring): string[] {
  const ids = one.members.map(({ id }) => id);
  return ids.filter((id) => other.members.every((member) => member.id !== id));
}
