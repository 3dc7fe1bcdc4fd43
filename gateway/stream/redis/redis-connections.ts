import { Redis, type RedisOptions } from 'ioredis';
import type { Clock, Random, Timer } from '../../../protocol/clock.ts';
import type { RedisSettings } from '../../settings/declaration.ts';
import { type RedisTarget, readRedisUrl } from '../../settings/redis-url.ts';
import { StoreDown, StoreRefused, StoreUnknown } from '../log.ts';
import type { RedisAccess } from './redis-access.ts';
import { endsConnection, isReplyError, leadsElsewhere, reasonOf } from './redis-errors.ts';
import { Outage } from './redis-outage.ts';

/** What a connection tells its owner. */
export interface ConnectionOwner {
  /**
   * The connection is there, nothing was sent on it. It is in use once this resolved; when it
   * rejects the connection is closed and made anew; after `StoreRefused` never again, unless it was
   * in use once: then somebody may mend what it now leads to.
   */
  prepare(connection: Connection): Promise<void>;
  /** It was in use and is lost. */
  lost(reason: string): void;
  /** It could not be made, or prepared. */
  failed(reason: Error): void;
}

export interface ConnectionOptions {
  readonly settings: RedisAccess;
  readonly clock: Clock;
  readonly random: Random;
  /** Appears in CLIENT LIST. */
  readonly name: string;
  /** Why it cannot be had; each reason once per outage. It holds no secret. */
  readonly onOutage?: ((reason: string) => void) | undefined;
}

const RETRY_FIRST_MS = 50;
const MOVED = 'the URL names another Redis';

/**
 * One connection to the master, remade for ever, by rules that each answer a measured failure:
 * nothing is queued while it is down, nothing is sent a second time, no call stays unanswered
 * longer than `socketTimeoutMs`, and a server that says it is no master is left.
 *
 * The deadline is our own: the client's `socketTimeout` survives its connection and breaks the
 * next one.
 */
export class Connection {
  readonly redis: Redis;
  readonly #owner: ConnectionOwner;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #name: string;
  readonly #certificates: object;
  readonly #outage: Outage;
  /** The database; chosen by us, because the client only warns when it cannot have it. */
  #db: number;
  #usable = false;
  /** It was usable once. */
  #proven = false;
  #closed = false;
  #leaving = false;
  /** The newest answer was the last one: the server runs nothing that was sent behind it. */
  #over = false;
  #pending = 0;
  #watchdog: Timer | undefined;
  /** Until then (clock.now) the server may be silent, because it was asked to wait. */
  #patience = 0;
  #lastError: Error | undefined;
  /** The master to which the Sentinels led it last. */
  #ledTo: string | undefined;

