import { ownerOf, type Ring, shardOf } from '../../protocol/ring.ts';
import { until } from '../deadline.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import { ringOnBoard } from './board.ts';
import { atMost, type Demand } from './demands.ts';
import { noGaps, type Run } from './judges.ts';
import type { Stage } from './stage.ts';

/** A client that was asked and did not go is asked again after a minute and a half. */
export const PLACED_MS = 120_000;

/** Clients find a frozen gateway silent after 2.5 heartbeats; the rest is a busy machine. */
export const SILENT_MS = 15_000;

/** A row with many clients that can move, each with little to do. */
export const movers = {
  store: 'memory',
  ring: true,
  shape: {
    ...{ topics: 6, publishers: 12, subscribers: 24, topicsEach: 1, everyMs: 80 },
    movers: 300,
  },
  // A process with thousands of clients, beside four gateways on two cores, is late at times.
  large: {
    shape: { movers: 3_000, everyMs: 800 },
    settings: { edge: { heartbeatMs: 4_000 } },
  },
  volume: 2,
} as const;

/** The same where the fault takes its time: with a quarter of the traffic in between. */
export const patientMovers = {
  ...movers,
  shape: { ...movers.shape, everyMs: 320 },
} as const;

/** Clients that can move notice nothing. */
export function undisturbed(run: Run): Demand[] {
  return [
    ...noGaps(run),
    atMost('times that a client which can move was not connected', run.counts.interrupted, 0),
  ];
}

export type KeyOf = (client: ClientSubscriber) => string;

/** Without a key of its own, a client is placed by its session. */
const bySession: KeyOf = ({ session = '' }) => session;
/** Where `placement.key` is `query:key`. */
export const byName: KeyOf = ({ name }) => name;

/** Where clients belong by a ring. */
export function ownersBy(
  ring: Ring,
  clients: readonly ClientSubscriber[],
  keyOf: KeyOf = bySession,
): ReadonlyMap<ClientSubscriber, string> {
  return new Map(clients.map((one) => [one, ownerOf(ring, shardOf(keyOf(one))).id]));
}

/** Everybody who can move is where it belongs by the ring on the board, which all must have. */
export async function placed(
  stage: Stage,
  keyOf?: KeyOf,
): Promise<ReadonlyMap<ClientSubscriber, string>> {
  const { movers: clients } = stage.load;
  const ring = await ringOnBoard(stage);
  const owners = ownersBy(ring, clients, keyOf);
  const astray = () => clients.filter((one) => one.gateway !== owners.get(one));
  await until(() => astray().length === 0, {
    for: () => `${astray().length} clients to be where they belong`,
    deadlineMs: PLACED_MS,
  });
  return owners;
}

export interface Returned {
  readonly dropped: number;
  /** The most after one hello. */
  readonly redirects: number;
  /** How often anybody was not connected, beyond what was done to it. */
  disturbed(): number;
}

/** Everybody of these loses its connection at once; until all are back, where `isHome` says. */
export async function returned(
  { load }: Stage,
  clients: readonly ClientSubscriber[],
  isHome: (client: ClientSubscriber) => boolean,
): Promise<Returned> {
  const { interrupted } = load.counts;
  const redirects = new Map(clients.map((one) => [one, one.redirects]));
  for (const client of clients) client.drop();
  const disturbed = () => load.counts.interrupted - interrupted - clients.length;
  await until(() => disturbed() >= 0, {
    for: 'everybody who lost its connection to notice',
    deadlineMs: PLACED_MS,
  });
  await until(() => load.attached() && load.movers.every(isHome), {
    for: () => `${load.movers.filter((one) => !isHome(one)).length} clients to be back at home`,
    deadlineMs: PLACED_MS,
  });
  const most = clients.map((one) => one.redirects - (redirects.get(one) ?? 0));
  return { dropped: clients.length, redirects: Math.max(...most), disturbed };
}
