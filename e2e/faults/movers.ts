import { ownerOf, type Ring, shardOf } from '../../protocol/ring.ts';
import { until } from '../deadline.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import { ringOnBoard } from './board.ts';
import { atMost, type Demand } from './demands.ts';
import { noGaps, type Run } from './judges.ts';
import type { Stage } from './stage.ts';

/** A client that was asked and did not go is asked again after a minute and a half. */
export const PLACED_MS = 120_000;
const EXAMPLES = 5;

/** Clients find a frozen gateway silent after 2.5 heartbeats; the rest is a busy machine. */
export const SILENT_MS = 15_000;

/** A row with many clients that can move, each with little to do. */
export const movers = {
  store: 'memory',
  ring: true,
  shape: {
    ...{ topics: 6, publishers: 12, subscribers: 24, topicsEach: 1, everyMs: 200 },
    movers: 300,
  },
  // A process with thousands of clients, beside four gateways on two cores, is late at times.
  large: {
    shape: { movers: 3_000, everyMs: 800 },
    settings: { edge: { heartbeatMs: 4_000 } },
  },
  volume: 2,
} as const;

/** The same with less traffic: one message of a publisher in so many ms. */
const every = (everyMs: number) => ({ ...movers, shape: { ...movers.shape, everyMs } });

/** Where the fault takes its time. */
export const patientMovers = every(320);

/** Where it takes a quarter of a minute. */
export const leisurelyMovers = every(600);

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

/**
 * Everybody of these is where it belongs by the ring on the board. On a busy machine a gateway may
 * look gone meanwhile, and then there is another ring.
 */
export async function placed(
  stage: Stage,
  keyOf?: KeyOf,
  clients: readonly ClientSubscriber[] = stage.load.movers,
): Promise<ReadonlyMap<ClientSubscriber, string>> {
  let owners: ReadonlyMap<ClientSubscriber, string> = new Map();
  const astray = () => clients.filter((one) => one.gateway !== owners.get(one));
  const sample = () =>
    astray()
      .slice(0, EXAMPLES)
      .map((one) => `${one.name} of ${owners.get(one)} at ${one.gateway}, moves: ${one.moves}`);
  await until(
    async () => {
      owners = ownersBy(await ringOnBoard(stage), clients, keyOf);
      return astray().length === 0;
    },
    {
      for: () => `${astray().length} clients to be where they belong: ${sample().join('; ')}`,
      deadlineMs: PLACED_MS,
      everyMs: 200,
    },
  );
  return owners;
}

export interface Returned {
  readonly dropped: number;
  /** The most after one hello. */
  readonly redirects: number;
  /** How often anybody was not connected, beyond what was done to it. */
  disturbed(): number;
}

/** Everybody of these loses its connection at once; until all are back, and at home then. */
export async function returned(
  { load }: Stage,
  clients: readonly ClientSubscriber[],
  home: () => Promise<unknown>,
): Promise<Returned> {
  const { interrupted } = load.counts;
  const redirects = new Map(clients.map((one) => [one, one.redirects]));
  for (const client of clients) client.drop();
  const disturbed = () => load.counts.interrupted - interrupted - clients.length;
  await until(() => disturbed() >= 0, {
    for: 'everybody who lost its connection to notice',
    deadlineMs: PLACED_MS,
  });
  await until(() => load.attached(), { for: 'everybody to be back', deadlineMs: PLACED_MS });
  await home();
  const most = clients.map((one) => one.redirects - (redirects.get(one) ?? 0));
  return { dropped: clients.length, redirects: Math.max(...most), disturbed };
}
