import type { Position } from '../../protocol/position.ts';
import type { Entry } from '../stream/stream.ts';
import type { Batch } from './hub.ts';

export function batchOf(topic: string, entries: readonly Entry[]): Batch {
  return { kind: 'entries', topic, entries, frames: [] };
}

/** Where a subscriber is that was given `entry`. */
export function positionOf(entry: Entry): Position {
  return { epoch: entry.epoch, seq: entry.seq, confirmed: Math.floor(entry.at / 1000) };
}

/** Whether two positions are the same place; when each was confirmed does not matter. */
export function samePlace(a: Position, b: Position): boolean {
  return a.seq === b.seq && a.epoch === b.epoch;
}
