import { mutate } from './mutate.ts';

/** A client that moved does not ask the new gateway for what the old one gave it. */
mutate([
  {
    file: 'client/subscriptions.ts',
    find: "const carried = this.all.filter(({ state }) => state === 'subscribed');",
    put: 'const carried = [];',
  },
  { file: 'client/topic-subscription.ts', find: 'else if (moved) this.onLost();', put: '' },
]);
