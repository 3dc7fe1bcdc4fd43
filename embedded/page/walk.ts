/** Where something is in the room; both from 0 to 1. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * A smooth path that never repeats in practice: two slow waves on each axis. `who` chooses the
 * path, `seconds` the place on it.
 */
export function wander(who: number, seconds: number): Point {
  const pace = 0.16 + ((who * 0.618) % 1) * 0.14;
  const phase = who * 2.399;
  const x = Math.sin(seconds * pace + phase) * 0.62 + Math.sin(seconds * pace * 2.3 + who) * 0.3;
  const y =
    Math.cos(seconds * pace * 1.3 + who) * 0.6 + Math.sin(seconds * pace * 1.9 + phase) * 0.3;
  return { x: 0.5 + x * 0.46, y: 0.5 + y * 0.42 };
}
