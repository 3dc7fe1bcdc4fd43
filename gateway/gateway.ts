import type { Server } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Clock, Random } from '../protocol/clock.ts';
import { type Check, createAdmin } from './admin/admin-api.ts';
import { CommandTokens } from './admin/command-tokens.ts';
import type { CutOff } from './cut-off.ts';
import { ConfiguredAuthenticator } from './edge/auth/authenticator.ts';
import { Backlog } from './edge/backlog.ts';
import type { Drained } from './edge/drain.ts';
import { Edge } from './edge/edge.ts';
import { claimOf } from './edge/placement.ts';
import { cutOffOf } from './gateway-cut-off.ts';
import { GatewayDrain } from './gateway-drain.ts';
import { GatewayRing } from './gateway-ring.ts';
import { createApi } from './http/api.ts';
import { answerAbout } from './http/user-questions.ts';
import { TopicHub } from './hub/topic-hub.ts';
import { Lifecycle, type Part } from './lifecycle.ts';
import { listen } from './listen.ts';
import type { Logger } from './logger.ts';
import { Metrics } from './metrics/metrics.ts';
import { readiness } from './readiness.ts';
import { RecentRate, withRate } from './recent-rate.ts';
import { RequestTally } from './request-tally.ts';
import type { MemoryBoard } from './ring/memory-board.ts';
import type { PodBoard } from './ring/pod-board.ts';
import type { HeldRing } from './ring/ring-keeper.ts';
import { openSecrets, type Secrets } from './secrets.ts';
import type { Settings } from './settings/declaration.ts';
import { resendSlackMs, resendWindowMs } from './settings/idempotency.ts';
import { settingsWarnings } from './settings/relations.ts';
import { StartWait } from './start-wait.ts';
import { makeStore, type Store } from './store.ts';
import type { MemoryStore } from './stream/memory/memory-store.ts';
import type { StreamEvent } from './stream/stream.ts';
import { TopicStream } from './stream/topic-stream.ts';
import { version } from './version.ts';

export interface GatewayParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Both shared by several gateways of one process. Default without Redis: one of its own. */
  readonly store?: MemoryStore;
  readonly board?: MemoryBoard;
  /** What is put between this gateway and its board. Default: nothing. */
  readonly boardLine?: (board: PodBoard) => PodBoard;
}

export interface GatewayAddress {
  readonly port: number;
  readonly adminPort: number;
}

/** For each part, beyond the time that Redis gets to say why it cannot be reached. */
const START_MS = 5_000;
const STOP_MS = 5_000;

/** The parts that exist once it was started. */
interface Running {
  readonly authenticator: ConfiguredAuthenticator;
  readonly store: Store;
  readonly stream: TopicStream;
  readonly backlog: Backlog;
  readonly hub: TopicHub;
  readonly edge: Edge;
  readonly ring: GatewayRing;
  readonly api: FastifyInstance;
}

/**
 * One gateway: edge → hub → stream, the ring and the HTTP API beside them, and the admin port. The
 * only place that knows all parts; what each does is theirs to know.
 */
export class Gateway {
  readonly #settings: Settings;
  readonly #parts: GatewayParts;
  readonly #metrics = new Metrics();
  readonly #publishes: RecentRate;
  readonly #tally = new RequestTally();
  readonly #cutOff: CutOff;
  /** Redis that cannot be reached at the start is tried again within this. */
  readonly #redisMs: number;
  readonly #lifecycle: Lifecycle;
  readonly #wait: StartWait;
  readonly #admin: FastifyInstance;
  #secrets: Secrets | undefined;
  #commandTokens: CommandTokens | undefined;
  #running: Running | undefined;
  readonly #drain = new GatewayDrain(() => this.#running);
  #started = false;
  #address: GatewayAddress | undefined;

