/** Names further away than this, as a share of their length, are no help to anybody. */
const FARTHEST = 0.4;

/** The one of `names` that somebody who wrote `given` most likely meant; undefined when none is. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  // Longer ones are no misspelling, and would cost too much to compare.
  if (given.length > 128) return undefined;
  let best: string | undefined;
  let distance = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const d = editDistance(given, name);
    if (d < distance) [best, distance] = [name, d];
  }
  return best !== undefined && distance <= best.length * FARTHEST ? best : undefined;
}

/** How many characters must be inserted, removed, replaced, or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const replace = at(row, j - 1) + (same ? 0 : 1);
      const swap = swapped ? at(before, j - 2) + 1 : replace;
      next.push(Math.min(replace, swap, at(row, j) + 1, at(next, j - 1) + 1));
    }
    before = row;
    row = next;
  }
  return at(row, b.length);
}

const at = (row: readonly number[], index: number) => row[index] ?? Number.POSITIVE_INFINITY;
