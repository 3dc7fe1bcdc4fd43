import { mutate } from './mutate.ts';

/** What the old gateway left unanswered is not said again to the new one. */
mutate([
  {
    file: 'client/client.ts',
    find: 'this.#outbound.onLost();\n        this.#subscriptions.onMoveEnd(true);',
    put: 'this.#subscriptions.onMoveEnd(true);',
  },
]);
