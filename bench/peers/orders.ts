import { createInterface } from 'node:readline';
import type { Usage } from '../messages.ts';

/** To a peer, a line of JSON each on its standard input; it answers with a line of its `Usage`. */
export type PeerOrder =
  | { readonly order: 'usage' }
  | { readonly order: 'collect' }
  /** To everybody. */
  | { readonly order: 'publish'; readonly data: object };

/** The side of a peer that runs in Node: does what it is told until nobody can tell it anything. */
export async function obey(peer: {
  publish(data: object): void;
  connections(): number;
}): Promise<void> {
  const say = () => {
    const { user, system } = process.cpuUsage();
    const rss = process.memoryUsage.rss();
    const usage: Usage = { cpu: user + system, rss, sockets: peer.connections() };
    process.stdout.write(`${JSON.stringify(usage)}\n`);
  };
  say();
  for await (const line of createInterface({ input: process.stdin })) {
    const told = JSON.parse(line) as PeerOrder;
    if (told.order === 'publish') peer.publish(told.data);
    if (told.order === 'collect') globalThis.gc?.();
    say();
  }
}
