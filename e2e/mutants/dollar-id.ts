import { mutate } from './mutate.ts';

/** After an interruption a gateway listens on from the head, as `XREAD $` would. */
mutate([
  {
    file: 'gateway/stream/follower.ts',
    find: 'for (const event of events) {\n      this.#tell(event);',
    put: `if (this.#mayHaveMissed) this.#moveTo(page.cursor);
    for (const event of this.#mayHaveMissed ? [] : events) {
      this.#tell(event);`,
  },
]);
