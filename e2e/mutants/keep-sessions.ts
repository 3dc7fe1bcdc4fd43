import { mutate } from './mutate.ts';

/** Whoever held a session is kept for ever. */
mutate([
  {
    file: 'gateway/edge/connection.ts',
    find: 'if (this.session !== undefined) holders.leave(this.session);',
    put: '',
  },
]);
