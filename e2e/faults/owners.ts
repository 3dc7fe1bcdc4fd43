import { SHARDS } from '../../protocol/ring.ts';
import { until } from '../deadline.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed } from '../processes/ring-view.ts';
import { ringOnBoard } from './board.ts';
import { atMost } from './demands.ts';
import { type Evidence, noGaps } from './judges.ts';
import {
  byName,
  leisurelyMovers,
  movers,
  ownersBy,
  PLACED_MS,
  placed,
  returned,
} from './movers.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults in which gateways disagree about who owns what. */

/** Each of three gateways has as many clients of whom two say that they are theirs, at least. */
const SHARE = movers.shape.movers / 20;

export const ownerRows: readonly Row[] = [
  {
    ...leisurelyMovers,
    row: '8',
    title: 'a gateway that does not reach the board and another one own the same shards',
    proxied: true,
    // Half of them come back to the one that moves them the slowest, as long as it has no board.
    settings: { placement: { key: 'query:key' }, disruption: { movesPerSecond: 10_000 } },
    bites: { claimed: Math.floor(SHARDS / 3), kept: SHARE, taken: SHARE },
    inject: divide,
    judge: (run) => [
      ...noGaps(run),
      atMost('redirects after one hello', run.evidence['redirects'] ?? Number.NaN, 1),
      atMost('disturbed otherwise', run.evidence['disturbed'] ?? Number.NaN, 0),
    ],
  },
];

/** Two rings at once: clients come back in between, and all go home afterwards. */
async function divide(stage: Stage): Promise<Evidence> {
  const { load } = stage;
  const [alone, ...others] = stage.gateways as [GatewayProcess, ...GatewayProcess[]];
  const { digest } = await agreed(stage.gateways);
  const old = await ringOnBoard(stage);
  const its = ownersBy(old, load.movers, byName);
  stage.proxy(0).refuseThose(`${alone.name}-ring`);
  await agreed(others);
  const theirs = ownersBy(await ringOnBoard(stage), load.movers, byName);
  // Who is not at home by then tried in vain, and is not asked again so soon.
  const returning = load.movers.filter((one, at) => at % 2 === 0 || one.gateway !== its.get(one));
  const isHome = (one: ClientSubscriber) =>
    one.gateway === (one.gateway === alone.name ? its : theirs).get(one);
  const { redirects, disturbed } = await returned(stage, returning, () =>
    until(() => load.movers.every(isHome), {
      for: () => `${load.movers.filter((one) => !isHome(one)).length} clients to be back at home`,
      deadlineMs: PLACED_MS,
    }),
  );
  const still = await agreed(
    [alone],
    old.members.map(({ id }) => id),
  );
  if (still.digest !== digest) throw new Error(`${alone.name} has heard of another ring`);
  const owned = load.movers.filter((one) => its.get(one) === alone.name);
  const kept = owned.filter(({ gateway }) => gateway === alone.name).length;
  stage.proxy(0).pass();
  await agreed(stage.gateways);
  await placed(stage, byName);
  await stage.recovered();
  return {
    claimed: old.owners.filter((at) => old.members[at]?.id === alone.name).length,
    kept,
    taken: owned.length - kept,
    redirects,
    disturbed: disturbed(),
  };
}
