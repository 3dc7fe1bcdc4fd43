import { mutate } from './mutate.ts';

/** Nobody is asked to go when the ring has changed. */
mutate([
  {
    file: 'gateway/edge/mover.ts',
    find: 'else if (!this.#held) this.#begin();',
    put: '',
  },
]);
