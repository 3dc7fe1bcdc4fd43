import type { Roster } from './roster.ts';

/** Looked at of all: a share by them is right to a few percent, and costs as much as they do. */
const LOOKED_AT = 1_000;

/**
 * Of the connections, 0 to 1: those of the address that most come from. Behind a proxy it is that
 * one's, and a proxy has so many ports towards one gateway and no more.
 */
export function fromOneAddress(roster: Pick<Roster, 'some'>): number {
  const counts = new Map<string, number>();
  let known = 0;
  for (const { socket } of roster.some(LOOKED_AT)) {
    const { peer } = socket;
    if (peer === undefined) continue;
    known += 1;
    counts.set(peer, (counts.get(peer) ?? 0) + 1);
  }
  return known === 0 ? 0 : Math.max(...counts.values()) / known;
}
