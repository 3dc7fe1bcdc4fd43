import { type Figure, type Measurement, median } from './figure.ts';
import { DATA, FRAME } from './message.ts';
import { Peer } from './peers/peer.ts';
import { programs } from './peers/programs.ts';
import { Stage } from './stage.ts';

const CONNECTIONS = 10_000;
const TURNS = 4;
/** In each turn, one after the other. */
const ROUNDS = 5;
/** Before those: the others had the core's caches, and none has neighbours in a pod of its own. */
const WARM = 2;
const SETTLE_MS = 3_000;
const US = 'WsCluster';
const BARE = 'bare';

/**
 * What the same costs others: a message to everybody, and a connection that listens. All of them
 * are there at the same time, each with its own clients, and take turns on one core.
 */
export const peers: Measurement = {
  name: 'peers',
  text: 'one message to 10,000 subscribers of WsCluster, ws, Socket.IO and centrifuge in turn',
  seconds: 60,
  async run(progress) {
    const contenders: Contender[] = [];
    try {
      const stage = await Stage.open();
      contenders.push(ours(stage));
      for (const program of await programs(progress)) contenders.push(await Peer.open(program));
      const results: Result[] = [];
      for (const each of contenders) results.push(await filled(each, progress));
      const bare = {
        ...ours(stage),
        name: BARE,
        publish: () => stage.order({ order: 'write', frame: FRAME }),
      };
      return figures(results, await costs([bare, ...contenders]));
    } finally {
      for (const each of contenders) each.close();
    }
  },
};

/** One of those that are compared. */
type Contender = Pick<Peer, 'name' | 'connect' | 'publish' | 'received' | 'close'> & {
  order(order: { readonly order: 'usage' | 'collect' }): ReturnType<Peer['order']>;
};

interface Result {
  readonly name: string;
  /** KiB per connection. */
  readonly memory: number;
  /** Of one message's frame. */
  readonly bytes: number;
}

const ours = (stage: Stage): Contender => ({
  name: US,
  order: (order) => stage.order(order),
  connect: (connections) => stage.connect(connections, 'room'),
  publish: (data) => stage.send([{ topic: 'room', data }]),
  received: (expected) => stage.received(expected),
  close: () => stage.close(),
});

/** With all its clients, and a first message that all of them got. */
async function filled(each: Contender, progress: (line: string) => void): Promise<Result> {
  const { name } = each;
  const empty = await each.order({ order: 'collect' });
  await each.connect(CONNECTIONS);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const full = await each.order({ order: 'collect' });
  if (full.sockets !== CONNECTIONS) throw new Error(`${name} has ${full.sockets} connections`);
  const memory = (full.rss - empty.rss) / CONNECTIONS / 1_024;
  await each.publish(DATA);
  const bytes = (await each.received(CONNECTIONS)) / CONNECTIONS;
  progress(
    `${name}: ${CONNECTIONS} clients, ${memory.toFixed(2)} KiB each, ${bytes} bytes a frame`,
  );
  return { name, memory, bytes };
}

/** Microseconds of CPU per delivery, by name. */
async function costs(contenders: readonly Contender[]): Promise<Map<string, number>> {
  const spent = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const each of contenders) {
      for (let round = -WARM; round < ROUNDS; round += 1) {
        const cost = await once(each);
        if (round >= 0) spent.get(each.name)?.push(cost);
      }
    }
  }
  return new Map([...spent].map(([name, all]) => [name, median(all)]));
}

async function once(each: Contender): Promise<number> {
  const before = await each.order({ order: 'collect' });
  await each.publish(DATA);
  await each.received(CONNECTIONS);
  const after = await each.order({ order: 'usage' });
  return (after.cpu - before.cpu) / CONNECTIONS;
}

function figures(results: readonly Result[], costs: ReadonlyMap<string, number>): Figure[] {
  const costOf = (name: string) => costs.get(name) ?? Number.NaN;
  const shown = (name: string) => `${costOf(name).toFixed(2)} µs`;
  const each = results.flatMap(({ name, memory, bytes }): Figure[] => [
    {
      what: `CPU per delivery, over a bare socket.write: ${name}`,
      value: costOf(name) / costOf(BARE),
      ...{ unit: '×', detail: `${shown(name)} against ${shown(BARE)}; a frame of ${bytes} bytes` },
    },
    {
      what: `resident memory per connection with one subscription: ${name}`,
      ...{ value: memory, unit: 'KiB', detail: `${CONNECTIONS} connections` },
    },
  ]);
  const others = results.filter(({ name }) => name !== US).map(({ name }) => name);
  const cheapest = others.reduce((least, name) => (costOf(name) < costOf(least) ? name : least));
  const what = `CPU per delivery: ${US} over the cheapest of the others`;
  const value = costOf(US) / costOf(cheapest);
  return [...each, { what, value, unit: '×', atMost: 1, detail: `that is ${cheapest}` }];
}
