import { until } from '../e2e/deadline.ts';
import { startRedis } from '../e2e/processes/redis-server.ts';
import { type Figure, type Measurement, median } from './figure.ts';
import { DATA, FRAME } from './message.ts';
import { Stage } from './stage.ts';

const CONNECTIONS = 2_000;
const ROUNDS = 12;
const SETTLE_MS = 3_000;

/**
 * What it costs the gateway between that it passes clients on: its CPU per message, beside a bare
 * loop of `socket.write` to the same clients, and its memory per client.
 */
export const proxy: Measurement = {
  name: 'proxy',
  text: '2,000 clients passed on to their owner: CPU per message and memory of the one between',
  seconds: 25,
  async run(progress) {
    const redis = await startRedis();
    const stages: Stage[] = [];
    try {
      const between = await Stage.open(redis.url, 'proxy');
      stages.push(between);
      const owner = await Stage.open(redis.url, 'proxy');
      stages.push(owner);
      for (const stage of stages) {
        const both = async () => (await stage.metric('wscluster_ring_members')) === 2;
        await until(both, { for: 'a ring of two', deadlineMs: 60_000, everyMs: 200 });
      }
      between.path = `/ws?room=${await roomOf(owner)}`;
      return await measured(between, owner, progress);
    } finally {
      for (const stage of stages) stage.close();
      await redis.stop();
    }
  },
};

/** A key that belongs to that gateway. */
async function roomOf({ port }: Stage): Promise<string> {
  for (let n = 0; n < 1_000; n += 1) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/route?key=r${n}`);
    const { owner } = (await response.json()) as { owner: string };
    if (owner === `bench-${port}`) return `r${n}`;
  }
  throw new Error('no room belongs to it');
}

async function measured(between: Stage, owner: Stage, progress: (line: string) => void) {
  const empty = await between.order({ order: 'collect' });
  await between.connect(CONNECTIONS, 'room');
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const full = await between.order({ order: 'collect' });
  const passedOn = await between.metric('wscluster_proxied_connections');
  if (passedOn !== CONNECTIONS) throw new Error(`${passedOn} of ${CONNECTIONS} are passed on`);
  const each = (full.rss - empty.rss) / CONNECTIONS / 1_024;
  const rounds: { bare: number; passing: number; serving: number }[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const bare = await costs([between], async () => {
      await between.order({ order: 'write', frame: FRAME });
      await between.received(CONNECTIONS);
    });
    const both = await costs([between, owner], async () => {
      await owner.send([{ topic: 'room', data: DATA }]);
      await between.received(CONNECTIONS);
    });
    // The first warms both up.
    if (round === 0) continue;
    rounds.push({ bare: bare[0] ?? 0, passing: both[0] ?? 0, serving: both[1] ?? 0 });
  }
  const of = (name: 'bare' | 'passing' | 'serving') => median(rounds.map((round) => round[name]));
  const detail =
    `${of('passing').toFixed(2)} µs against ${of('bare').toFixed(2)} µs; ` +
    `the owner's own ${of('serving').toFixed(2)} µs`;
  progress(`${CONNECTIONS} clients: ${detail}; ${each.toFixed(2)} KiB each`);
  const figures: Figure[] = [
    {
      what: 'CPU of the gateway between per message that it passes on, over a bare socket.write',
      value: median(rounds.map(({ passing, bare }) => passing / bare)),
      ...{ unit: '×', atMost: 2, detail },
    },
    {
      what: 'resident memory of the gateway between per client that it passes on',
      value: each,
      ...{ unit: 'KiB', atMost: 20, detail: `${CONNECTIONS} clients, two sockets each` },
    },
  ];
  return figures;
}

/** Microseconds of each gateway per client. */
async function costs(stages: readonly Stage[], step: () => Promise<void>): Promise<number[]> {
  const before: number[] = [];
  for (const stage of stages) before.push((await stage.order({ order: 'collect' })).cpu);
  await step();
  const spent: number[] = [];
  for (const [index, stage] of stages.entries()) {
    const { cpu } = await stage.order({ order: 'usage' });
    spent.push((cpu - (before[index] ?? 0)) / CONNECTIONS);
  }
  return spent;
}
