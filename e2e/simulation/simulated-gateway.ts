import { CutOff, type PeerAnswer } from '../../gateway/cut-off.ts';
import { type EdgeCounts, type Moved, silentEdgeCounts } from '../../gateway/edge/counts.ts';
import { Edge } from '../../gateway/edge/edge.ts';
import type { Authenticator } from '../../gateway/edge/identity.ts';
import { keyOfRequest } from '../../gateway/edge/placement.ts';
import { plainHello } from '../../gateway/edge/plain-hello.ts';
import { type HubCounts, silentCounts } from '../../gateway/hub/counts.ts';
import { TopicHub } from '../../gateway/hub/topic-hub.ts';
import { silentLogger } from '../../gateway/logger.ts';
import { resendWindowMs } from '../../gateway/settings/idempotency.ts';
import { type StreamCounts, silentStreamCounts } from '../../gateway/stream/counts.ts';
import type { Log } from '../../gateway/stream/log.ts';
import { MemoryLog } from '../../gateway/stream/memory/memory-log.ts';
import type { MemoryStore } from '../../gateway/stream/memory/memory-store.ts';
import type { StreamEvent } from '../../gateway/stream/stream.ts';
import { TopicStream } from '../../gateway/stream/topic-stream.ts';
import type { Random } from '../../protocol/clock.ts';
import type { Line } from './line.ts';
import type { Endpoint, Network } from './network.ts';
import { logOf } from './process-log.ts';
import type { WorldSettings } from './settings.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import { moveTokensOf, SimulatedPlacement } from './simulated-placement.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SimulatedRing } from './simulated-ring.ts';
import type { Tally } from './tally.ts';
import type { WorldRing } from './world-ring.ts';

export interface GatewayParts {
  /** Of this life; a gateway that is started again has another one. */
  readonly name: string;
  readonly address: string;
  readonly time: SimulatedClock;
  readonly random: Random;
  readonly skewMs: number;
  readonly store: MemoryStore;
  readonly network: Network;
  readonly settings: WorldSettings;
  readonly tally: Tally;
  /** Asks another gateway whether it reaches the store. */
  readonly ask: (peer: string) => Promise<PeerAnswer>;
  readonly peers: readonly string[];
  /** Undefined: it has no ring. */
  readonly ring: WorldRing | undefined;
  /** A planted fault between stream and store. */
  readonly spoil?: ((log: Log) => Log) | undefined;
}

/** Shares of time in which the event loop is said to be busy. */
const IDLE = 0.1;
const BUSY = 0.98;
const START_MS = 2_000;
const STOP_MS = 500;

/** A gateway without HTTP: the real stream, hub and edge in a process that faults can reach. */
export class SimulatedGateway implements Endpoint {
  readonly name: string;
  readonly address: string;
  readonly process: SimulatedProcess;
  readonly stream: TopicStream;
  readonly #parts: GatewayParts;
  readonly #log: MemoryLog;
  readonly #hub: TopicHub;
  readonly #edge: Edge;
  readonly #cutOff: CutOff;
  /** What it knows of the ring; without one the nemesis says where clients belong. */
  readonly ring: SimulatedRing | undefined;
  readonly #placement = new SimulatedPlacement();
  /** It takes no connections, for it has too many. */
  full = false;
  /** Its event loop is. */
  busy = false;
  #started = false;
  #leaving = false;

  constructor(parts: GatewayParts) {
    const { name, time, random, store, settings } = parts;
    this.name = name;
    this.address = parts.address;
    this.#parts = parts;
    this.process = new SimulatedProcess(name, time, parts.skewMs);
    const { clock } = this.process;
    this.#log = new MemoryLog(store, name);
    const log = logOf(parts.spoil?.(this.#log) ?? this.#log, this.process);
    const shared = { clock, random };
    const listener = { onStream: (event: StreamEvent) => this.#onStream(event) };
    const counts = countsOf(parts.tally);
    this.ring = this.#ringOf(parts);
    const { ring } = this;
    const pod = ring?.pod ?? name;
    this.stream = new TopicStream({
      ...{ ...shared, log, listener, settings: settings.stream, replicas: 0 },
      counts: counts.stream,
    });
    const { pageEntries: entries, pageBytes: bytes, retentionS } = settings.stream;
    this.#hub = new TopicHub({
      ...{ ...shared, stream: this.stream, settings: settings.hub, page: { entries, bytes } },
      counts: counts.hub,
    });
    this.#edge = new Edge({
      ...{ ...shared, hub: this.#hub, stream: this.stream, settings: settings.edge, retentionS },
      resendWindowMs: resendWindowMs(settings.stream),
      ...{ allowedOrigins: [], authenticator: everybody },
      ...{ logger: silentLogger, pod },
      counts: { ...counts.edge, moved: (how) => this.#moved(how) },
      placement: ring?.placement ?? this.#placement,
      moveTokens: ring?.moveTokens ?? moveTokensOf(name, clock),
    });
    ring?.keeper.onChange(() => this.#edge.ringChanged());
    this.#cutOff = new CutOff({
      ...{ ...shared, intervalMs: settings.cutOffMs, ask: parts.ask },
      peers: () => parts.peers,
      onChange: (cutOff) => {
        if (cutOff) parts.tally.add('clients moved away');
        if (cutOff) this.#edge.moveAway();
        else this.#edge.stay();
      },
    });
  }

