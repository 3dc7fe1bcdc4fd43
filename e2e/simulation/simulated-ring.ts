import { MoveTokens } from '../../gateway/edge/move-tokens.ts';
import { PodKeys } from '../../gateway/edge/pod-keys.ts';
import { GatewayPlacement } from '../../gateway/gateway-placement.ts';
import { silentLogger } from '../../gateway/logger.ts';
import type { RingCounts } from '../../gateway/ring/counts.ts';
import type { PodLoad } from '../../gateway/ring/pod-board.ts';
import { RingKeeper } from '../../gateway/ring/ring-keeper.ts';
import { SelfOrganised } from '../../gateway/ring/self-organised.ts';
import { placementSettings } from '../../gateway/settings/ring-declaration.ts';
import { privateKey, publicKey } from './simulated-placement.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Tally } from './tally.ts';
import type { WorldRing } from './world-ring.ts';

export interface SimulatedRingParts {
  readonly pod: string;
  readonly process: SimulatedProcess;
  readonly world: WorldRing;
  readonly tally: Tally;
  readonly load: () => PodLoad;
}

const CLUSTER = 'sim';

/** The ring of one gateway, put together as `GatewayRing` does it. */
export class SimulatedRing {
  readonly pod: string;
  readonly keeper: RingKeeper;
  readonly source: SelfOrganised;
  readonly placement: GatewayPlacement;
  readonly moveTokens: MoveTokens;

  constructor({ pod, process, world, tally, load }: SimulatedRingParts) {
    const { heartbeatMs, movesPerSecond, key } = world.settings;
    const { clock } = process;
    this.pod = pod;
    const shared = { clock, counts: countsOf(tally), logger: silentLogger, cluster: CLUSTER };
    this.keeper = new RingKeeper({ ...shared, read: world.read });
    this.keeper.onChange((current, previous) => world.took(pod, current, previous));
    this.source = new SelfOrganised({
      ...{ ...shared, pod, keeper: this.keeper, load, intervalMs: heartbeatMs },
      board: world.board(process),
    });
    this.placement = new GatewayPlacement({
      ...{ pod, source: this.source, movesPerSecond, heartbeatMs, clock },
      settings: placementSettings.parse({ mode: 'Redirect', key, podEndpoint: 'address' }),
    });
    const keyOf = (of: string) => (of === pod ? publicKey : this.source.factsOf(of)?.key);
    const keys = new PodKeys(keyOf);
    this.moveTokens = new MoveTokens({ pod, cluster: CLUSTER, privateKey, keys, clock });
  }

  start(): void {
    this.source.start({ weight: 1, zone: '', address: `${this.pod}:80`, key: publicKey });
  }
}

function countsOf(tally: Tally): RingCounts {
  return {
    document: (outcome) => tally.add(`ring ${outcome}`),
    conflict: () => tally.add('ring conflict'),
    heartbeat: (outcome) => tally.add(`heartbeat ${outcome}`),
    offered: (outcome) => tally.add(`ring offered: ${outcome}`),
  };
}
