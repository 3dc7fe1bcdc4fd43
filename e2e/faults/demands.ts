/** A figure of a run, and the bound that it has to keep. */
export interface Demand {
  /** What was measured, with its unit. */
  readonly what: string;
  /** NaN, where it was not measured, keeps no bound. */
  readonly measured: number;
  readonly is: 'at least' | 'at most';
  readonly bound: number;
  /** A time, to which a busy machine adds. */
  readonly isTime?: true;
}

export const atLeast = (what: string, measured: number, bound: number): Demand => ({
  what,
  measured,
  is: 'at least',
  bound,
});

export const atMost = (what: string, measured: number, bound: number): Demand => ({
  what,
  measured,
  is: 'at most',
  bound,
});

/** Of a time, in ms; `what` says so. */
export const atMostMs = (what: string, measuredMs: number, boundMs: number): Demand => ({
  ...atMost(`${what} ms`, measuredMs, boundMs),
  isTime: true,
});

export function holds({ measured, is, bound }: Demand): boolean {
  return is === 'at least' ? measured >= bound : measured <= bound;
}

export const textOf = ({ what, measured, is, bound }: Demand): string =>
  `${what}: ${measured}, not ${is} ${bound}`;
