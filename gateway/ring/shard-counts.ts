import type { Ring } from '../../protocol/ring.ts';

/** How many shards each member owns, by id; one that owns none is there with 0. */
export function shardCounts({ members, owners }: Ring): ReadonlyMap<string, number> {
  const counts = new Uint32Array(members.length);
  for (const owner of owners) counts[owner] = (counts[owner] as number) + 1;
  return new Map(members.map(({ id }, place) => [id, counts[place] as number]));
}
