import { CutOff, type PeerAnswer } from '../../gateway/cut-off.ts';
import { type EdgeCounts, silentEdgeCounts } from '../../gateway/edge/counts.ts';
import { Edge } from '../../gateway/edge/edge.ts';
import type { Authenticator } from '../../gateway/edge/identity.ts';
import { plainHello } from '../../gateway/edge/plain-hello.ts';
import { type HubCounts, silentCounts } from '../../gateway/hub/counts.ts';
import { TopicHub } from '../../gateway/hub/topic-hub.ts';
import { silentLogger } from '../../gateway/logger.ts';
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
import type { Tally } from './tally.ts';

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
  /** A planted fault between stream and store. */
  readonly spoil?: ((log: Log) => Log) | undefined;
}

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
  readonly #placement = new SimulatedPlacement();
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
      ...{ allowedOrigins: [], authenticator: everybody, counts: counts.edge },
      ...{ logger: silentLogger, pod: name, placement: this.#placement },
      moveTokens: moveTokensOf(name, clock),
    });
    this.#cutOff = new CutOff({
      ...{ ...shared, peers: parts.peers, intervalMs: settings.cutOffMs, ask: parts.ask },
      onChange: (cutOff) => {
        if (cutOff) parts.tally.add('clients moved away');
        if (cutOff) this.#edge.moveAway();
        else this.#edge.stay();
      },
    });
  }

  get open(): boolean {
    const { drain } = this.#edge.status();
    return this.#started && drain !== 'leaving' && drain !== 'empty';
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
    const { forced } = await this.#edge.drain();
    this.#parts.tally.add(forced > 0 ? 'drain forced' : 'drain done');
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
    const { store, network } = this.#parts;
    store.cut(this.name);
    void this.#log.stop();
    for (const line of network.linesOf(this.process)) {
      if (silently) line.swallow('both');
      else line.resetByGateway();
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
