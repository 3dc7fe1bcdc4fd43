import { logConformance } from '../testing/log.conformance.ts';
import { chainConformance } from '../testing/log-chain.conformance.ts';
import { sessionConformance } from '../testing/log-sessions.conformance.ts';
import { redisStore } from '../testing/redis-world.ts';

logConformance('RedisLog', () => redisStore());
chainConformance('RedisLog', () => redisStore());
sessionConformance('RedisLog', () => redisStore());
