import type { Measurement } from './figure.ts';
import { Stage } from './stage.ts';

const CONNECTIONS = 10_000;
const SETTLE_MS = 3_000;

/** What a connection with one subscription takes of a gateway's memory. */
export const memory: Measurement = {
  name: 'memory',
  text: 'resident memory of 10,000 connections with one subscription each, over the empty process',
  seconds: 20,
  async run(progress) {
    const stage = await Stage.open();
    try {
      const empty = await stage.order({ order: 'collect' });
      await stage.connect(CONNECTIONS, 'room');
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const full = await stage.order({ order: 'collect' });
      const each = (full.rss - empty.rss) / full.sockets / 1024;
      progress(`${full.sockets} connections: ${each.toFixed(2)} KiB each`);
      const figure = {
        what: 'resident memory per connection with one subscription',
        value: each,
        unit: 'KiB',
        atMost: 7,
        detail: `${mib(empty.rss)} empty, ${mib(full.rss)} with ${full.sockets} connections`,
      };
      return [figure];
    } finally {
      stage.close();
    }
  },
};

const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
