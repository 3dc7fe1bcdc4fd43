import { SHARDS } from '../../protocol/ring.ts';
import { pause, until } from '../deadline.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed } from '../processes/ring-view.ts';
import { atMost } from './demands.ts';
import { type Evidence, noGaps, resumedWithin } from './judges.ts';
import { leisurelyMovers, movers, patientMovers, placed, undisturbed } from './movers.ts';
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
/** Clients that come back, at least. */
const DROPS = 50;
const DROP_EVERY_MS = 30;
/**
 * Once to where it belongs, once for the gateway that joins, and for the one that leaves twice: to
 * any other while the ring is the old one, and then to the one that the new ring names.
 */
const MOST_MOVES = 4;
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
    bites: { moved: MOVERS / 5, share: 20, closed: 1 },
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
    ...leisurelyMovers,
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
    ...patientMovers,
    row: '7',
    title: 'clients come back while the ring changes, and changes again',
    settings: { placement: { key: 'query:key' } },
    bites: { dropped: DROPS, redirected: DROPS / 5 },
    inject: comeBack,
    judge: (run) => [
      ...noGaps(run),
      atMost('redirects after one hello', run.evidence['redirects'] ?? Number.NaN, 1),
      atMost('moves of one client', run.evidence['moves'] ?? Number.NaN, MOST_MOVES),
      atMost('disturbed otherwise', run.evidence['disturbed'] ?? Number.NaN, 0),
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
export async function drained(stage: Stage, leaver: GatewayProcess): Promise<void> {
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
  const share = Math.round((moved / stage.load.movers.length) * 100);
  return { moved, share, stayed: here.length - moved, closed: counts.closes.get(4000) ?? 0 };
}

/** Everybody goes where it belongs, and nobody else anywhere. */
async function scaleUp(stage: Stage): Promise<Evidence> {
  const { movers: clients } = stage.load;
  const before = new Map(clients.map((one) => [one, one.gateway]));
  const newcomer = await stage.join();
  const { members } = await agreed(stage.gateways);
  const owners = await placed(stage);
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
  await placed(stage);
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

/** Each loses its connection once, and comes back wherever the balancer sends it. */
async function comeBack(stage: Stage): Promise<Evidence> {
  const { counts } = stage.load;
  const before = counts.interrupted;
  const of = (count: (client: ClientSubscriber) => number) =>
    new Map(stage.load.movers.map((client) => [client, count(client)]));
  const [redirects, moves] = [of((one) => one.redirects), of((one) => one.moves)];
  const interrupted = of((one) => one.interrupted);
  const dropped: ClientSubscriber[] = [];
  const changes = changeTwice(stage);
  let changing = true;
  const over = changes.finally(() => {
    changing = false;
  });
  for (const client of stage.load.movers) {
    if (!changing && dropped.length >= DROPS) break;
    client.drop();
    dropped.push(client);
    await pause(DROP_EVERY_MS);
  }
  await over;
  await stage.recovered();
  const redirected = (one: ClientSubscriber) => one.redirects - (redirects.get(one) ?? 0);
  // It was dropped once; whatever else it lost made it say hello once more.
  const hellos = (one: ClientSubscriber) =>
    Math.max(1, one.interrupted - (interrupted.get(one) ?? 0));
  const moved = (one: ClientSubscriber) => one.moves - (moves.get(one) ?? 0);
  return {
    dropped: dropped.length,
    redirected: dropped.filter((one) => redirected(one) > 0).length,
    redirects: Math.max(...dropped.map((one) => redirected(one) - hellos(one) + 1)),
    moves: Math.max(...dropped.map(moved)),
    disturbed: Math.max(0, counts.interrupted - before - dropped.length),
  };
}

/** One joins, another one leaves. */
async function changeTwice(stage: Stage): Promise<void> {
  await stage.join();
  await agreed(stage.gateways);
  await drained(stage, stage.gateway(2));
  await agreed(stage.alive);
}
