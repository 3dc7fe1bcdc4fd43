import type { MemoryStore } from '../../gateway/stream/memory/memory-store.ts';
import type { Legs, MoveStep } from './move-trace.ts';
import type { Network } from './network.ts';
import type { PackageSubscriber } from './package-subscriber.ts';
import type { Participant } from './participant.ts';
import type { WorldSettings } from './settings.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedGateway } from './simulated-gateway.ts';
import type { StoreArbiter } from './store-arbiter.ts';
import type { StoreNetwork } from './store-network.ts';
import type { Tally } from './tally.ts';
import type { WorldRing } from './world-ring.ts';

/** Who cuts moves: see `MoveCutter`. */
export interface Cutter {
  arm(): boolean;
  disarm(): void;
  onStep(client: string, step: MoveStep, legs: Legs): void;
}

/** What a nemesis finds: whom it can harm, and what makes a world go on. */
export interface Scene {
  readonly time: SimulatedClock;
  readonly tally: Tally;
  readonly topics: readonly string[];
  readonly settings: WorldSettings;
  readonly storeNetwork: StoreNetwork;
  readonly store: MemoryStore;
  readonly arbiter: StoreArbiter;
  readonly network: Network;
  readonly subscribers: readonly PackageSubscriber[];
  readonly participants: readonly Participant[];
  /** Those that live. */
  readonly gateways: readonly SimulatedGateway[];
  /** Undefined: the gateways have none. */
  readonly ring: WorldRing | undefined;
  readonly cutter: Cutter | undefined;
  /** Where gateways are to be. */
  readonly addresses: readonly string[];
  /** Addresses of gateways that the others do not reach, nor they them. */
  readonly apart: Set<string>;
  /** What was done to the world, counted. */
  happened(what: string): void;
  note(text: string): void;
  /** A new process at an address whose process has ended. */
  startGateway(address: string): void;
  /** Nobody is to be at an address any more. */
  abandon(address: string): void;
  /** At any gateway that runs. */
  publishAtGateway(topic: string): void;
  /** Through a client, as soon as its process runs. */
  publishBy(subscriber: PackageSubscriber, topic: string): void;
}
