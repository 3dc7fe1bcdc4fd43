/** Puts an entry last, and forgets the first when there are more than so many. */
export function remember<K, V>(all: Map<K, V>, [key, value]: readonly [K, V], most: number): void {
  all.delete(key);
  all.set(key, value);
  if (all.size <= most) return;
  for (const oldest of all.keys()) {
    all.delete(oldest);
    return;
  }
}