  constructor(owner: ConnectionOwner, options: ConnectionOptions) {
    const { settings, clock, random, name } = options;
    this.#owner = owner;
    this.#outage = new Outage(options.onOutage ?? (() => {}));
    this.#clock = clock;
    this.#deadlineMs = settings.socketTimeoutMs;
    this.#name = name;
    this.#certificates = settings.certificates ?? {};
    this.#db = targetOf(settings.url)?.db ?? 0;
    this.redis = create(settings, {
      retryStrategy: (attempt) => {
        const full = RETRY_FIRST_MS * 2 ** Math.min(attempt, 16);
        const longest = Math.min(settings.reconnectMaxMs, full);
        return Math.ceil(longest * (0.5 + random() / 2));
      },
      // Maps nothing: it is where the client says whom the Sentinels named.
      natMap: (named) => {
        this.#ledTo = named;
        return null;
      },
    });
    this.redis.on('error', (error: Error) => {
      this.#lastError = reasonOf(error);
      // While it looks for a Sentinel that answers, nothing is closed that would tell.
      if (this.redis.options.sentinels && !this.#usable) this.#failed(this.#lastError);
    });
    this.redis.on('ready', () => void this.#prepare());
    this.redis.on('close', () => this.#lost());
    this.redis.on('end', () => this.#lost());
  }

  get usable(): boolean {
    return this.#usable && !this.#leaving;
  }

  /** Connects, and from then on keeps it connected. */
  open(): void {
    this.redis.connect().catch((error: Error) => {
      // Later attempts are the client's own; this one's reason is told like theirs.
      this.#lastError = error;
    });
  }

  /** Ends it for good; calls under way are rejected. */
  close(): void {
    this.#closed = true;
    this.#usable = false;
    this.#watchdog?.cancel();
    this.redis.disconnect();
    this.redis.stream?.destroy();
  }

  /**
   * Another URL from the next connection on: the one that is there stays while it works. True: the
   * next one is on another server, or in another database.
   */
  useUrl(url: string): boolean {
    const { options } = this.redis;
    const target = targetOf(url);
    if (target === undefined) return false;
    // Sentinels say where the master is; of the URL only who we are counts.
    const { host, port } = options.sentinels ? options : target;
    const elsewhere = this.#db !== target.db || host !== options.host || port !== options.port;
    this.#db = target.db;
    Object.assign(options, credentials(target, this.#certificates), { host, port });
    return elsewhere;
  }

  /** Another password at the Sentinels, from the next time that one is asked. */
  useSentinelPassword(password: string): void {
    this.redis.options.sentinelPassword = password;
  }

  /** `host:port`, as the Sentinels call it, is a master no more: broken, if they led it there. */
  switched(from: string): void {
    if (this.#ledTo === from) this.break('Sentinel chose another master');
  }

  /** Breaks it; it is made anew. What is unanswered rejects with StoreUnknown. */
  break(reason: string): void {
    this.#lastError = new Error(reason);
    this.redis.stream?.destroy();
  }

  /**
   * Breaks it once what was sent is answered, at the latest when the server could have been silent
   * for too long. Until then nothing more is sent.
   */
  leave(reason: string): void {
    if (this.#leaving || this.#closed) return;
    this.#lastError = new Error(reason);
    this.#rearm();
    this.#leaving = true;
    if (this.#pending === 0) this.#rearm();
  }

  /** Sends one command. Rejects with StoreDown when it cannot be sent, or certainly did not run. */
  call(command: string, ...args: readonly (string | Buffer | number)[]): Promise<unknown> {
    return this.#watched(() => this.redis.callBuffer(command, ...args));
  }

  subscribe(channels: readonly string[]): Promise<unknown> {
    return this.#watched(() => this.redis.subscribe(...channels));
  }

  unsubscribe(channels: readonly string[]): Promise<unknown> {
    return this.#watched(() => this.redis.unsubscribe(...channels));
  }

  /** What `send` sends leaves in one write. */
  together(send: () => void): void {
    const { stream } = this.redis;
    stream?.cork();
    try {
      send();
    } finally {
      stream?.uncork();
    }
  }

  /** The server was asked to block for so long before it answers. */
  allow(extraMs: number): void {
    this.#patience = Math.max(this.#patience, this.#clock.now() + extraMs);
    this.#rearm();
  }

  #watched<T>(send: () => Promise<T>): Promise<T> {
    if (!this.#open) {
      const cause = this.#lastError;
      return Promise.reject(new StoreDown(`Redis cannot be reached${this.#because()}`, { cause }));
    }
    this.#pending += 1;
    if (this.#pending === 1) this.#rearm();
    const { stream } = this.redis;
    return send()
      .then(
        (answer) => {
          this.#over = false;
          return answer;
        },
        (error: unknown) => {
          throw isReplyError(error) ? this.#refused(error) : this.#broken();
        },
      )
      .finally(() => {
        this.#pending -= 1;
        // What an older connection still owed says nothing about this one.
        if (stream === this.redis.stream || this.#pending === 0) this.#rearm();
      });
  }

  /** To where the URL leads now: left, or broken where it may be on its way to the old place. */
  move(): void {
    if (this.usable) this.leave(MOVED);
    else this.break(MOVED);
  }

  get #open(): boolean {
    const { status, stream } = this.redis;
    return !this.#closed && !this.#leaving && status === 'ready' && stream.writable;
  }

  #refused(error: Error): Error {
    this.#over = endsConnection(error);
    if (leadsElsewhere(error)) this.leave(error.message);
    return error;
  }

  #broken(): StoreDown | StoreUnknown {
    const reason = `the connection to Redis broke${this.#because()}`;
    const cause = this.#lastError;
    return this.#over ? new StoreDown(reason, { cause }) : new StoreUnknown(reason, { cause });
  }

  /**
   * The deadline runs while something is unanswered, anew from each answer on; but not on a
   * connection that is left, which has one deadline for all of it.
   */
  #rearm(): void {
    if (this.#leaving && this.#pending > 0) return;
    this.#watchdog?.cancel();
    this.#watchdog = undefined;
    if (this.#closed) return;
    if (this.#pending === 0) {
      if (this.#leaving) this.redis.stream.destroy();
      return;
    }
    const patience = Math.max(0, this.#patience - this.#clock.now());
    this.#watchdog = this.#clock.after(this.#deadlineMs + patience, () =>
      this.break(`no answer within ${this.#deadlineMs} ms`),
    );
  }

  async #prepare(): Promise<void> {
    const { stream } = this.redis;
    this.#over = false;
    try {
      // Not the client's own `connectionName`: it would wait for the answer without a deadline.
      const named = this.call('CLIENT', 'SETNAME', this.#name);
      // Only a nicety; whoever may not do it can do everything else.
      named.catch(() => {});
      if (this.#db !== 0) await this.#select(this.#db);
      await this.#owner.prepare(this);
      // A user that is refused may be served as the default one, until the client hangs up.
      if (this.redis.stream !== stream || this.#closed || !stream.writable) return;
      this.#usable = true;
      this.#proven = true;
      this.#lastError = undefined;
      this.#outage.over();
    } catch (error) {
      const reason = reasonOf(error);
      if (this.#closed) return;
      this.#failed(reason);
      if (reason instanceof StoreRefused && !this.#proven) this.close();
      else if (this.redis.stream === stream) this.break(reason.message);
    }
  }

  #failed(reason: Error): void {
    if (this.#closed) return;
    if (reason.message !== MOVED) this.#outage.failed(reason);
    this.#owner.failed(reason);
  }

  /**
   * In capitals, by which the client does not know the command: it would select the database again
   * by itself at each reconnect, also an old one, and leave the rejection to nobody.
   */
  async #select(db: number): Promise<void> {
    try {
      await this.call('SELECT', db);
    } catch (error) {
      // Whoever is not let in at all, or not yet, is not told about databases.
      if (!isReplyError(error) || !/^(ERR|NOPERM)\b/.test(error.message)) throw error;
      throw new StoreRefused(`Redis refuses database ${db}: ${reasonOf(error).message}`);
    }
  }

  #lost(): void {
    const wasUsable = this.#usable;
    this.#usable = false;
    this.#leaving = false;
    if (this.#closed) return;
    const reason = this.#lastError?.message ?? 'closed by Redis';
    if (wasUsable) this.#owner.lost(reason);
    else this.#failed(this.#lastError ?? new Error(reason));
    // What the next one meets has a reason of its own.
    if (reason === MOVED) this.#lastError = undefined;
  }

  #because(): string {
    return this.#lastError === undefined ? '' : `: ${this.#lastError.message}`;
  }
}

function create(settings: RedisAccess, own: RedisOptions): Redis {
  const options: RedisOptions = {
    ...own,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    enableAutoPipelining: false,
    disableClientInfo: true,
    noDelay: true,
    keepAlive: 10_000,
    connectTimeout: settings.connectTimeoutMs,
    // `close` cuts. The client's timer would wait for the end of a stream that ended before.
    disconnectTimeout: 0,
  };
  const { url, sentinels, sentinelName, certificates = {} } = settings;
  const target = targetOf(url);
  const who = target === undefined ? {} : credentials(target, certificates);
  if (sentinels.length === 0 || sentinelName === undefined) {
    return new Redis({ ...options, ...who, ...(target === undefined ? {} : place(target)) });
  }
  return new Redis({
    ...options,
    // With Sentinels the URL says who we are and which database, not where the master is.
    ...who,
    sentinels: sentinels.map(sentinelAddress),
    ...(settings.sentinelUser === undefined ? {} : { sentinelUsername: settings.sentinelUser }),
    ...(settings.sentinelPassword === undefined
      ? {}
      : { sentinelPassword: settings.sentinelPassword }),
    ...(settings.sentinelTls ? { sentinelTLS: certificates } : {}),
    name: sentinelName,
    role: 'master',
    sentinelCommandTimeout: settings.socketTimeoutMs,
    sentinelRetryStrategy: sentinelRetry(settings),
  });
}

/** Milliseconds until a Sentinel is tried again. */
export function sentinelRetry({
  reconnectMaxMs,
}: Pick<RedisSettings, 'reconnectMaxMs'>): (attempt: number) => number {
  return (attempt) => Math.min(reconnectMaxMs, RETRY_FIRST_MS * attempt);
}

/** Settings and the file's reader let no URL pass that cannot be read. */
function targetOf(url: string | undefined): RedisTarget | undefined {
  if (url === undefined) return undefined;
  const read = readRedisUrl(url);
  if ('target' in read) return read.target;
  throw new StoreRefused(`the Redis URL cannot be used: ${read.problems.join('; ')}`);
}

const place = ({ host, port }: RedisTarget) => ({ host, port });

/** With members that are undefined: what an older URL said is no longer so. */
const credentials = ({ username, password, tls }: RedisTarget, certificates: object) => ({
  username,
  password,
  // The client reads the object's members whenever it connects.
  tls: tls ? certificates : undefined,
  // Without it a connection that Sentinels name is never encrypted.
  enableTLSForSentinelMode: tls,
});

/** Of `host:port`; an IPv6 address stands in brackets there, and not where one connects to it. */
export function sentinelAddress(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(text.slice(colon + 1)) };
}
