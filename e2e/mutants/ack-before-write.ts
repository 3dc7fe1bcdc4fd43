import { mutate } from './mutate.ts';

/** A publish counts as done when it was given to the connection. */
mutate([
  {
    file: 'gateway/stream/redis/redis-publisher.ts',
    find: 'this.#settle(shipment, () => shipment.reject(verdict.error));',
    put: `const done = { outcome: 'ok', duplicate: false,
        position: { epoch: 'unwritten', seq: 1, confirmed: 1 } };
      this.#settle(shipment, () => shipment.resolve(Array(shipment.drafts).fill(done)));`,
  },
]);
