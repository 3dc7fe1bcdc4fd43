import { redisStore } from './testing/redis-world.ts';
import { streamConformance } from './testing/stream.conformance.ts';

streamConformance('Redis', () => redisStore());
// A restart without loss is not seen there, and need not be.
streamConformance('Redis that hides INFO', () => redisStore(true));
