import { Gateway } from '../gateway/gateway.ts';
import type { Logger } from '../gateway/logger.ts';
import { MemoryBoard } from '../gateway/ring/memory-board.ts';
import type { PodBoard } from '../gateway/ring/pod-board.ts';
import type { SettingsInput } from '../gateway/settings/declaration.ts';
import { settingsFrom } from '../gateway/settings/load.ts';
import { MemoryStore } from '../gateway/stream/memory/memory-store.ts';
import { systemClock } from '../protocol/clock.ts';
import { BoardLine } from './board-line.ts';
import { KEY_PARAMETER } from './contract.ts';
import type { Launch, Place } from './fleet.ts';
import type { Options } from './options.ts';
import { pageOrigins } from './page-server.ts';

/** Clients notice a silent gateway after two heartbeats: somebody watches, so they are short. */
const HEARTBEAT_MS = 2_000;
const PONG_TIMEOUT_MS = 1_500;
/** A gateway that comes or goes is seen in the ring before somebody looks away. */
const RING_HEARTBEAT_MS = 500;
/** A drain is watched too: its clients go one by one, and nobody has to learn of it from DNS. */
const DRAIN_GRACE_MS = 1_000;
const DRAIN_DEADLINE_MS = 20_000;
const MOVES_PER_SECOND = 8;

/** Quiet when all is well; a page is watched, not a log. */
const logger: Logger = {
  debug() {},
  info() {},
  warn: (_, message) => process.stderr.write(`warning: ${message}\n`),
  error: (fields, message) => process.stderr.write(`error: ${message} ${causeOf(fields)}\n`),
};

function causeOf(fields: object): string {
  return 'error' in fields && fields.error instanceof Error ? `(${fields.error.message})` : '';
}

/** How gateways are started in this process: on one Redis, or on one memory that they share. */
export function launcher(options: Options): Launch {
  const parts = { clock: systemClock, random: Math.random, logger };
  const memory = { port: 0, name: 'memory' };
  const store = new MemoryStore({ ...parts, settings: settingsOf(options, memory).stream });
  const board = new MemoryBoard(systemClock);
  return async (place) => {
    const line = new BoardLine();
    const boardLine = (to: PodBoard) => line.connect(to);
    const shared = { ...parts, store, board, boardLine };
    const gateway = new Gateway(settingsOf(options, place), shared);
    await gateway.start();
    return {
      connections: () => gateway.connections(),
      ring: () => gateway.ring,
      board: line,
      drain: () => gateway.drain(),
      stop: () => gateway.stop(),
    };
  };
}

function settingsOf({ port, redis }: Options, place: Place) {
  const input: SettingsInput = {
    pod: place.name,
    host: '127.0.0.1',
    port: place.port,
    // Any free one: nobody asks there, and it takes none of the ports that people choose.
    adminPort: 0,
    redis: redis === undefined ? {} : { url: redis },
    edge: {
      heartbeatMs: HEARTBEAT_MS,
      pongTimeoutMs: PONG_TIMEOUT_MS,
      drainGraceMs: DRAIN_GRACE_MS,
      drainDeadlineMs: DRAIN_DEADLINE_MS,
    },
    // Clients of the page say their key in the URL, and each goes to the gateway that owns it.
    placement: { key: `query:${KEY_PARAMETER}`, podEndpoint: 'address' },
    disruption: { movesPerSecond: MOVES_PER_SECOND },
    auth: { allowedOrigins: pageOrigins(port) },
    ring: { heartbeatMs: RING_HEARTBEAT_MS },
  };
  return settingsFrom(input);
}
