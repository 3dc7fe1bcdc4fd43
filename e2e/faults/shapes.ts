import type { LoadShape } from '../load/load.ts';

/** For `npm test`: enough of everybody to be hit by every fault. */
export const smallShape: LoadShape = {
  topics: 6,
  publishers: 12,
  subscribers: 24,
  topicsEach: 3,
  everyMs: 80,
  bytes: 100,
  level: 'leader',
};

/** For `npm run faults`. */
export const largeShape: LoadShape = {
  topics: 20,
  publishers: 50,
  subscribers: 200,
  topicsEach: 2,
  everyMs: 100,
  bytes: 200,
  level: 'leader',
};
