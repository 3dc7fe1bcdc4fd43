import { memoryBoards } from './testing/board-world.ts';
import { wireConformance } from './testing/wire.conformance.ts';

wireConformance('MemoryExchange', memoryBoards);
