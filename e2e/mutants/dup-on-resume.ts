import { mutate } from './mutate.ts';

/** A resumed subscription begins one message too early. */
mutate([
  {
    file: 'gateway/hub/pump.ts',
    find: 'behind.cursor = position;\n    behind.request = undefined;',
    put: `behind.cursor = { ...position, seq: Math.max(0, position.seq - 1) };
    behind.request = undefined;`,
  },
]);
