import { seeded } from '../../protocol/testing/chance.ts';
import { until } from '../deadline.ts';
import { isBack } from '../history/hygiene.ts';
import { nanoseconds, Recorder } from '../history/recorder.ts';
import type { ProcessRecord } from '../history/records.ts';
import { Arbiter } from '../load/arbiter.ts';
import { Load, type LoadShape } from '../load/load.ts';
import type { Place } from '../load/subscriber.ts';
import type { Target } from '../load/target.ts';
import { freePort } from '../processes/free-port.ts';
import {
  type GatewayOptions,
  GatewayProcess,
  type Memory,
  type SettingsTree,
} from '../processes/gateway-process.ts';
import { LossyWire } from '../processes/lossy-wire.ts';
import { type RedisServer, startRedis } from '../processes/redis-server.ts';
import { agreed } from '../processes/ring-view.ts';
import { type SentinelGroup, startSentinel } from '../processes/sentinel.ts';
import { TcpProxy } from '../processes/tcp-proxy.ts';
import { baseSettings, heartbeatOf, merged, ringSettings } from './settings.ts';

const GATEWAYS = 3;
const PATIENCE_MS = 30_000;
/** What its clients left must be gone from a gateway so soon. */
const SETTLE_MS = 3_000;
export const KEY_PREFIX = 'faults';
/** A master that is kept waiting for a processor must not look dead. */
const DOWN_AFTER_MS = 1_500;
const AOF = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'];

/** What a row needs to stand on. */
export interface StagePlan {
  /** `memory`: one Redis that keeps nothing; `aof`: one that does; `sentinel`: a replica, too. */
  readonly store: 'memory' | 'aof' | 'sentinel';
  /** Default: as many as the run has. */
  readonly gateways?: number;
  /** Each gateway reaches Redis through a proxy of its own. */
  readonly proxied?: boolean;
  /** Gateways know of no others: one that is cut off keeps its clients. */
  readonly alone?: boolean;
  /** The ring matters: gateways agree on one first, and clients are sent to a certain gateway. */
  readonly ring?: boolean;
  /** Clients reach gateways through a wire that can lose packets: only in a namespace. */
  readonly wired?: boolean;
  readonly redisArgs?: readonly string[];
  readonly settings?: SettingsTree;
}

export interface StageOptions {
  readonly seed: number;
  readonly shape: LoadShape;
  /** Where the row does not say how many, and no ring is the matter. Default: 3. */
  readonly gateways?: number;
  /** Longest wait for a recovery. Default: 30 s. */
  readonly patienceMs?: number;
  /** Modules that every gateway loads first. */
  readonly imports?: readonly string[];
}

/** Everything of one run: Redis, the way to it, gateways, load, arbiter, history. */
export class Stage {
  /** Those of the plan, and those that joined. */
  readonly gateways: GatewayProcess[];
  readonly load: Load;
  readonly arbiter: Arbiter;
  readonly recorder: Recorder;
  /** One per gateway, where the row asked for them. */
  readonly proxies: readonly TcpProxy[];
  readonly sentinel: SentinelGroup | undefined;
  /** To the clients, where the row asked for it. */
  readonly #wire: LossyWire | undefined;
  /** Subscribers that were disconnected on purpose and owe nothing. */
  readonly absent = new Set<string>();
  readonly #servers: readonly RedisServer[];
  readonly #patienceMs: number;
  /** What a gateway of this stage is started with. */
  readonly #model: GatewayOptions;

  private constructor(parts: {
    gateways: readonly GatewayProcess[];
    plan: StagePlan;
    model: GatewayOptions;
    servers: readonly RedisServer[];
    proxies: readonly TcpProxy[];
    sentinel: SentinelGroup | undefined;
    wire: LossyWire | undefined;
    options: StageOptions;
  }) {
    const { plan, gateways, servers, proxies, sentinel, wire, options } = parts;
    this.#wire = wire;
    this.gateways = [...gateways];
    this.#model = parts.model;
    this.#servers = servers;
    this.proxies = proxies;
    this.sentinel = sentinel;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.recorder = new Recorder(`r${options.seed}`);
    this.load = new Load({
      shape: options.shape,
      random: seeded(options.seed),
      recorder: this.recorder,
      gateways: this.#targets(gateways),
      heartbeatMs: heartbeatOf(plan),
    });
    this.arbiter = new Arbiter({
      topics: this.load.topics,
      keyPrefix: KEY_PREFIX,
      recorder: this.recorder,
      master: async () => (await this.master()).port,
    });
  }