  get open(): boolean {
    const { drain } = this.#edge.status();
    return this.#started && drain !== 'leaving' && drain !== 'empty' && !this.full;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  get ready(): boolean {
    return this.#started && !this.#leaving && this.process.alive && !this.#cutOff.cutOff;
  }

  /** False: it could not, and its process has ended. */
  async start(): Promise<boolean> {
    try {
      await this.stream.start(START_MS);
    } catch {
      // As the real one does: who starts processes starts it again.
      this.kill();
      return false;
    }
    this.#started = this.process.alive;
    if (this.#started) this.ring?.start();
    return this.#started;
  }

  accept(line: Line): void {
    const plain = plainHello(line.url);
    line.gateway.accept();
    this.#edge.admit(
      {
        socket: line.gateway,
        subprotocol: plain === undefined ? 'wscluster.v1' : undefined,
        loopback: true,
        token: undefined,
        plain,
        ...this.#keyOf(line),
      },
      (owner) => line.gateway.attach(owner),
    );
  }

  /** Its clients belong to another gateway from now on; undefined: they stay. */
  sendClients(to: SimulatedGateway | undefined): void {
    this.#placement.send(to && { pod: to.name, to: `ws://${to.address}/ws` });
    this.process.run(() => this.#edge.ringChanged());
  }

  /** Leaves in order, and ends. */
  async drain(): Promise<void> {
    this.#leaving = true;
    this.ring?.source.leave();
    const { forced } = await this.#edge.drain();
    this.#parts.tally.add(forced > 0 ? 'drain forced' : 'drain done');
    await this.ring?.source.stop();
    await this.#edge.stop();
    this.#hub.stop();
    await this.stream.stop(STOP_MS);
    this.kill();
  }

  /** At once, without a word. `silently`: not even its kernel says so to its peers. */
  kill(silently = false): void {
    if (!this.process.alive) return;
    this.process.kill();
    this.#started = false;
    const { store, network, ring } = this.#parts;
    ring?.cutOff(this.process);
    store.cut(this.name);
    void this.#log.stop();
    for (const line of network.linesOf(this.process)) {
      if (silently) line.swallow('both');
      else line.resetByGateway();
    }
  }

  #ringOf({ ring: world, name, address, tally }: GatewayParts): SimulatedRing | undefined {
    if (world === undefined) return undefined;
    const pod = world.settings.keepsNames ? address : name;
    const load = () => {
      const handovers = this.ring?.placement.handovers ?? 0;
      return { connections: this.#edge.size, utilisation: this.busy ? BUSY : IDLE, handovers };
    };
    return new SimulatedRing({ pod, process: this.process, world, tally, load });
  }

  #keyOf({ url }: Line): { key?: string } {
    if (this.ring === undefined) return {};
    const key = keyOfRequest({ url, headers: {} }, this.ring.placement.key);
    return key === undefined ? {} : { key };
  }

  #moved(how: Moved): void {
    const { tally, ring: world, time } = this.#parts;
    tally.add(`moved ${how}`);
    if (this.ring === undefined) return;
    const { pod, keeper } = this.ring;
    if (how === 'paced') world?.budget.took(time.now(), pod, keeper.current?.ring);
    else if (!this.#leaving && !this.#edge.status().movingAway) {
      world?.broke('budget', `${this.name} disturbed a client over it, and had no deadline`);
    }
  }

  #onStream(event: StreamEvent): void {
    this.#hub.onStream(event);
    this.#edge.onStream(event);
    if (event.type === 'stale') this.#cutOff.streamIs(event.stale);
  }
}

const everybody: Authenticator = {
  configured: false,
  token: () => Promise.resolve({ ok: false, code: 'unauthenticated', detail: 'none is known' }),
  apiKey: () => ({ ok: false, code: 'unauthenticated', detail: 'none is known' }),
  anonymous: () => ({
    ok: true,
    identity: {
      name: '',
      maySubscribe: () => true,
      mayPublish: () => true,
      mayManageUsers: false,
      expiresAt: undefined,
    },
  }),
};

interface Counts {
  readonly stream: StreamCounts;
  readonly hub: HubCounts;
  readonly edge: EdgeCounts;
}

/** What shows that the code was led where it is to be tested. */
function countsOf(tally: Tally): Counts {
  return {
    stream: {
      ...silentStreamCounts,
      repair: (cause) => tally.add(`repair ${cause}`),
      doubt: (cause) => tally.add(`doubt ${cause}`),
      tooLate: () => tally.add('publish too late'),
      retried: (drafts) => tally.add('publish retried', drafts),
      repeated: (entries) => tally.add('bell repeated', entries),
      overflowed: () => tally.add('parked overflow'),
      inconsistent: () => tally.add('inconsistent answer'),
      stale: (stale) => tally.add(stale ? 'stale' : 'fresh'),
      gap: (reason) => tally.add(`stream gap ${reason}`),
      unreported: () => tally.add('unreported'),
    },
    hub: {
      ...silentCounts,
      resumed: (by) => tally.add(`resumed from ${by}`),
      gap: (reason, outlets) => tally.add(`hub gap ${reason}`, outlets),
      slow: () => tally.add('outlet full'),
      refused: (code) => tally.add(`hub refused ${code}`),
    },
    edge: {
      ...silentEdgeCounts,
      closed: (code) => tally.add(`closed ${code}`),
      cursors: (what, count) => tally.add(`cursors ${what}`, count),
      slow: (what) => tally.add(`slow ${what}`),
      failed: (code) => tally.add(`error ${code}`),
    },
  };
}
