import type { GapReason } from '../protocol/code-table.ts';
import type { GapEvent, Msg } from '../protocol/events.ts';
import { formatPosition } from '../protocol/position.ts';

/** One message of a topic. */
export interface Message<T = unknown> {
  readonly topic: string;
  readonly data: T;
  /** `epoch:seq@seconds`. Everything up to and including this message. */
  readonly position: string;
  /** Dense number in the topic; after a gap it continues higher, or in a new epoch. */
  readonly seq: number;
  /** When the log took it, milliseconds since 1970, by the log's clock. */
  readonly at: number;
  /** `producer:seq` of the publisher, when it gave one. */
  readonly id?: string;
  /** Messages directly before this one were missed. */
  readonly gap?: Gap;
}

/** Messages were missed: they left the log, or were lost, before this client got them. */
export interface Gap {
  readonly topic: string;
  readonly reason: GapReason;
  /** The first and last number that was missed, where that can be known. */
  readonly from?: number;
  readonly to?: number;
  /** What follows continues after this. */
  readonly position: string;
}

/** `stale: true`: the gateway is cut off from the log, and what you see may be old. */
export interface Staleness {
  readonly stale: boolean;
  /** Milliseconds since 1970, by the gateway's clock. */
  readonly at: number;
}

/** A message as the application sees it; `gap`: what was missed directly before. */
export function messageFrom(event: Msg<unknown>, gap: Gap | undefined): Message {
  const { topic, data, position, at, id } = event;
  return {
    topic,
    data,
    position: formatPosition(position),
    seq: position.seq,
    at,
    ...(id && { id }),
    ...(gap && { gap }),
  };
}

/** A gap as the application sees it. */
export function gapFrom({ type: _, position, ...rest }: GapEvent): Gap {
  return { ...rest, position: formatPosition(position) };
}