  static async open(plan: StagePlan, options: StageOptions): Promise<Stage> {
    const cleanup: (() => Promise<void>)[] = [];
    try {
      const { sentinel, servers } = await openStore(plan);
      cleanup.push(async () => {
        await sentinel?.stop();
        await Promise.all(servers.map((server) => server.stop()));
      });
      const ways = await openWays(plan, { sentinel, servers }, options);
      cleanup.push(async () => {
        await Promise.all(ways.proxies.map((proxy) => proxy.close()));
      });
      const wire = plan.wired === true ? await LossyWire.open(options.seed) : undefined;
      cleanup.push(async () => wire?.close());
      const all = await gatewayOptions(plan, ways.redis, options.imports ?? []);
      const gateways = await GatewayProcess.startAll(all);
      cleanup.push(async () => {
        await Promise.all(gateways.map((gateway) => gateway.kill()));
      });
      if (plan.ring === true) await agreed(gateways);
      const [model] = all as [GatewayOptions];
      const { proxies } = ways;
      return new Stage({ plan, gateways, model, servers, proxies, sentinel, wire, options });
    } catch (error) {
      for (const undo of cleanup.reverse()) await undo();
      throw error;
    }
  }

  /** The Redis that takes writes now. */
  master(): Promise<RedisServer> {
    if (this.sentinel !== undefined) return this.sentinel.master();
    return Promise.resolve(this.redis);
  }

  /** The first Redis: the only one, or the master at the start. */
  get redis(): RedisServer {
    return this.#servers[0] as RedisServer;
  }

  gateway(index: number): GatewayProcess {
    const gateway = this.gateways[index];
    if (gateway === undefined) throw new Error(`no gateway ${index}`);
    return gateway;
  }

  proxy(index: number): TcpProxy {
    const proxy = this.proxies[index];
    if (proxy === undefined) throw new Error('the row did not ask for proxies');
    return proxy;
  }

  get wire(): LossyWire {
    if (this.#wire === undefined) throw new Error('the row did not ask for a wire');
    return this.#wire;
  }

  /** New connections and publishes go to these only, as after a change of endpoints. */
  route(gateways: readonly GatewayProcess[]): void {
    this.load.targets.set(this.#targets(gateways));
  }

  /** One more gateway; new connections and publishes go to it as well. */
  async join(): Promise<GatewayProcess> {
    const { adminPort: _, ...model } = this.#model;
    const name = `gateway-${this.gateways.length}`;
    const peers = this.gateways.map(({ adminPort }) => adminPort);
    const gateway = await GatewayProcess.start({ ...model, name, peers });
    this.gateways.push(gateway);
    this.#record(gateway, { phase: 'baseline', ...(await gateway.usage()) });
    this.route(this.alive);
    return gateway;
  }

  /** What befell it although no fault asks for it. Where there are replicas, one is promoted. */
  besides(): readonly string[] {
    const failovers = this.sentinel?.failovers ?? 0;
    return failovers > 1 ? [`the Sentinels replaced the master ${failovers} times, not once`] : [];
  }

  /** Those that have not ended. */
  get alive(): readonly GatewayProcess[] {
    return this.gateways.filter(({ exit }) => exit === undefined);
  }

  /** Every topic has an epoch that none of `before` has: the store's lineage is another one. */
  async renewed(...before: readonly ReadonlyMap<string, Place>[]): Promise<void> {
    const isNew = (topic: string) => {
      const { epoch } = this.arbiter.head(topic);
      return before.every((heads) => heads.get(topic)?.epoch !== epoch);
    };
    await until(() => this.load.topics.every(isNew), {
      for: 'every topic to begin a new epoch',
      deadlineMs: this.#patienceMs,
    });
  }

  /** Everybody is connected, and has what was there when it was asked. */
  async recovered(): Promise<void> {
    const end = performance.now() + this.#patienceMs;
    const left = () => Math.max(1, end - performance.now());
    await until(() => this.load.attached(this.absent), {
      for: 'everybody to be connected again',
      deadlineMs: left(),
    });
    const before = this.load.counts.acknowledged;
    await until(() => this.load.counts.acknowledged > before, {
      for: 'a publish to be acknowledged again',
      deadlineMs: left(),
    });
    // The round under way may have looked at a topic before the fault.
    const round = this.arbiter.rounds + 2;
    await until(() => this.arbiter.rounds >= round, {
      for: 'the arbiter to look at every topic',
      deadlineMs: left(),
    });
    const heads = this.load.heads(this.arbiter);
    await until(() => this.load.level(heads, this.absent), {
      for: () => `everybody to be level: ${this.load.laggards(heads, this.absent).slice(0, 9)}`,
      deadlineMs: left(),
    });
  }

  /** What a gateway holds, for the checker to compare warm and worn. */
  async memory(gateway: GatewayProcess, phase: 'warm' | 'worn'): Promise<Memory> {
    const memory = await gateway.memory();
    this.#record(gateway, { phase, ...memory });
    return memory;
  }

  async baseline(): Promise<void> {
    for (const gateway of this.gateways) {
      this.#record(gateway, { phase: 'baseline', ...(await gateway.usage()) });
    }
  }

  /** What the processes hold when all the load is gone; who ended unasked. */
  async settled(): Promise<void> {
    for (const gateway of this.gateways) {
      if (gateway.exit === undefined) await this.#back(gateway);
      else this.#ended(gateway);
    }
  }

  async close(): Promise<void> {
    await this.load.leave();
    await this.arbiter.stop();
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    this.#wire?.close();
    await this.sentinel?.stop();
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  /** Waits for files and timers to fall back: sockets close a little after their clients left. */
  async #back(gateway: GatewayProcess): Promise<void> {
    const baseline = this.recorder.records.find(
      (record): record is ProcessRecord =>
        record.kind === 'process' && record.name === gateway.name && record.phase === 'baseline',
    );
    const { files = 0, timers = 0 } = baseline ?? {};
    const end = performance.now() + SETTLE_MS;
    const usage = await until(
      async () => {
        const now = await gateway.usage();
        const back = isBack(now.files, files) && isBack(now.timers, timers);
        // Above the limit or not: the checker judges what is written here.
        return back || performance.now() >= end ? now : undefined;
      },
      { for: `${gateway.name} to say what it holds`, deadlineMs: 2 * SETTLE_MS, everyMs: 100 },
    );
    this.#record(gateway, { phase: 'settled', ...usage });
  }

  /** Publishers over HTTP are beside the gateways; who has a WebSocket is a client. */
  #targets(gateways: readonly GatewayProcess[]): readonly Target[] {
    return gateways.map(({ name, url, http, port }) => {
      const ws = this.#wire === undefined ? url : `ws://${LossyWire.FAR}:${port}/ws`;
      return { name, ws, http };
    });
  }

  #ended(gateway: GatewayProcess): void {
    const { crashed, output } = gateway;
    this.#record(gateway, { phase: 'exit', planned: !crashed, detail: output.slice(-1_000) });
  }

