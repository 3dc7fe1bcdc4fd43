import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { type Clock, systemClock } from '../../../protocol/clock.ts';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import { MemoryBoard } from '../memory-board.ts';
import type { PodBoard } from '../pod-board.ts';
import type { PodWire } from '../pod-wire.ts';
import { RedisBoard } from '../redis/redis-board.ts';
import { RedisWire } from '../redis/redis-wire.ts';

/** A store of boards that a suite may break. Each `world` is empty. */
export interface BoardStore {
  world(): Promise<BoardWorld>;
  close(): Promise<void>;
}

export interface BoardWorld {
  /** What pods live by; the store's own passes as fast. */
  readonly clock: Clock;
  /** As one more pod of the cluster sees it. */
  board(pod: string, cluster?: string): PodBoard;
  /** How that pod speaks with the others. */
  wire(pod: string, cluster?: string): PodWire;
  pass(ms: number): Promise<void>;
  /** Lets time pass until it holds. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** Everything is deleted. */
  flush(): Promise<void>;
  /** A copy of everything; what it returns puts it back. */
  backup(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export async function memoryBoards(): Promise<BoardStore> {
  return { world: async () => memoryWorld(), close: async () => {} };
}

function memoryWorld(): BoardWorld {
  const clock = new ManualClock();
  const boards = new Map<string, MemoryBoard>();
  const board = (cluster: string) => {
    const found = boards.get(cluster) ?? new MemoryBoard(clock);
    boards.set(cluster, found);
    return found;
  };
  return {
    clock,
    board: (_pod, cluster = 'chat') => board(cluster),
    wire: (pod, cluster = 'chat') => board(cluster).exchange.wire(pod),
    pass: (ms) => clock.advance(ms),
    until: (what, holds) => clock.until(what, holds),
    flush: async () => {
      for (const each of boards.values()) each.flush();
    },
    backup: async () => {
      const copies = [...boards.values()].map((each) => each.backup());
      return async () => {
        for (const restore of copies) restore();
      };
    },
    close: async () => {},
  };
}

export async function redisBoards(): Promise<BoardStore> {
  const server = await startRedis();
  let worlds = 0;
  return {
    world: async () => {
      worlds += 1;
      return redisWorld(server, `test/${worlds}`);
    },
    close: () => server.stop(),
  };
}

async function redisWorld(server: RedisServer, keyPrefix: string): Promise<BoardWorld> {
  const { redis } = gatewaySettings.parse({ redis: { url: server.url, keyPrefix } });
  const admin = new Redis(server.url);
  const made: { close(): void }[] = [];
  const shared = { redis, clock: systemClock, random: Math.random };
  return {
    clock: systemClock,
    board: (pod, cluster = 'chat') => {
      const board = new RedisBoard({ ...shared, cluster, pod });
      made.push(board);
      return board;
    },
    wire: (pod, cluster = 'chat') => {
      const publish = (channel: string, text: string) => admin.publish(channel, text);
      const speaker = { publish, reconnect() {} };
      const wire = new RedisWire({ ...shared, cluster, pod, speaker });
      made.push(wire);
      return wire;
    },
    pass: (ms) => sleep(ms),
    until: async (what, holds) => {
      await until(holds, { for: what, deadlineMs: 30_000 });
    },
    flush: async () => {
      await admin.flushall();
    },
    backup: async () => {
      const keys = await admin.keys(`${keyPrefix}:*`);
      const copies = await Promise.all(keys.map((key) => admin.dumpBuffer(key)));
      return async () => {
        const lost = await admin.keys(`${keyPrefix}:*`);
        const restore = admin.multi();
        if (lost.length > 0) restore.del(...lost);
        for (const [at, key] of keys.entries()) restore.restore(key, 0, copies[at] as Buffer);
        await restore.exec();
      };
    },
    close: async () => {
      for (const each of made) each.close();
      admin.disconnect();
    },
  };
}
