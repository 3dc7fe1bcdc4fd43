import { memoryStore } from './testing/memory-world.ts';
import { streamConformance } from './testing/stream.conformance.ts';

streamConformance('memory', memoryStore);
