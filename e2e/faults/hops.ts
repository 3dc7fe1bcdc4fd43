import { atMost } from './demands.ts';
import { type Evidence, noGaps, resumedWithin } from './judges.ts';
import { movers, undisturbed } from './movers.ts';
import { drained } from './rings.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of gateways that pass clients on to the ones that own them. */

const MOVERS = movers.shape.movers;
const PASSED = 'wscluster_proxied_connections';
/** Of a gateway's end: hundreds of clients come back at once, to what a busy machine may add. */
const RESUMED_MS = 5_000;

const hops = {
  ...movers,
  settings: { placement: { mode: 'Proxy', podEndpoint: 'none', key: 'query:key' } },
} as const;

export const hopRows: readonly Row[] = [
  {
    ...hops,
    row: '1p',
    title: 'a gateway is killed that owns clients, and passes on those of others',
    // Two thirds belong elsewhere; on a busy machine some owners are not reached in time.
    bites: { passed: MOVERS / 6, interrupted: MOVERS / 6 },
    inject: kill,
    judge: (run) => [...noGaps(run), ...resumedWithin(run, RESUMED_MS)],
  },
  {
    ...hops,
    row: '2p',
    title: 'a gateway is asked to leave (SIGTERM) that owns clients, and passes on those of others',
    bites: { passed: Math.floor(MOVERS / 9), moved: MOVERS / 6, closed: 1 },
    inject: drain,
    judge: (run) => [
      ...undisturbed(run),
      atMost('connections that broke without a close', run.counts.closes.get(1006) ?? 0, 0),
    ],
  },
];

async function passed({ gateways }: Stage, ...those: readonly number[]): Promise<number> {
  let sum = 0;
  for (const index of those) sum += (await gateways[index]?.metric(PASSED)) ?? 0;
  return sum;
}

async function kill(stage: Stage): Promise<Evidence> {
  const { counts } = stage.load;
  const [before, interrupted] = [await passed(stage, 0, 1, 2), counts.interrupted];
  const [victim, ...others] = stage.gateways;
  await victim?.kill();
  stage.route(others);
  await stage.recovered();
  return { passed: before, interrupted: counts.interrupted - interrupted };
}

async function drain(stage: Stage): Promise<Evidence> {
  const { counts, movers: all } = stage.load;
  const before = await passed(stage, 0);
  counts.closes.clear();
  await drained(stage, stage.gateway(0));
  await stage.recovered();
  const moved = all.filter(({ moves }) => moves > 0).length;
  return { passed: before, moved, closed: counts.closes.get(4000) ?? 0 };
}
