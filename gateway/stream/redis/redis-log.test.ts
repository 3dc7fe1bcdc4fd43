import { logConformance } from '../testing/log.conformance.ts';
import { chainConformance } from '../testing/log-chain.conformance.ts';
import { redisStore } from '../testing/redis-world.ts';

logConformance('RedisLog', () => redisStore());
chainConformance('RedisLog', () => redisStore());
