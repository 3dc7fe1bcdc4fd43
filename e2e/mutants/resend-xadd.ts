import { mutate } from './mutate.ts';

/** A publish is written again when it is sent again. */
mutate([
  {
    file: 'gateway/stream/redis/redis-publisher.ts',
    find: "if (producer === undefined) return ['', '', SENT_ONCE];",
    put: "if (producer !== undefined || identity === undefined) return ['', '', SENT_ONCE];",
  },
]);
