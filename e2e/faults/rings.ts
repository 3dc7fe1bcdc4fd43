import { SHARDS } from '../../protocol/ring.ts';
import { until } from '../deadline.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import type { LoadShape } from '../load/load.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed, ownerOf } from '../processes/ring-view.ts';
import { atMost, type Demand } from './demands.ts';
import { type Evidence, noGaps, type Run } from './judges.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of the ring: gateways come and go, and clients follow. */

const MOVERS = 300;
/** Many clients that can move, each with little to do. */
const movers: Partial<LoadShape> = {
  ...{ topics: 6, publishers: 12, subscribers: 24, topicsEach: 1, everyMs: 80 },
  movers: MOVERS,
};
/** A client that was asked and did not go is asked again after a minute and a half. */
const PLACED_MS = 120_000;
/** More than a drain may take. */
const DRAINED_MS = 60_000;
/** Of the clients, beyond the share of a gateway that joins. */
const BEYOND = 10;

const ring = { store: 'memory', ring: true, shape: movers, volume: 2 } as const;

export const ringRows: readonly Row[] = [
  {
    ...ring,
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
    ...ring,
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
];

/** Clients that can move notice nothing. */
function undisturbed(run: Run): Demand[] {
  return [
    ...noGaps(run),
    atMost('times that a client which can move was not connected', run.counts.interrupted, 0),
  ];
}

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
  const { counts, movers } = stage.load;
  const leaver = stage.gateway(0);
  const here = movers.filter(({ gateway }) => gateway === leaver.name);
  counts.closes.clear();
  await drained(stage, leaver);
  await stage.recovered();
  const moved = here.filter(({ moves }) => moves > 0).length;
  return { moved, stayed: here.length - moved, closed: counts.closes.get(4000) ?? 0 };
}

/** Everybody goes where it belongs, and nobody else anywhere. */
async function scaleUp(stage: Stage): Promise<Evidence> {
  const { movers } = stage.load;
  const before = new Map(movers.map((one) => [one, one.gateway]));
  const newcomer = await stage.join();
  const { members } = await agreed(stage.gateways);
  const owners = await ownersOf(movers, newcomer);
  const astray = () => movers.filter((one) => one.gateway !== owners.get(one));
  await until(() => astray().length === 0, {
    for: () => `${astray().length} clients to be where they belong`,
    deadlineMs: PLACED_MS,
  });
  const moved = movers.filter(({ moves }) => moves > 0);
  const due = moved.filter((one) => one.moves === 1 && owners.get(one) !== before.get(one));
  return {
    moved: due.length,
    needless: moved.length - due.length,
    share: Math.round((moved.length / movers.length) * 100),
    shards: members.find(({ id }) => id === newcomer.name)?.shards ?? 0,
  };
}

async function ownersOf(
  clients: readonly ClientSubscriber[],
  gateway: GatewayProcess,
): Promise<ReadonlyMap<ClientSubscriber, string | undefined>> {
  const owners = clients.map(
    async (one) => [one, await ownerOf(gateway, one.session ?? '')] as const,
  );
  return new Map(await Promise.all(owners));
}
