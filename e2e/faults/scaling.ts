import { movedShards, type Ring, SHARDS } from '../../protocol/ring.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed } from '../processes/ring-view.ts';
import { ringOnBoard } from './board.ts';
import { atMost } from './demands.ts';
import type { Evidence } from './judges.ts';
import { byName, movers, ownersBy, placed, undisturbed } from './movers.ts';
import { drained } from './rings.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Gateways come one after the other, and then the oldest leave. */

const CLIENTS = 200;

export const scalingRows: readonly Row[] = [
  {
    ...movers,
    row: '6s',
    title: 'two gateways become four and then two again',
    gateways: 2,
    shape: { ...movers.shape, movers: CLIENTS, everyMs: 700 },
    // As in production, all have the ring without the one that leaves before it asks anybody to go:
    // who comes by a move to somebody who does not own it stays there until the next ring.
    settings: { placement: { key: 'query:key' }, edge: { drainGraceMs: 3_000 } },
    // A third of the clients for the third gateway, a quarter for the fourth, and back again.
    bites: { joined: 2, left: 2, moved: CLIENTS / 2, home: CLIENTS },
    inject: scale,
    judge: (run) => [
      ...undisturbed(run),
      atMost('clients moved whose owner is the same', run.evidence['needless'] ?? Number.NaN, 0),
      atMost('shards moved beyond the fewest', run.evidence['beyond'] ?? Number.NaN, 1),
      atMost('connections that broke without a close', run.counts.closes.get(1006) ?? 0, 0),
    ],
  },
];

interface Change {
  readonly moved: number;
  readonly needless: number;
  readonly beyond: number;
}

async function scale(stage: Stage): Promise<Evidence> {
  await placed(stage, byName);
  stage.load.counts.closes.clear();
  const join = () => stage.join();
  const leave = (leaver: GatewayProcess) => () => drained(stage, leaver);
  const [first, second] = stage.gateways as [GatewayProcess, GatewayProcess];
  const changes: Change[] = [];
  for (const step of [join, join, leave(first), leave(second)]) {
    changes.push(await changed(stage, step));
  }
  await stage.recovered();
  const owners = await placed(stage, byName);
  const sum = (of: keyof Change) => changes.reduce((total, change) => total + change[of], 0);
  return {
    joined: stage.gateways.length - 2,
    // `drained` sees to it that they end by themselves, with 0.
    left: stage.gateways.length - stage.alive.length,
    moved: sum('moved'),
    needless: sum('needless'),
    beyond: Math.max(...changes.map(({ beyond }) => beyond)),
    home: [...owners].filter(([client, owner]) => client.gateway === owner).length,
  };
}

/** From a ring that all have to the next, and until everybody is where that says. */
async function changed(stage: Stage, step: () => Promise<unknown>): Promise<Change> {
  const { movers: clients } = stage.load;
  const before = await ringOnBoard(stage);
  const owners = ownersBy(before, clients, byName);
  const moves = new Map(clients.map((one) => [one, one.moves]));
  await step();
  await agreed(stage.alive);
  const after = await ringOnBoard(stage);
  const nowOwners = await placed(stage, byName);
  const moved = clients.filter((one) => one.moves > (moves.get(one) ?? 0));
  const isDue = (one: ClientSubscriber) => owners.get(one) !== nowOwners.get(one);
  return {
    moved: moved.length,
    needless: moved.filter((one) => !isDue(one)).length,
    beyond: movedShards(before, after) - fewest(before, after),
  };
}

/** Whoever leaves gives away all that it had, whoever comes gets the floor of its share. */
function fewest(before: Ring, after: Ring): number {
  const ids = ({ members }: Ring) => new Set(members.map(({ id }) => id));
  const [old, now] = [ids(before), ids(after)];
  const orphans = before.owners.filter((at) => !now.has(before.members[at]?.id ?? '')).length;
  const comers = [...now].filter((id) => !old.has(id)).length;
  return Math.max(orphans, comers * Math.floor(SHARDS / now.size));
}
