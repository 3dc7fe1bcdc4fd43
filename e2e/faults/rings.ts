import { SHARDS } from '../../protocol/ring.ts';
import { until } from '../deadline.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed } from '../processes/ring-view.ts';
import { atMost } from './demands.ts';
import { type Evidence, noGaps, resumedWithin } from './judges.ts';
import { movers, placed, undisturbed } from './movers.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of the ring: gateways come and go, and clients follow. */

const MOVERS = movers.shape.movers;
/** More than a drain may take. */
const DRAINED_MS = 60_000;
/** Of the clients, beyond the share of a gateway that joins. */
const BEYOND = 10;

const NEWER = 'wscluster_ring_documents_total{outcome="newer"}';
/** One that leaves, one that comes, one that leaves: no more for that. */
const RINGS = 3;
/** A hundred clients take some seconds to go. */
const SLOW_MOVES = 20;
/** So many have gone, and so many are still there. */
const HALFWAY = MOVERS / 15;
/** Of a gateway's end: hundreds of clients come back at once, to what a busy machine may add. */
const RESUMED_MS = 5_000;

export const ringRows: readonly Row[] = [
  {
    ...movers,
    row: '2m',
    title: 'a gateway is asked to leave (SIGTERM), and most of its clients can move',
    bites: { moved: MOVERS / 5, closed: 1 },
    inject: drain,
    judge: (run) => [
      ...undisturbed(run),
      atMost('clients that did not move', run.evidence['stayed'] ?? Number.NaN, 0),
      atMost('connections that broke without a close', run.counts.closes.get(1006) ?? 0, 0),
      atMost('repeats', run.figures.wireDuplicates, 0),
      atMost('publishes not answered', run.counts.askedAgain, 0),
    ],
  },
  {
    ...movers,
    row: '5',
    title: 'a gateway joins',
    bites: { moved: MOVERS / 6, shards: Math.floor(SHARDS / 4) },
    inject: scaleUp,
    judge: (run) => [
      ...undisturbed(run),
      atMost('reconnects', run.counts.reconnects, 0),
      atMost('moved, % of the clients', run.evidence['share'] ?? Number.NaN, 100 / 4 + BEYOND),
      atMost('moved without need', run.evidence['needless'] ?? Number.NaN, 0),
    ],
  },
  {
    ...movers,
    row: '6',
    title: 'a gateway leaves, comes back, and leaves again',
    bites: { moved: MOVERS / 5, left: 2, rings: RINGS },
    inject: flap,
    judge: (run) => [
      ...undisturbed(run),
      atMost('connections that broke without a close', run.counts.closes.get(1006) ?? 0, 0),
      atMost('rings', run.evidence['rings'] ?? Number.NaN, RINGS),
    ],
  },
  {
    ...movers,
    row: '2c',
    title: 'a gateway that lets its clients go is killed',
    settings: { disruption: { movesPerSecond: SLOW_MOVES } },
    bites: { moved: HALFWAY, interrupted: HALFWAY },
    inject: crashInDrain,
    judge: (run) => [
      ...noGaps(run),
      ...resumedWithin(run, RESUMED_MS),
      atMost('clients disturbed that had gone', run.evidence['disturbed'] ?? Number.NaN, 0),
    ],
  },
];

/** It ends by itself when it is empty; returns when it has, with 0. */
async function drained(stage: Stage, leaver: GatewayProcess): Promise<void> {
  const end = leaver.terminate(DRAINED_MS);
  await until(async () => !(await leaver.ready()), {
    for: `${leaver.name} to say that it is not ready`,
    deadlineMs: DRAINED_MS,
  });
  stage.route(stage.alive.filter((gateway) => gateway !== leaver));
  const exit = await end;
  if (exit?.code === 0) return;
  throw new Error(`${leaver.name} ended with ${JSON.stringify(exit)}\n${leaver.output}`);
}

async function drain(stage: Stage): Promise<Evidence> {
  const { counts } = stage.load;
  const leaver = stage.gateway(0);
  const here = stage.load.movers.filter(({ gateway }) => gateway === leaver.name);
  counts.closes.clear();
  await drained(stage, leaver);
  await stage.recovered();
  const moved = here.filter(({ moves }) => moves > 0).length;
  return { moved, stayed: here.length - moved, closed: counts.closes.get(4000) ?? 0 };
}

/** Everybody goes where it belongs, and nobody else anywhere. */
async function scaleUp(stage: Stage): Promise<Evidence> {
  const { movers: clients } = stage.load;
  const before = new Map(clients.map((one) => [one, one.gateway]));
  const newcomer = await stage.join();
  const { members } = await agreed(stage.gateways);
  const owners = await placed(stage, newcomer);
  const moved = clients.filter(({ moves }) => moves > 0);
  const due = moved.filter((one) => one.moves === 1 && owners.get(one) !== before.get(one));
  return {
    moved: due.length,
    needless: moved.length - due.length,
    share: Math.round((moved.length / clients.length) * 100),
    shards: members.find(({ id }) => id === newcomer.name)?.shards ?? 0,
  };
}

async function flap(stage: Stage): Promise<Evidence> {
  const [stays, , flapper] = stage.gateways as [GatewayProcess, GatewayProcess, GatewayProcess];
  const { counts } = stage.load;
  counts.closes.clear();
  const before = { rings: await stays.metric(NEWER), moves: counts.moves };
  await drained(stage, flapper);
  await agreed(stage.alive);
  await flapper.restart();
  stage.route(stage.gateways);
  await agreed(stage.gateways);
  await placed(stage, stays);
  await drained(stage, flapper);
  await agreed(stage.alive);
  await stage.recovered();
  const rings = ((await stays.metric(NEWER)) ?? 0) - (before.rings ?? 0);
  return { left: 2, rings, moved: counts.moves - before.moves };
}

/** Some of its clients have gone by then, some are on their way, and some were not asked yet. */
async function crashInDrain(stage: Stage): Promise<Evidence> {
  const { counts } = stage.load;
  const leaver = stage.gateway(0);
  const here = stage.load.movers.filter(({ gateway }) => gateway === leaver.name);
  const gone = () => here.filter(({ gateway }) => gateway !== leaver.name);
  const end = leaver.terminate(DRAINED_MS);
  await until(() => gone().length >= HALFWAY, {
    for: () => `${HALFWAY} clients to go, ${gone().length} did`,
    deadlineMs: DRAINED_MS,
    everyMs: 5,
  });
  const before = { gone: gone(), interrupted: counts.interrupted };
  stage.route(stage.gateways.slice(1));
  await leaver.kill();
  await end;
  await stage.recovered();
  return {
    moved: before.gone.length,
    interrupted: counts.interrupted - before.interrupted,
    disturbed: before.gone.filter(({ interrupted }) => interrupted > 0).length,
  };
}
