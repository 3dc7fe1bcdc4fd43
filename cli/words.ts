/** Numbers and times, for people. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `40 s`, `1 min 20 s`, `2 h 5 min`, `3 d 4 h`; below 0 it is 0. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return two([Math.floor(seconds / MINUTE), 'min'], [seconds % MINUTE, 's']);
  const minutes = Math.floor(seconds / MINUTE);
  if (seconds < DAY) return two([Math.floor(minutes / 60), 'h'], [minutes % 60, 'min']);
  return two([Math.floor(seconds / DAY), 'd'], [Math.floor((seconds % DAY) / HOUR), 'h']);
}

type Part = readonly [number, string];

const two = ([most, large]: Part, [rest, small]: Part): string =>
  rest === 0 ? `${most} ${large}` : `${most} ${large} ${rest} ${small}`;

/** `1 client`, `2 clients`. */
export const count = (number: number, noun: string): string =>
  `${number} ${noun}${number === 1 ? '' : 's'}`;

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Names in a line; of many the first ones. */
export function listed(names: readonly string[], shown = 10): string {
  const more = names.length - shown;
  const first = names.slice(0, shown).join(', ');
  return more > 0 ? `${first} and ${more} more` : first;
}