  #record({ name }: GatewayProcess, said: Omit<ProcessRecord, 'kind' | 't' | 'name'>): void {
    this.recorder.write({ kind: 'process', t: nanoseconds(), name, ...said });
  }
}

async function openStore(
  plan: StagePlan,
): Promise<{ sentinel: SentinelGroup | undefined; servers: readonly RedisServer[] }> {
  if (plan.store === 'sentinel') {
    const sentinel = await startSentinel({ downAfterMs: DOWN_AFTER_MS });
    return { sentinel, servers: sentinel.servers };
  }
  const base = plan.store === 'aof' ? AOF : ['--save', '', '--appendonly', 'no'];
  const server = await startRedis({ args: [...base, ...(plan.redisArgs ?? [])] });
  return { sentinel: undefined, servers: [server] };
}

/** The Redis settings of each gateway, and the proxies that stand in between. */
async function openWays(
  plan: StagePlan,
  store: { sentinel: SentinelGroup | undefined; servers: readonly RedisServer[] },
  options: StageOptions,
): Promise<{ redis: SettingsTree[]; proxies: TcpProxy[] }> {
  const { sentinel, servers } = store;
  const otherwise = plan.ring === true ? GATEWAYS : (options.gateways ?? GATEWAYS);
  const indexes = Array.from({ length: plan.gateways ?? otherwise }, (_, index) => index);
  if (sentinel !== undefined) {
    const way = { sentinels: sentinel.sentinels, sentinelName: sentinel.name };
    return { redis: indexes.map(() => way), proxies: [] };
  }
  const server = servers[0] as RedisServer;
  if (plan.proxied !== true) {
    return { redis: indexes.map(() => ({ url: server.url })), proxies: [] };
  }
  const proxies = await Promise.all(indexes.map(() => TcpProxy.open(server.port)));
  return { redis: proxies.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` })), proxies };
}

async function gatewayOptions(
  plan: StagePlan,
  ways: readonly SettingsTree[],
  imports: readonly string[],
): Promise<readonly GatewayOptions[]> {
  const adminPorts = await Promise.all(ways.map(() => freePort()));
  const ports = await Promise.all(ways.map(() => freePort()));
  const base = plan.ring === true ? merged(baseSettings, ringSettings) : baseSettings;
  const settings = merged(base, plan.settings ?? {});
  return ways.map((redis, index) => ({
    name: `gateway-${index}`,
    adminPort: adminPorts[index] as number,
    peers: plan.alone === true ? [] : adminPorts.filter((_, other) => other !== index),
    ...(plan.wired === true && { port: ports[index] as number }),
    settings: merged(settings, {
      redis: { ...redis, keyPrefix: KEY_PREFIX },
      ...(plan.wired === true && {
        host: '0.0.0.0',
        ring: { address: `${LossyWire.FAR}:${ports[index]}` },
      }),
    }),
    imports,
  }));
}
