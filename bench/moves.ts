import { pause, until } from '../e2e/deadline.ts';
import { GatewayProcess } from '../e2e/processes/gateway-process.ts';
import { startRedis } from '../e2e/processes/redis-server.ts';
import { agreed } from '../e2e/processes/ring-view.ts';
import type { Figure, Measurement } from './figure.ts';
import { allDelivered, MovingClients, Traffic } from './moving-clients.ts';

const CLIENTS = 9_000;
const ROOMS = 90;
const PUBLISH_EVERY_MS = 50;
const CALM_MS = 15_000;
/** Of the setting; also its default. */
const MOVES_PER_SECOND = 200;
/** Of its share the gateway that came is to have, when the time is taken. */
const ENOUGH = 0.9;

/** What clients notice when a fourth gateway takes its share of three: nothing, and soon. */
export const moves: Measurement = {
  name: 'moves',
  text: '9,000 clients on three gateways; a fourth comes and takes its share',
  seconds: 60,
  async run(progress) {
    const redis = await startRedis();
    const gateways: GatewayProcess[] = [];
    const start = async (name: string) => {
      const placement = { podEndpoint: 'address' };
      const disruption = { movesPerSecond: MOVES_PER_SECOND };
      const settings = { redis: { url: redis.url }, placement, disruption };
      gateways.push(await GatewayProcess.start({ name, settings }));
    };
    try {
      for (const name of ['a', 'b', 'c']) await start(name);
      await agreed(gateways);
      const urls = gateways.map(({ url }) => url);
      const clients = new MovingClients({ urls, clients: CLIENTS, rooms: ROOMS });
      await clients.connect(progress);
      const measured = await measure(clients, gateways, () => start('d'));
      progress(measured.line);
      await clients.close();
      return figuresOf(measured);
    } finally {
      await Promise.all(gateways.map((gateway) => gateway.kill()));
      await redis.stop();
    }
  },
};

interface Measured {
  readonly calm: number;
  readonly moving: number;
  /** From the ring of four until the fourth has enough, s. */
  readonly seconds: number;
  readonly share: number;
  /** Not delivered, or delivered more than once. */
  readonly amiss: number;
  /** Clients that moved elsewhere than to the fourth, or more than once, or were interrupted. */
  readonly disturbed: number;
  readonly line: string;
}

async function measure(
  clients: MovingClients,
  gateways: readonly GatewayProcess[],
  join: () => Promise<void>,
): Promise<Measured> {
  const [first] = gateways as [GatewayProcess];
  const traffic = new Traffic(first.http, clients.rooms, PUBLISH_EVERY_MS);
  await pause(CALM_MS);
  const calm = p99(clients.latencies);
  await join();
  const fourth = gateways.at(-1) as GatewayProcess;
  const { members } = await agreed(gateways);
  const shards = members.reduce((sum, member) => sum + member.shards, 0);
  const own = members.find(({ id }) => id === fourth.name)?.shards ?? 0;
  const share = (CLIENTS * own) / shards;
  const began = performance.now();
  clients.latencies = [];
  const there = () => clients.moves.filter((way) => way.length > 0).length;
  await until(() => there() >= ENOUGH * share, {
    for: () => `${ENOUGH * share} clients at the gateway that came, ${there()} so far`,
    deadlineMs: 60_000,
  });
  const seconds = (performance.now() - began) / 1_000;
  const moving = p99(clients.latencies);
  await traffic.end();
  const due = traffic.published * (CLIENTS / ROOMS);
  await allDelivered(clients, due);
  const astray = clients.moves.filter(
    (way) => way.length > 1 || (way.length === 1 && way[0] !== fourth.name),
  );
  const line =
    `p99 ${calm.toFixed(1)} ms without moves, ${moving.toFixed(1)} ms beside ${there()}; ` +
    `${traffic.published} messages, ${due} deliveries`;
  const amiss = Math.abs(clients.received - due);
  const disturbed = astray.length + clients.interrupted;
  return { calm, moving, seconds, share, amiss, disturbed, line };
}

function figuresOf(measured: Measured): readonly Figure[] {
  const { calm, moving, seconds, share, amiss, disturbed, line } = measured;
  return [
    {
      what: 'delivery latency p99 while clients move, over that without moves',
      ...{ value: moving / calm, unit: '×', atMost: 3, detail: line },
    },
    {
      what: `time until the fourth has ${ENOUGH * 100} % of its share, over share / movesPerSecond`,
      ...{ value: seconds / (share / MOVES_PER_SECOND), unit: '×', atMost: 1.2 },
      detail: `${seconds.toFixed(1)} s for a share of ${Math.round(share)} clients`,
    },
    {
      what: 'deliveries missing or twice',
      ...{ value: amiss, unit: '', atMost: 0, detail: line },
    },
    {
      what: 'clients that were interrupted, or moved elsewhere than to the fourth',
      ...{ value: disturbed, unit: '', atMost: 0, detail: `of ${CLIENTS}` },
    },
  ];
}

function p99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.floor(sorted.length * 0.99)];
  if (value === undefined) throw new Error('the p99 of nothing');
  return value;
}
