import type { TopicPosition } from '../../protocol/commands.ts';
import type { ServerEvent } from '../../protocol/events.ts';
import * as limits from '../../protocol/limits.ts';
import type { Position } from '../../protocol/position.ts';
import type { Outlet } from '../hub/hub.ts';
import type { EdgeContext } from './context.ts';

const size = limits.positionsPerTick;

/** Who is told positions: a listener. */
export interface TickListener {
  readonly outbox: Outlet;
  /** Where the next partial tick begins among its topics. */
  tickFrom: number;
  say(event: ServerEvent): void;
}

/**
 * A sign of life, with fresh positions. Connections with more topics than fit get theirs in turn.
 */
export function tick(listener: TickListener, context: EdgeContext): void {
  const positions = listed(context.hub.positions(listener.outbox));
  const from = listener.tickFrom < positions.length ? listener.tickFrom : 0;
  listener.tickFrom = from + size;
  const at = context.clock.wall();
  listener.say({ type: 'tick', at, positions: positions.slice(from, from + size) });
}

/**
 * Fresh positions of the topics that were quiet for a quarter of the retention, so that a client
 * that comes back is not taken for one that the log has forgotten.
 */
export function freshen(listener: TickListener, context: EdgeContext): void {
  const olderThan = context.second - context.retentionMs / 4_000;
  const positions = listed(context.hub.confirmed(listener.outbox, olderThan));
  const at = context.clock.wall();
  for (let from = 0; from < positions.length; from += size) {
    listener.say({ type: 'tick', at, positions: positions.slice(from, from + size) });
  }
}

function listed(positions: ReadonlyMap<string, Position>): TopicPosition[] {
  return Array.from(positions, ([topic, position]) => ({ topic, position }));
}
