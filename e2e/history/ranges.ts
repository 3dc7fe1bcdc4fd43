/** A closed range of sequence numbers. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The parts of `whole` that no range of `covers` holds, ascending. */
export function uncovered(whole: Range, covers: readonly Range[]): Range[] {
  const left: Range[] = [];
  let next = whole.from;
  for (const { from, to } of [...covers].sort((a, b) => a.from - b.from)) {
    if (to < next) continue;
    if (from > whole.to) break;
    if (from > next) left.push({ from: next, to: from - 1 });
    next = to + 1;
  }
  if (next <= whole.to) left.push({ from: next, to: whole.to });
  return left;
}

export function covers(ranges: readonly Range[], seq: number): boolean {
  return ranges.some(({ from, to }) => seq >= from && seq <= to);
}
