import type { Clock, Random } from '../protocol/clock.ts';
import { askPeer, CutOff } from './cut-off.ts';
import type { Edge } from './edge/edge.ts';
import type { Logger } from './logger.ts';
import type { Settings } from './settings/declaration.ts';

export interface GatewayCutOffParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** `host:port` of the admin ports of other gateways, as known now. */
  readonly peers: () => readonly string[];
  /** Undefined before it was started. */
  readonly edge: () => Pick<Edge, 'moveAway' | 'stay'> | undefined;
}

/** A gateway that is cut off moves its clients away, until it is not any more. */
export function cutOffOf({ pod, redis }: Settings, parts: GatewayCutOffParts): CutOff {
  const { clock, random, logger, peers, edge } = parts;
  const timeoutMs = redis.socketTimeoutMs;
  const ask = { pod, clock, timeoutMs, fetch: globalThis.fetch };
  return new CutOff({
    peers,
    // What loses Redis with us may be back one longest wait before us: that is no reason to move.
    intervalMs: Math.max(timeoutMs, redis.reconnectMaxMs),
    ...{ clock, random },
    ask: (peer) => askPeer(peer, ask),
    onChange: (cutOff) => {
      if (cutOff) {
        logger.warn({}, 'cut off from Redis, which peers reach: clients are moved away');
        edge()?.moveAway();
      } else {
        logger.info({}, 'no longer cut off');
        edge()?.stay();
      }
    },
  });
}
