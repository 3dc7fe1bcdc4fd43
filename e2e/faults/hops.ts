import { until } from '../deadline.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { atMost } from './demands.ts';
import { type Evidence, noGaps, resumedWithin } from './judges.ts';
import { movers, PLACED_MS, undisturbed } from './movers.ts';
import { drained } from './rings.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of gateways that pass clients on to the ones that own them. */

const MOVERS = movers.shape.movers;
const PASSED = 'wscluster_proxied_connections';
/** Two thirds belong elsewhere: of all three gateways, and of each. */
const PASSED_BY = { all: MOVERS / 6, each: Math.floor(MOVERS / 9) };
/** An owner that did not get the processor for a moment must not look gone. */
const ANSWER_MS = 5_000;
/** Of a gateway's end: hundreds of clients come back at once, to what a busy machine may add. */
const RESUMED_MS = 5_000;

const hops = {
  ...movers,
  // Two connections each, and two thirds of them a third one between gateways.
  large: { ...movers.large, shape: { movers: 1_000, everyMs: 270 } },
  settings: {
    placement: {
      ...{ mode: 'Proxy', podEndpoint: 'none', key: 'query:key' },
      proxyTimeoutMs: ANSWER_MS,
    },
  },
} as const;

export const hopRows: readonly Row[] = [
  {
    ...hops,
    row: '1p',
    title: 'a gateway is killed that owns clients, and passes on those of others',
    bites: { passed: PASSED_BY.all, interrupted: MOVERS / 6 },
    inject: kill,
    judge: (run) => [...noGaps(run), ...resumedWithin(run, RESUMED_MS)],
  },
  {
    ...hops,
    row: '2p',
    title: 'a gateway is asked to leave (SIGTERM) that owns clients, and passes on those of others',
    largeOnly: true,
    bites: { passed: PASSED_BY.each, moved: MOVERS / 6, closed: 1 },
    inject: drain,
    judge: (run) => [
      ...undisturbed(run),
      atMost('connections that broke without a close', run.counts.closes.get(1006) ?? 0, 0),
    ],
  },
];

/**
 * Clients that these gateways pass on, once there are enough. When hundreds arrive at a busy
 * machine an owner may not answer in time: then it is left alone, and they go home a minute later.
 */
async function passed(those: readonly GatewayProcess[], least: number): Promise<number> {
  const sum = async () => {
    const counts = await Promise.all(those.map((gateway) => gateway.metric(PASSED)));
    return counts.reduce<number>((all, count) => all + (count ?? 0), 0);
  };
  let seen = 0;
  await until(
    async () => {
      seen = await sum();
      return seen >= least;
    },
    {
      for: () => `${least} clients to be passed on, ${seen} are`,
      deadlineMs: PLACED_MS,
      everyMs: 100,
    },
  );
  return seen;
}

async function kill(stage: Stage): Promise<Evidence> {
  const { counts } = stage.load;
  const [before, interrupted] = [await passed(stage.gateways, PASSED_BY.all), counts.interrupted];
  const [victim, ...others] = stage.gateways;
  await victim?.kill();
  stage.route(others);
  await stage.recovered();
  return { passed: before, interrupted: counts.interrupted - interrupted };
}

async function drain(stage: Stage): Promise<Evidence> {
  const { counts, movers: all } = stage.load;
  const before = await passed([stage.gateway(0)], PASSED_BY.each);
  counts.closes.clear();
  await drained(stage, stage.gateway(0));
  await stage.recovered();
  const moved = all.filter(({ moves }) => moves > 0).length;
  return { passed: before, moved, closed: counts.closes.get(4000) ?? 0 };
}
