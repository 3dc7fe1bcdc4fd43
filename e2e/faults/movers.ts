import { until } from '../deadline.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { ownerOf } from '../processes/ring-view.ts';
import { atMost, type Demand } from './demands.ts';
import { noGaps, type Run } from './judges.ts';
import type { Stage } from './stage.ts';

/** A client that was asked and did not go is asked again after a minute and a half. */
const PLACED_MS = 120_000;

/** A row with many clients that can move, each with little to do. */
export const movers = {
  store: 'memory',
  ring: true,
  shape: {
    ...{ topics: 6, publishers: 12, subscribers: 24, topicsEach: 1, everyMs: 80 },
    movers: 300,
  },
  volume: 2,
} as const;

/** Clients that can move notice nothing. */
export function undisturbed(run: Run): Demand[] {
  return [
    ...noGaps(run),
    atMost('times that a client which can move was not connected', run.counts.interrupted, 0),
  ];
}

/** Everybody who can move is where it belongs, as this gateway knows it. */
export async function placed(
  { load: { movers } }: Stage,
  gateway: GatewayProcess,
): Promise<ReadonlyMap<ClientSubscriber, string | undefined>> {
  const owners = new Map(
    await Promise.all(
      movers.map(async (one) => [one, await ownerOf(gateway, one.session ?? '')] as const),
    ),
  );
  const astray = () => movers.filter((one) => one.gateway !== owners.get(one));
  await until(() => astray().length === 0, {
    for: () => `${astray().length} clients to be where they belong`,
    deadlineMs: PLACED_MS,
  });
  return owners;
}
