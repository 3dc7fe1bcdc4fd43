import { systemClock } from '../../../protocol/clock.ts';
import { MemoryLog } from '../memory/memory-log.ts';
import { MemoryStore } from '../memory/memory-store.ts';
import type { LogStore, LogWorld } from './log-world.ts';

export async function memoryStore(): Promise<LogStore> {
  return {
    world: async (settings) =>
      memoryWorld(new MemoryStore({ clock: systemClock, random: Math.random, settings })),
    close: async () => {},
  };
}

function memoryWorld(store: MemoryStore): LogWorld {
  let promote = async () => store.failover();
  return {
    log: (pod) => new MemoryLog(store, pod),
    restart: async () => store.failover(),
    lag: async () => {
      const replica = store.snapshot();
      promote = async () => store.failover(replica);
      return promote;
    },
    failover: () => promote(),
    flush: async () => store.flush(),
    removeLog: async (topic) => store.removeLog(topic),
    close: async () => {},
  };
}
