import { redisBoards } from '../testing/board-world.ts';
import { selfOrganisedConformance } from '../testing/self-organised.conformance.ts';

selfOrganisedConformance('RedisBoard', redisBoards);
