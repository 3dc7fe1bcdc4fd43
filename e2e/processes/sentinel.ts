import { Redis, type RedisOptions } from 'ioredis';
import { until } from '../deadline.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

/** A master, its replicas and the Sentinels that watch them. */
export interface SentinelGroup {
  readonly name: string;
  /** `host:port` of each Sentinel. */
  readonly sentinels: readonly string[];
  /** The first was the master at the start. */
  readonly servers: readonly RedisServer[];
  /** The server that the Sentinels name as master. */
  master(): Promise<RedisServer>;
  /**
   * Cuts replication and keeps it cut: what the master writes from now on exists there alone. The
   * replica is still promoted if the master dies within some seconds.
   */
  lag(): Promise<void>;
  /** Waits until the Sentinels name another master than `old`, and it takes writes. */
  promoted(old: RedisServer, deadlineMs: number): Promise<RedisServer>;
  /** Masters that were replaced so far. On a busy machine a master may look dead that is not. */
  readonly failovers: number;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  readonly replicas?: number;
  /** How many Sentinels; the majority of them decides. */
  readonly sentinels?: number;
  /** Silence after which a Sentinel believes the master dead. */
  readonly downAfterMs?: number;
  /** More lines of the Sentinels' configuration. */
  readonly config?: readonly string[];
  /** Of their default user, where these lines give it one. */
  readonly password?: string;
}

const NAME = 'main';
/** Replication has a user of its own, so that it alone can be locked out. */
const REPLICATION = ['user repl on >repl ~* &* +@all', 'masteruser repl', 'masterauth repl'];
const SERVER = [
  'save ""',
  'appendonly no',
  'repl-diskless-sync-delay 0',
  'repl-ping-replica-period 1',
];

export async function startSentinel(options: SentinelOptions = {}): Promise<SentinelGroup> {
  const group = new Group();
  try {
    await group.start(options);
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

class Group implements SentinelGroup {
  readonly name = NAME;
  readonly servers: RedisServer[] = [];
  readonly #sentinels: RedisServer[] = [];
  #password: string | undefined;
  #watch: Redis | undefined;
  #failovers = 0;

  get sentinels(): readonly string[] {
    return this.#sentinels.map(({ port }) => `127.0.0.1:${port}`);
  }

  async start(options: SentinelOptions): Promise<void> {
    const { replicas = 1, sentinels = 1, downAfterMs = 500, password } = options;
    this.#password = password;
    const master = await startRedis({ config: [...SERVER, ...REPLICATION] });
    this.servers.push(master);
    for (let index = 0; index < replicas; index += 1) {
      const config = [...SERVER, ...REPLICATION, `replicaof 127.0.0.1 ${master.port}`];
      this.servers.push(await startRedis({ config }));
    }
    await this.#replicated(master, replicas);
    const config = [
      'sentinel resolve-hostnames no',
      `sentinel monitor ${NAME} 127.0.0.1 ${master.port} ${Math.floor(sentinels / 2) + 1}`,
      `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${NAME} 4000`,
      ...(options.config ?? []),
    ];
    for (let index = 0; index < sentinels; index += 1) {
      this.#sentinels.push(await startRedis({ config, sentinel: true }));
    }
    await this.#watched(replicas, sentinels - 1);
    await this.#countFailovers();
  }

  get failovers(): number {
    return this.#failovers;
  }

  async master(): Promise<RedisServer> {
    const named = await this.#ask<[string, string] | null>(['get-master-addr-by-name', NAME]);
    const server = this.servers.find(({ port }) => String(port) === named?.[1]);
    if (server === undefined) throw new Error(`the Sentinels name no server of ours: ${named}`);
    return server;
  }

  async lag(): Promise<void> {
    const master = await this.master();
    await talk(master.port, async (redis) => {
      await redis.call('acl', 'setuser', 'repl', 'off');
      await redis.client('KILL', 'TYPE', 'replica');
    });
    const replica = this.servers.find((server) => server !== master) as RedisServer;
    await until(async () => (await info(replica, 'master_link_status')) === 'down', {
      for: 'the replica to lose its master',
      deadlineMs: 5_000,
    });
  }

  promoted(old: RedisServer, deadlineMs: number): Promise<RedisServer> {
    return until(
      async () => {
        const master = await this.master();
        if (master === old) return undefined;
        return (await info(master, 'role')) === 'master' ? master : undefined;
      },
      { for: 'a replica to be promoted', deadlineMs, everyMs: 25 },
    );
  }

  async stop(): Promise<void> {
    this.#watch?.disconnect();
    await Promise.all([...this.#sentinels, ...this.servers].map((server) => server.stop()));
  }

  #replicated(master: RedisServer, replicas: number): Promise<boolean> {
    return until(async () => (await onlineReplicas(master)) === replicas, {
      for: 'the replicas to follow the master',
      deadlineMs: 15_000,
    });
  }

  /** A Sentinel that does not know the replicas yet could promote none of them. */
  #watched(replicas: number, others: number): Promise<boolean> {
    return until(
      async () => {
        const masters = await this.#ask<string[]>(['master', NAME]);
        const count = (field: string) => Number(masters[masters.indexOf(field) + 1]);
        return count('num-slaves') === replicas && count('num-other-sentinels') === others;
      },
      { for: 'the Sentinels to know everybody', deadlineMs: 15_000, everyMs: 50 },
    );
  }

  async #countFailovers(): Promise<void> {
    const [sentinel] = this.#sentinels as [RedisServer];
    this.#watch = connection(sentinel.port, this.#password);
    this.#watch.on('message', () => {
      this.#failovers += 1;
    });
    await this.#watch.subscribe('+switch-master');
  }

  #ask<T>(command: readonly string[]): Promise<T> {
    const sentinel = this.#sentinels[0] as RedisServer;
    const asked = (redis: Redis) => redis.call('sentinel', ...command) as Promise<T>;
    return talk(sentinel.port, asked, this.#password);
  }
}

/** One conversation with a server on a connection of its own. */
export async function talk<T>(
  port: number,
  speak: (redis: Redis) => Promise<T>,
  password?: string,
): Promise<T> {
  const redis = connection(port, password, { socketTimeout: 5_000 });
  try {
    return await speak(redis);
  } finally {
    redis.disconnect();
  }
}

function connection(port: number, password: string | undefined, options: RedisOptions = {}): Redis {
  const redis = new Redis(port, '127.0.0.1', {
    ...(password === undefined ? {} : { password }),
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...options,
  });
  // Every command rejects with the same error; this event would be an unhandled one.
  redis.on('error', () => {});
  return redis;
}

/** One field of INFO. */
export async function info(server: RedisServer, field: string): Promise<string | undefined> {
  const text = await talk(server.port, (redis) => redis.info());
  return new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(text)?.[1];
}

async function onlineReplicas(master: RedisServer): Promise<number> {
  const text = await talk(master.port, (redis) => redis.info('replication'));
  return [...text.matchAll(/^slave\d+:.*state=online/gm)].length;
}
