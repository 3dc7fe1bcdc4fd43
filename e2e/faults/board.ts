import type { Redis } from 'ioredis';
import { redisKeys } from '../../gateway/stream/redis/keys.ts';
import type { Ring } from '../../protocol/ring.ts';
import { decodeRing } from '../../protocol/ring-document.ts';
import { talk } from '../processes/sentinel.ts';
import { KEY_PREFIX, type Stage } from './stage.ts';

/** Key of a cluster's board. */
export const boardOf = ({ cluster }: Pick<Ring, 'cluster'>): string =>
  redisKeys(KEY_PREFIX).board(cluster)[0];

/** The ring on the only board that there is. */
export async function shown(redis: Redis): Promise<Ring> {
  const [board = ''] = await redis.keys(boardOf({ cluster: '*' }));
  return decodeRing((await redis.hget(board, 'd')) ?? '');
}

export const ringOnBoard = ({ redis }: Stage): Promise<Ring> => talk(redis.port, shown);
