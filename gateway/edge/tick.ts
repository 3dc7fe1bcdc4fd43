import type { TopicPosition } from '../../protocol/commands.ts';
import { limits } from '../../protocol/limits.ts';
import type { Position } from '../../protocol/position.ts';
import type { Connection } from './connection.ts';
import type { EdgeContext } from './context.ts';

const size = limits.positionsPerTick;

/**
 * A sign of life, with fresh positions. Connections with more topics than fit get theirs in turn.
 */
export function tick(connection: Connection, context: EdgeContext): void {
  const positions = listed(context.hub.positions(connection.outbox));
  const from = connection.tickFrom < positions.length ? connection.tickFrom : 0;
  connection.tickFrom = from + size;
  const at = context.clock.wall();
  connection.say({ type: 'tick', at, positions: positions.slice(from, from + size) });
}

/**
 * Fresh positions of the topics that were quiet for a quarter of the retention, so that a client
 * that comes back is not taken for one that the log has forgotten.
 */
export function freshen(connection: Connection, context: EdgeContext): void {
  const olderThan = context.second - context.retentionMs / 4_000;
  const positions = listed(context.hub.confirmed(connection.outbox, olderThan));
  const at = context.clock.wall();
  for (let from = 0; from < positions.length; from += size) {
    connection.say({ type: 'tick', at, positions: positions.slice(from, from + size) });
  }
}

function listed(positions: ReadonlyMap<string, Position>): TopicPosition[] {
  return Array.from(positions, ([topic, position]) => ({ topic, position }));
}
