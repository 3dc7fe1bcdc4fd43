import type { Program } from './declared.ts';

/** A metric as a panel shows it: counters as rates, histograms as a quantile of what was seen. */
export interface Query {
  readonly metric: string;
  /** Its series are added up by these labels; default: all of them. */
  readonly by?: readonly string[];
  /** The greatest of them instead. */
  readonly greatest?: boolean;
  /** Only series with these values, by label. */
  readonly where?: Readonly<Record<string, string>>;
  /** Of a histogram, from 0 to 1. */
  readonly quantile?: number;
  /** Default: the values of `by`. */
  readonly legend?: string;
}

/** As Grafana calls them. `cps`: a second; `short`: a number. */
type Unit = 'short' | 'cps' | 's' | 'bytes' | 'percentunit';

export interface Panel {
  readonly title: string;
  /** What to look for; what each metric counts stands below it, as its declaration says it. */
  readonly about: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Of 24. */
  readonly width: number;
  readonly height: number;
  /** `stat`: the newest value alone. */
  readonly type: 'timeseries' | 'stat';
}

export interface Row {
  readonly title: string;
  readonly program: Program;
  readonly panels: readonly Panel[];
}

type Shape = Partial<Pick<Panel, 'width' | 'height' | 'type'>>;

export const panel = (
  [title, unit]: readonly [title: string, unit: Unit],
  about: string,
  queries: readonly Query[],
  shape: Shape = {},
): Panel => ({ title, unit, about, queries, width: 8, height: 8, type: 'timeseries', ...shape });
