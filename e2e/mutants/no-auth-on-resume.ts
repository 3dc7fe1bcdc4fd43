import { mutate } from './mutate.ts';

/** Whoever brings a position had the permission once, and is not asked again. */
mutate([
  {
    file: 'gateway/edge/subscribing.ts',
    find: "if (connection.identity?.maySubscribe(topic) !== true) return 'forbidden';",
    put: `if (position === undefined && connection.identity?.maySubscribe(topic) !== true) {
    return 'forbidden';
  }`,
  },
  {
    file: 'gateway/edge/notices.ts',
    find: 'if (connection.identity?.maySubscribe(topic) !== true) {',
    put: 'if (false) {',
  },
]);
