import { mutate } from './mutate.ts';

/** Each gateway takes the whole budget of the cluster for its own. */
mutate([
  {
    file: 'gateway/gateway-placement.ts',
    find: 'return this.#fullShare() *',
    put: 'return this.#parts.movesPerSecond *',
  },
]);
