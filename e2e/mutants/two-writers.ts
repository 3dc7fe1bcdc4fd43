import { mutate } from './mutate.ts';

/** Whoever believes to be the writer of the ring may write. */
mutate([
  {
    file: 'gateway/ring/memory-board.ts',
    find: 'if (written !== undefined) {',
    put: 'if (written === null) {',
  },
]);
