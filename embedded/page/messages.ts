import type { Sample } from './dashboard-view.ts';

/** Topics of the demo. */
export const topics = {
  room: 'demo.room',
  burst: 'demo.burst',
  dashboard: 'demo.dashboard',
} as const;

export type Topic = (typeof topics)[keyof typeof topics];

/** Every message of the demo carries who sent it, and its number among that sender's. */
export interface Stamp {
  readonly from: string;
  /** From 1, for each sender and topic. */
  readonly n: number;
  /** The page that sent it; times of different pages cannot be compared. */
  readonly page: string;
  /** When it was given to `publish`, on the page's monotonic clock, milliseconds. */
  readonly sent: number;
}

export interface CursorMessage extends Stamp {
  readonly name: string;
  readonly colour: string;
  /** From 0 to 1. */
  readonly x: number;
  readonly y: number;
  readonly click: boolean;
}

export interface SampleMessage extends Stamp, Sample {}

/** Anybody may publish to the demo's topics: what is not of the demo's form is left out. */
export function isStamped(data: unknown): data is Stamp {
  if (typeof data !== 'object' || data === null) return false;
  const { from, n, page, sent } = data as Partial<Record<keyof Stamp, unknown>>;
  return (
    typeof from === 'string' &&
    typeof page === 'string' &&
    Number.isSafeInteger(n) &&
    typeof sent === 'number'
  );
}

export function isCursor(data: Stamp): data is CursorMessage {
  const { name, colour, x, y } = data as Partial<Record<keyof CursorMessage, unknown>>;
  return (
    typeof name === 'string' &&
    typeof colour === 'string' &&
    typeof x === 'number' &&
    typeof y === 'number'
  );
}

export function isSample(data: Stamp): data is SampleMessage {
  const { published, delivered, delayMedian, delayHigh } = data as Partial<
    Record<keyof SampleMessage, unknown>
  >;
  return [published, delivered, delayMedian, delayHigh].every(
    (value) => typeof value === 'number' && Number.isFinite(value),
  );
}
