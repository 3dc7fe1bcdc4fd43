import { boardConformance } from './testing/board.conformance.ts';
import { memoryBoards } from './testing/board-world.ts';

boardConformance('MemoryBoard', memoryBoards);
