import { generateKeyPairSync } from 'node:crypto';
import { hostname } from 'node:os';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { Clock, Random } from '../protocol/clock.ts';
import type { Fields } from '../protocol/fields.ts';
import { MoveTokens } from './edge/move-tokens.ts';
import { PodKeys, publicHalf } from './edge/pod-keys.ts';
import { HopProofs } from './edge/proxy/hop-proofs.ts';
import { GatewayPlacement } from './gateway-placement.ts';
import type { Logger } from './logger.ts';
import type { RingState } from './metrics/ring-series.ts';
import { AllPods } from './ring/all-pods.ts';
import type { AskCounts, RingCounts } from './ring/counts.ts';
import { GivenRing } from './ring/given.ts';
import type { PodBoard, PodLoad } from './ring/pod-board.ts';
import type { PodWire } from './ring/pod-wire.ts';
import { RingKeeper } from './ring/ring-keeper.ts';
import type { RingSource } from './ring/ring-source.ts';
import { SelfOrganised } from './ring/self-organised.ts';
import { shardCounts } from './ring/shard-counts.ts';
import type { Settings } from './settings/declaration.ts';

export interface GatewayRingOptions {
  readonly settings: Settings;
  readonly board: PodBoard;
  readonly wire: PodWire;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counts: RingCounts & AskCounts;
  /** What this gateway says when somebody asks all of them. */
  readonly answer: (ask: Fields) => Fields;
  /** WebSocket connections now. */
  readonly connections: () => number;
}

/** The ring of a gateway: its source, as the settings choose it, and what pods ask each other. */
export class GatewayRing {
  readonly source: RingSource;
  readonly placement: GatewayPlacement;
  readonly moveTokens: MoveTokens;
  readonly hopProofs: HopProofs;
  /** Public half of what this gateway signs with, for as long as it lives. */
  readonly #key: string;
  readonly allPods: AllPods;
  readonly #options: GatewayRingOptions;
  #lastUtilisation = 0;
  #utilisation: EventLoopUtilization = performance.eventLoopUtilization();

  constructor(options: GatewayRingOptions) {
    this.#options = options;
    const { settings, board, clock, logger, counts } = options;
    const { source, cluster, heartbeatMs, file } = settings.ring;
    const shared = { clock, logger, counts, board, cluster, pod: settings.pod };
    const keeper = new RingKeeper(shared);
    const parts = { ...shared, keeper, intervalMs: heartbeatMs, load: () => this.#load() };
    this.source = source === 'given' ? new GivenRing({ ...parts, file }) : new SelfOrganised(parts);
    this.placement = new GatewayPlacement({
      ...{ pod: settings.pod, source: this.source, settings: settings.placement },
      ...{ movesPerSecond: settings.disruption.movesPerSecond, heartbeatMs, clock },
    });
    const { privateKey } = generateKeyPairSync('ed25519');
    this.#key = publicHalf(privateKey);
    const { pod } = settings;
    const keyOf = (of: string) => (of === pod ? this.#key : this.source.factsOf(of)?.key);
    const signing = { pod, cluster, privateKey, keys: new PodKeys(keyOf), clock };
    this.moveTokens = new MoveTokens(signing);
    this.hopProofs = new HopProofs(signing);
    const { wire, random, answer } = options;
    const pods = () => this.source.pods();
    this.allPods = new AllPods({ wire, pods, answer, pod, clock, random, logger, counts });
  }

  /** Begins; `port` is the one on which clients are served. */
  start(port: number): void {
    const { host, ring } = this.#options.settings;
    const { weight, zone, address = `${hostOf(host)}:${port}` } = ring;
    this.source.start({ weight, zone, address, key: this.#key });
    this.allPods.start();
  }

  async stop(): Promise<void> {
    this.allPods.stop();
    await this.source.stop();
  }

  /**
   * Other members where each has its own address and the same port; nobody where pods decide among
   * themselves, since many of them may share one machine.
   */
  peersAt(port: number): string[] {
    const { keeper, kind } = this.source;
    if (kind !== 'given') return [];
    const { members = [] } = keeper.current?.ring ?? {};
    return members
      .filter(({ id }) => id !== this.#options.settings.pod)
      .map(({ address }) => `${address.slice(0, address.lastIndexOf(':'))}:${port}`);
  }

  /** For metrics. */
  state(): RingState {
    const { keeper, writer } = this.source;
    const { pod } = this.#options.settings;
    const { generation = 0, counter = 0 } = keeper.current?.version ?? {};
    const counts = keeper.current === undefined ? undefined : shardCounts(keeper.current.ring);
    return {
      ...{ generation, counter, writes: writer === pod },
      members: counts?.size ?? 0,
      owned: counts?.get(pod) ?? 0,
    };
  }

  /** For `/admin/status`. */
  status(): object {
    const { keeper, kind, writer, roundTripMs } = this.source;
    const { members, owned } = this.state();
    const { version, digest } = keeper.current ?? {};
    return { source: kind, writer, version, digest, members, owned, roundTripMs };
  }

  /** Share of time in which the event loop was busy, 0 to 1, between the last two heartbeats. */
  get utilisation(): number {
    return this.#lastUtilisation;
  }

  #load(): PodLoad {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilisation);
    this.#utilisation = now;
    // Twice within one turn there is nothing to divide by.
    if (Number.isFinite(utilization)) this.#lastUtilisation = utilization;
    return {
      connections: this.#options.connections(),
      utilisation: this.#lastUtilisation,
      handovers: this.placement.handovers,
    };
  }
}

/** Who listens everywhere is reached by the name of its machine. */
function hostOf(host: string): string {
  if (host === '::' || host === '0.0.0.0') return hostname();
  return host.includes(':') ? `[${host}]` : host;
}
