import { mutate } from './mutate.ts';

/** Whoever held a session is kept for ever. */
mutate([
  {
    file: 'gateway/edge/connection.ts',
    find: 'holders.leave(this.session);',
    put: '',
  },
]);
