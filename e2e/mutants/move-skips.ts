import { mutate } from './mutate.ts';

/** The new connection need not continue where the old one is: neither its number nor its epoch. */
mutate([
  {
    file: 'client/topic-subscription.ts',
    find: 'if (last === undefined || this.#carried !== last.epoch) return false;',
    put: 'if (last === undefined) return false;',
  },
  {
    file: 'client/topic-subscription.ts',
    find: 'const known = position.epoch === last.epoch && position.seq <= last.seq + 1;',
    put: 'const known = true;',
  },
]);