  constructor(settings: Settings, parts: GatewayParts) {
    this.#settings = settings;
    this.#parts = parts;
    const { clock, logger } = parts;
    this.#publishes = new RecentRate(clock);
    this.#redisMs = 2 * settings.redis.connectTimeoutMs;
    const startMs = this.#redisMs + START_MS;
    this.#lifecycle = new Lifecycle({ clock, logger, startMs, stopMs: STOP_MS });
    this.#wait = new StartWait({ clock, logger, limitMs: settings.startWaitS * 1_000 });
    this.#cutOff = cutOffOf(settings, {
      ...{ clock, random: parts.random, logger },
      peers: () => this.#peers(),
      edge: () => this.#running?.edge,
    });
    this.#admin = createAdmin({
      pod: settings.pod,
      host: settings.adminHost,
      checks: () => this.checks(),
      metrics: () => this.#metrics.exposition(),
      probe: () => this.#running?.stream.probe() ?? Promise.reject(new Error('not started')),
      status: () => this.status(),
      commands: {
        tokens: () => this.#commandTokens,
        ring: () => this.#running?.ring.source,
        drain: () => (this.#started ? this.#drain : undefined),
        counts: this.#metrics.admin,
      },
      ...{ clock, logger },
    });
  }

  /**
   * Starts everything, in order. Rejects with `SettingsError` (what they name cannot be used),
   * `PortTaken` or `StreamError`; then nothing is left running.
   */
  async start(): Promise<void> {
    const { logger } = this.#parts;
    for (const warning of settingsWarnings(this.#settings)) logger.warn({}, warning);
    let ports = { port: 0, adminPort: 0 };
    await this.#lifecycle.start([
      this.#adminPart((adminPort) => {
        ports = { ...ports, adminPort };
      }),
      this.#secretsPart(),
      this.#corePart(),
      this.#clientPart((port) => {
        ports = { ...ports, port };
      }),
      this.#ringPart(() => ports.port),
    ]);
    this.#address = ports;
    this.#started = true;
    for (const point of this.#running?.stream.health.unsuitable ?? []) logger.warn({}, point);
  }

  /** Where it listens; undefined before it was started. */
  get address(): GatewayAddress | undefined {
    return this.#address;
  }

  /** WebSocket connections now. */
  connections(): number {
    return this.#running?.edge.size ?? 0;
  }

  /** The ring that it goes by; undefined before it has one. */
  get ring(): HeldRing | undefined {
    return this.#running?.ring.source.keeper.current;
  }

  /** Leaves for good, in the order of `Drain`: not ready, then client by client. Ends nothing. */
  drain(): Promise<Drained> {
    return this.#drain.forGood();
  }

  /** Stops everything in reverse order. Never rejects; who hangs is logged by name. */
  stop(): Promise<void> {
    this.#wait.stop();
    return this.#lifecycle.stop();
  }

  /** The conditions of being ready. */
  checks(): readonly Check[] {
    const { stream, authenticator } = this.#running ?? {};
    return readiness({
      started: this.#started,
      lacking: this.#wait.lacking,
      stream: stream?.health,
      keys: authenticator?.ready,
      draining: this.#drain.check(),
      cutOff: this.#cutOff.cutOff,
    });
  }

  /** What `/admin/status` shows. */
  status(): object {
    const { pod } = this.#settings;
    const running = this.#running;
    if (running === undefined) {
      return { pod, version, started: false, lacking: this.#wait.lacking, checks: this.checks() };
    }
    const { connected, downSince, unsuitable, lineage } = running.stream.health;
    const downMs = downSince === undefined ? undefined : this.#parts.clock.now() - downSince;
    return {
      ...{ pod, version, started: this.#started, checks: this.checks() },
      edge: running.edge.status(),
      hub: running.hub.state,
      loop: { utilisation: running.ring.utilisation, lagMs: this.#metrics.loopLagMs },
      ...{ publishes: { perSecond: this.#publishes.perSecond }, requests: this.#tally.requests },
      stream: { kind: running.store.kind, connected, downMs, unsuitable, lineage },
      ring: running.ring.status(),
    };
  }

  /** For a part that waits for others. */
  get #patientMs(): number {
    return this.#settings.startWaitS * 1_000 + this.#redisMs + START_MS;
  }

  /** Somebody outside who decides on rings gives all gateways the same admin port. */
  #peers(): readonly string[] {
    const { peers, adminPort } = this.#settings;
    if (peers.length > 0) return peers;
    return this.#running?.ring.peersAt(this.#address?.adminPort ?? adminPort) ?? [];
  }

  #secretsPart(): Part {
    return {
      name: 'the secrets',
      startMs: this.#patientMs,
      start: async () => {
        const { clock, logger } = this.#parts;
        const parts = { clock, logger, counts: this.#metrics };
        this.#secrets = await this.#wait.first(() => openSecrets(this.#settings, parts));
        const { adminKeys: keys } = this.#secrets;
        const { audience } = this.#settings.admin;
        this.#commandTokens = new CommandTokens({ keys, audience, clock });
      },
      stop: async () => this.#secrets?.close(),
    };
  }

  #adminPart(listening: (port: number) => void): Part {
    const { adminHost: host, adminPort: port } = this.#settings;
    return {
      name: 'the admin port',
      start: async () => listening(await listen(this.#admin, { host, port, option: 'admin-port' })),
      stop: () => this.#admin.close(),
    };
  }

  /** Keys, stream and hub, and around them what serves clients. */
  #corePart(): Part {
    return {
      name: 'the stream',
      startMs: this.#patientMs,
      start: () => this.#wait.first(() => this.#startCore()),
      stop: async () => {
        if (this.#running !== undefined) await this.#stopCore(this.#running);
      },
    };
  }

  async #startCore(): Promise<void> {
    if (this.#secrets === undefined) throw new Error('the secrets are not there');
    const running = this.#assemble(this.#secrets);
    this.#running = running;
    this.#observe(running);
    try {
      await running.stream.start(this.#redisMs);
    } catch (error) {
      await this.#stopCore(running);
      this.#running = undefined;
      throw error;
    }
  }

  async #stopCore({ hub, stream, authenticator, api }: Running): Promise<void> {
    this.#cutOff.stop();
    hub.stop();
    await stream.stop(STOP_MS / 2);
    authenticator.close();
    await api.close();
    this.#metrics.stop();
  }

  #clientPart(listening: (port: number) => void): Part {
    const { host, port } = this.#settings;
    return {
      name: 'the client port',
      start: async () => {
        if (this.#running === undefined) throw new Error('the stream is not started');
        const { edge, api, backlog } = this.#running;
        await api.ready();
        backlog.start();
        edge.attach(api.server as Server);
        listening(await listen(api, { host, port, option: 'port' }));
      },
      stop: async () => {
        if (this.#running === undefined) return;
        const { edge, api, backlog } = this.#running;
        // From here on nobody is let in; whoever is here is shown out.
        const closed = api.close();
        await edge.stop();
        await closed;
        backlog.stop();
      },
    };
  }

  /** Last to start, since others are told to come here; first to stop. */
  #ringPart(port: () => number): Part {
    return {
      name: 'the ring',
      start: async () => this.#running?.ring.start(port()),
      stop: async () => this.#running?.ring.stop(),
    };
  }

  #assemble(secrets: Secrets): Running {
    const settings = this.#settings;
    const metrics = this.#metrics;
    const { clock, random, logger } = this.#parts;
    const shared = { clock, random, logger, pod: settings.pod };
    const store = makeStore(settings, { ...this.#parts, metrics, redisFiles: secrets.redis });
    const authenticator = new ConfiguredAuthenticator({
      ...{ settings: settings.auth, secrets: secrets.auth },
      ...{ clock, counts: metrics.auth, logger, fetch: globalThis.fetch },
      keyClaim: claimOf(settings.placement.key),
    });
    const stream = new TopicStream({
      log: store.log,
      listener: { onStream: (event) => this.#onStream(event) },
      settings: settings.stream,
      // Memory has none, whatever a Redis would have had.
      replicas: store.kind === 'redis' ? settings.redis.replicas : 0,
      ...{ clock, random, counts: withRate(metrics.stream, this.#publishes) },
    });
    const { pageEntries, pageBytes, retentionS } = settings.stream;
    const hub = new TopicHub({
      stream,
      settings: settings.hub,
      page: { entries: pageEntries, bytes: pageBytes },
      ...{ clock, random, counts: metrics.hub },
    });
    const backlog = new Backlog({
      ...{ stream, clock },
      withinMs: Math.min(resendSlackMs(settings.stream) / 2, settings.edge.helloTimeoutMs),
    });
    const board = this.#parts.boardLine?.(store.board) ?? store.board;
    const ring = new GatewayRing({
      ...{ settings, clock, random, logger, board, wire: store.wire },
      counts: metrics.ring,
      connections: () => this.connections(),
      answer: (ask) => answerAbout(edge.clients, ask),
    });
    const { allowedOrigins } = settings.auth;
    const front = {
      ...{ ...shared, stream, authenticator, allowedOrigins, backlog },
      resendWindowMs: resendWindowMs(settings.stream),
    };
    const edge = new Edge({
      ...front,
      ...{ hub, settings: settings.edge, retentionS, counts: this.#tally.edge(metrics.edge) },
      ...{ placement: ring.placement, moveTokens: ring.moveTokens },
      proxy: { proofs: ring.hopProofs, settings: settings.placement },
    });
    ring.source.keeper.onChange(() => edge.ringChanged());
    const api = createApi({
      ...front,
      ...{ settings: settings.http, edge: settings.edge, placement: settings.placement, pageBytes },
      ...{ ring: ring.source, allPods: ring.allPods, counts: this.#tally.http(metrics.http) },
    });
    return { authenticator, store, stream, backlog, hub, edge, ring, api };
  }

  #observe({ hub, stream, ring, edge }: Running): void {
    this.#metrics.observe({
      ring: () => ring.state(),
      hub: () => hub.state,
      proxied: () => edge.proxying,
      ready: () => this.checks().every(({ ok }) => ok),
      draining: () => !this.#drain.check().ok,
      cutOff: () => this.#cutOff.cutOff,
      connected: () => stream.health.connected,
      unsuitable: () => stream.health.unsuitable.length,
    });
  }

  /** The hub first: what the edge does with an event must find the hub's new state. */
  #onStream(event: StreamEvent): void {
    this.#running?.hub.onStream(event);
    this.#running?.edge.onStream(event);
    if (event.type === 'stale') {
      const { logger } = this.#parts;
      if (event.stale) logger.warn({}, 'Redis is lost');
      else logger.info({}, 'Redis is back');
      this.#cutOff.streamIs(event.stale);
    }
  }
}
