import { mutate } from './mutate.ts';

/** Live subscribers do not get every seventh message. */
mutate([
  {
    file: 'gateway/hub/topic-hub.ts',
    find: 'batchOf(topic.name, entries)',
    put: 'batchOf(topic.name, entries.filter(({ seq }) => seq % 7 !== 0))',
  },
]);
