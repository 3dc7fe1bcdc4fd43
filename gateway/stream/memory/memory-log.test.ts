import { systemClock } from '../../../protocol/clock.ts';
import { logConformance } from '../testing/log.conformance.ts';
import { chainConformance } from '../testing/log-chain.conformance.ts';
import type { LogStore, LogWorld } from '../testing/log-world.ts';
import { MemoryLog } from './memory-log.ts';
import { type MemorySnapshot, MemoryStore } from './memory-store.ts';

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

const memoryStore = async (): Promise<LogStore> => ({
  world: async (settings) =>
    memoryWorld(new MemoryStore({ clock: systemClock, random: Math.random, settings })),
  close: async () => {},
});

logConformance('MemoryLog', memoryStore);
chainConformance('MemoryLog', memoryStore);
