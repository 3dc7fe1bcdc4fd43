import { systemClock } from '../../../protocol/clock.ts';
import { MemoryLog } from '../memory/memory-log.ts';
import { type MemorySnapshot, MemoryStore } from '../memory/memory-store.ts';
import type { LogStore, LogWorld } from './log-world.ts';

export async function memoryStore(): Promise<LogStore> {
  return {
    world: async (settings) =>
      memoryWorld(new MemoryStore({ clock: systemClock, random: Math.random, settings })),
    close: async () => {},
  };
}

function memoryWorld(store: MemoryStore): LogWorld {
  let replica: MemorySnapshot | undefined;
  return {
    log: (pod) => new MemoryLog(store, pod),
    restart: async () => store.failover(),
    lag: async () => {
      replica = store.snapshot();
    },
    failover: async () => store.failover(replica),
    flush: async () => store.flush(),
    removeLog: async (topic) => store.removeLog(topic),
    close: async () => {},
  };
}
