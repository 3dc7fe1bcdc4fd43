import { ownerOf, type Ring, SHARDS } from '../../protocol/ring.ts';

/** For each pod that has any: shards whose connections it has to hand over. */
export type Handovers = ReadonlyMap<string, number>;

/**
 * What each pod must hand over: the shards that it owned in any of these rings and does not own in
 * the last of them, which is in force. A shard that went on before its first owner was done counts
 * for both. Whoever knows the same rings finds the same for everybody, so that nobody needs to ask
 * how much of a budget that all share is left for it.
 */
export function handoversOf(rings: readonly Ring[]): Handovers {
  const handovers = new Map<string, number>();
  const current = rings.at(-1);
  if (current === undefined) return handovers;
  const ids: string[] = [];
  const places = new Map<string, number>();
  const placesOf = (ring: Ring) =>
    ring.members.map(({ id }) => {
      const place = places.get(id) ?? ids.push(id) - 1;
      places.set(id, place);
      return place;
    });
  const all = rings.map((ring) => ({ owners: ring.owners, places: placesOf(ring) }));
  const counts = new Uint32Array(ids.length);
  for (let shard = 0; shard < SHARDS; shard += 1) {
    for (const place of formerOwners(all, shard)) counts[place] = (counts[place] as number) + 1;
  }
  for (const [place, count] of counts.entries()) {
    if (count > 0) handovers.set(ids[place] as string, count);
  }
  return handovers;
}

/** Who owns now what this pod owned in any of these rings, and how many shards of it. */
export function receiversOf(rings: readonly Ring[], pod: string): Handovers {
  const receivers = new Map<string, number>();
  const current = rings.at(-1);
  if (current === undefined) return receivers;
  const had = rings
    .map(({ members, owners }) => ({ owners, place: members.findIndex(({ id }) => id === pod) }))
    .filter(({ place }) => place >= 0);
  for (let shard = 0; shard < SHARDS; shard += 1) {
    if (!had.some(({ owners, place }) => owners[shard] === place)) continue;
    const { id } = ownerOf(current, shard);
    if (id !== pod) receivers.set(id, (receivers.get(id) ?? 0) + 1);
  }
  return receivers;
}

interface Placed {
  readonly owners: Uint16Array;
  /** Of each member, in a numbering that all rings share. */
  readonly places: readonly number[];
}

/** Everybody who owned it and is not the owner now, each once. */
function formerOwners(rings: readonly Placed[], shard: number): readonly number[] {
  const ownerIn = ({ owners, places }: Placed) => places[owners[shard] as number] as number;
  const now = ownerIn(rings.at(-1) as Placed);
  let former: number[] | undefined;
  for (const ring of rings) {
    const owner = ownerIn(ring);
    if (owner === now || former?.includes(owner)) continue;
    former ??= [];
    former.push(owner);
  }
  return former ?? NOBODY;
}

const NOBODY: readonly number[] = [];

/**
 * A pod's part, 0 to 1, of what all pods together may do: in proportion to what it has to hand
 * over, of the total of all. Where each takes the highest total that any of them knows, the parts
 * never add up to more than 1, also when some know the last rings alone: who knows fewer rings
 * finds no more to hand over.
 */
export function shareOf(handovers: Handovers, pod: string, total: number): number {
  return total === 0 ? 0 : (handovers.get(pod) ?? 0) / total;
}

/** Of all pods together. */
export function totalOf(handovers: Handovers): number {
  let all = 0;
  for (const count of handovers.values()) all += count;
  return all;
}
