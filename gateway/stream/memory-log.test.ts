import { systemClock } from '../../protocol/clock.ts';
import { logConformance } from './log.conformance.ts';
import { chainConformance } from './log.conformance-chain.ts';
import type { LogStore, LogWorld } from './log.conformance-gateway.ts';
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
