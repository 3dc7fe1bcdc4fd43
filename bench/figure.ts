/** What a measurement says: a figure beside the bound that the project set itself. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The figure is to be at most this; absent: it is only shown. */
  readonly atMost?: number;
  /** How it came about: counts, baselines. */
  readonly detail: string;
}

export interface Measurement {
  readonly name: string;
  readonly text: string;
  /** Rough duration, so that a person can decide. */
  readonly seconds: number;
  run(progress: (line: string) => void): Promise<readonly Figure[]>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('the median of nothing');
  if (sorted.length % 2 === 1) return upper;
  return (upper + (sorted[middle - 1] ?? upper)) / 2;
}
