import { mutate } from './mutate.ts';

/** A draining gateway saves cursors beyond what its clients have read. */
mutate([
  {
    file: 'gateway/edge/session.ts',
    find: 'if (!this.#acks) this.#mark(now);',
    put: `for (const [topic, position] of this.#parts.owner.positions()) {
      this.#unsaved.set(topic, { ...position, seq: position.seq + 1 });
    }`,
  },
]);
