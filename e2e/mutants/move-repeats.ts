import { mutate } from './mutate.ts';

/** What both connections of a move bring is given to the application twice. */
mutate([
  {
    file: 'client/topic-subscription.ts',
    find: 'return known && position.seq > last.seq;',
    put: 'return known;',
  },
]);
