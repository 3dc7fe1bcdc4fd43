import { logConformance } from '../testing/log.conformance.ts';
import { chainConformance } from '../testing/log-chain.conformance.ts';
import { sessionConformance } from '../testing/log-sessions.conformance.ts';
import { memoryStore } from '../testing/memory-world.ts';

logConformance('MemoryLog', memoryStore);
chainConformance('MemoryLog', memoryStore);
sessionConformance('MemoryLog', memoryStore);
