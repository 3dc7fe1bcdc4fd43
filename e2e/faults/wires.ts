import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed } from '../processes/ring-view.ts';
import { atMost } from './demands.ts';
import { type Evidence, noGaps } from './judges.ts';
import { leisurelyMovers } from './movers.ts';
import { drained } from './rings.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of the network between clients and gateways. */

const LOSS = 0.3;
/** Each way. */
const DELAY_MS = 100;
const CLIENTS = 60;
/** Clients find a silent connection dead after two and a half heartbeats of six seconds. */
const SILENCE_MS = 40_000;

export const wireRows: readonly Row[] = [
  {
    ...leisurelyMovers,
    row: '2n',
    title:
      'a gateway is asked to leave (SIGTERM) while 30 % of packets are lost, the rest 100 ms late',
    wired: true,
    shape: { ...leisurelyMovers.shape, movers: CLIENTS },
    large: { shape: { everyMs: 60 } },
    // A TCP that sees so much loss is silent for seconds, and that must be none of its ends.
    settings: {
      placement: { key: 'query:key' },
      edge: { heartbeatMs: 6_000, drainDeadlineMs: 25_000 },
    },
    expect: { silenceMs: SILENCE_MS },
    bites: { lost: 300, moved: CLIENTS / 12, left: 1 },
    inject: drainThroughLoss,
    judge: (run) => [
      ...noGaps(run),
      atMost('clients left behind', run.evidence['behind'] ?? Number.NaN, 0),
    ],
  },
];

async function drainThroughLoss(stage: Stage): Promise<Evidence> {
  const { load, wire } = stage;
  const leaver = stage.gateway(0) as GatewayProcess;
  const here = load.movers.filter(({ gateway }) => gateway === leaver.name);
  const moves = new Map(here.map((one) => [one, one.moves]));
  const { interrupted } = load.counts;
  const before = await wire.be(LOSS, DELAY_MS);
  const begin = performance.now();
  await drained(stage, leaver);
  const drainedMs = Math.round(performance.now() - begin);
  const after = await wire.be(0, 0);
  await agreed(stage.alive);
  await stage.recovered();
  return {
    lost: after.lost - before.lost,
    passed: after.passed - before.passed,
    moved: here.filter((one) => one.moves > (moves.get(one) ?? 0)).length,
    interrupted: load.counts.interrupted - interrupted,
    left: leaver.exit?.code === 0 ? 1 : 0,
    behind: here.filter(({ gateway }) => gateway === leaver.name).length,
    drainedMs,
  };
}
