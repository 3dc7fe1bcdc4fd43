import { type Ring, SHARDS } from '../../protocol/ring.ts';
import type { Style } from '../screen.ts';
import { percent } from '../words.ts';
import type { Facts } from './facts.ts';

const WIDTH = 40;
/** Of more, those with most shards are shown. */
const SHOWN = 50;

/** By pod; undefined without a ring. */
export function shardsOf(ring: Ring | undefined): ReadonlyMap<string, number> | undefined {
  if (ring === undefined) return undefined;
  const counts = ring.members.map(() => 0);
  for (const owner of ring.owners) counts[owner] = (counts[owner] ?? 0) + 1;
  return new Map(ring.members.map(({ id }, place) => [id, counts[place] ?? 0]));
}

/** A bar for each member, the fullest one of the whole width. */
export function ringPicture({ ring, gateways }: Facts, style: Style): string[] {
  const shards = shardsOf(ring);
  if (shards === undefined) return [];
  const there = new Set(gateways.map(({ name }) => name));
  const rows = [...shards].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const most = Math.max(1, ...rows.map(([, count]) => count));
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.slice(0, SHOWN).map(([name, count]) => {
    const share = percent(count / SHARDS).padStart(7);
    const gone = there.has(name) ? '' : '  (its pod is gone)';
    return `${name.padEnd(width)}  ${share}  ${style.bar(count / most, WIDTH)}${gone}`;
  });
  const more = rows.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}
