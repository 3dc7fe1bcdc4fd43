import { mutate } from './mutate.ts';

/** Who was sent here by a gateway of another ring is sent back. */
mutate([
  {
    file: 'gateway/edge/movable.ts',
    find: 'return version === this.#stay?.version ?',
    put: 'return version === null ?',
  },
  {
    file: 'gateway/edge/mover.ts',
    find: 'if (target !== undefined && this.budget.take()) {',
    put: 'if (target === null) {',
  },
]);
