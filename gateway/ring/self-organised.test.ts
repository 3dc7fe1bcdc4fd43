import { memoryBoards } from './testing/board-world.ts';
import { selfOrganisedConformance } from './testing/self-organised.conformance.ts';

selfOrganisedConformance('MemoryBoard', memoryBoards);
