import type { Clock, Random } from '../../../protocol/clock.ts';
import { StoreDown } from '../../stream/log.ts';
import { redisKeys } from '../../stream/redis/keys.ts';
import type { RedisAccess } from '../../stream/redis/redis-access.ts';
import { Connection } from '../../stream/redis/redis-connections.ts';
import { judge, storeError } from '../../stream/redis/redis-errors.ts';
import { luaScripts, type Script } from '../../stream/redis/redis-scripts.ts';
import {
  type Beat,
  type Beaten,
  FALLS_MAX,
  FORGET_HEARTBEATS,
  FORGIVE_HEARTBEATS,
  GONE_HEARTBEATS,
  LEASE_HEARTBEATS,
  type Offer,
  type OfferOutcome,
  PAUSE_HEARTBEATS,
  type PodBoard,
  type PodsOnBoard,
  type RingStamp,
} from '../pod-board.ts';
import { beatReply, encodeFacts, encodeLoad, offerReply, podsReply } from './board-replies.ts';

export interface RedisBoardOptions {
  readonly redis: RedisAccess;
  readonly cluster: string;
  /** Name of this pod; only for CLIENT LIST. */
  readonly pod: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The connection to Redis was lost. */
  readonly onLost?: () => void;
  /** Why it cannot be had; each reason once per outage. */
  readonly onOutage?: (reason: string) => void;
}

const SCRIPTS = ['beat', 'offer', 'pods', 'goodbye'] as const;
/** A board that nobody beat on for so long is deleted. */
const BOARD_MS = 86_400_000;

const scripts = luaScripts(new URL('lua/', import.meta.url), SCRIPTS, {
  BOARD_MS,
  FALLS_MAX,
  FORGET_HEARTBEATS,
  FORGIVE_HEARTBEATS,
  GONE_HEARTBEATS,
  LEASE_HEARTBEATS,
  PAUSE_HEARTBEATS,
});

type Arg = string | number;

/**
 * The board in Redis: one script per step, on a connection of its own, so that a beat neither waits
 * behind pages of history nor holds up publishes.
 *
 * Bytes of a beat among 500 pods, as `redis-board.test.ts` measures them on Redis 7.0.15: 463 there
 * and 205 back while nothing changed, and about 40 µs of Redis; 53 KB back for the holder of the
 * lease, or when the facts of any pod changed; 55 KB back when there is a new ring.
 */
export class RedisBoard implements PodBoard {
  readonly #options: RedisBoardOptions;
  readonly #keys: readonly string[];
  readonly #connection: Connection;
  #up = () => {};
  /** Why there was no connection when one was last tried. */
  #reason = '';

  constructor(options: RedisBoardOptions) {
    this.#options = options;
    const { redis, clock, random, pod, cluster, onOutage } = options;
    this.#keys = redisKeys(redis.keyPrefix).board(cluster);
    this.#connection = new Connection(
      {
        prepare: async (connection) => {
          for (const { text } of Object.values(scripts)) {
            await connection.call('SCRIPT', 'LOAD', text);
          }
          // It is usable only after this has returned.
          queueMicrotask(() => queueMicrotask(() => this.#up()));
        },
        lost: () => options.onLost?.(),
        // It is tried again for ever; the beats that fail meanwhile say why.
        failed: ({ message }) => {
          this.#reason = `: ${message}`;
        },
      },
      { settings: redis, clock, random, name: `${pod}-ring`, onOutage },
    );
  }

  open(up: () => void): void {
    this.#up = () => {
      if (this.#connection.usable) up();
    };
    this.#connection.open();
  }

  /** Another URL from the next connection on. */
  useUrl(url: string): void {
    this.#connection.useUrl(url);
  }

  /** The same for who we are to the Sentinels. */
  useSentinelPassword(password: string): void {
    this.#connection.useSentinelPassword(password);
  }

  /** See `Connection.switched`: whoever listens to the Sentinels tells the board too. */
  switched(from: string): void {
    this.#connection.switched(from);
  }

  async beat(beat: Beat): Promise<Beaten> {
    const { pod, intervalMs, leaving, load, facts, ring, refused, known, mayWrite } = beat;
    const reply = await this.#run('beat', [
      ...[pod, intervalMs, leaving ? 'leaving' : 'here', encodeLoad(load), encodeFacts(facts)],
      ...[this.#token(), known ?? '', ...stampArguments(ring), refused ?? '', mayWrite ? '1' : '0'],
    ]);
    return beatReply(reply, pod);
  }

  async offer({ ring, document, written }: Offer): Promise<OfferOutcome> {
    const claim =
      written === undefined
        ? []
        : [written.by, written.generation, ...stampArguments(written.over)];
    return offerReply(await this.#run('offer', [...stampArguments(ring), document, ...claim]));
  }

  async pods(): Promise<PodsOnBoard> {
    return podsReply(await this.#run('pods', []));
  }

  /** Makes its connection anew. */
  reconnect(reason: string): void {
    this.#connection.break(reason);
  }

  /** Says something to whoever listens to a channel, on this connection. */
  publish(channel: string, text: string): Promise<unknown> {
    return this.#connection.call('PUBLISH', channel, text);
  }

  async leave(pod: string): Promise<void> {
    await this.#run('goodbye', [pod, this.#token()]);
  }

  close(): void {
    this.#connection.close();
  }

  /** Changes whenever the facts do, also when Redis forgot some of them: so it is no counter. */
  #token(): string {
    return Math.floor(this.#options.random() * 2 ** 52).toString(36);
  }

  /** Every step may be repeated, and Redis that forgot a script has not run it. */
  async #run(name: (typeof SCRIPTS)[number], args: readonly Arg[]): Promise<unknown> {
    const script = scripts[name];
    try {
      return await this.#call(script, args);
    } catch (error) {
      if (judge(error).kind !== 'noscript') throw storeError(error);
    }
    try {
      await this.#connection.call('SCRIPT', 'LOAD', script.text);
      return await this.#call(script, args);
    } catch (error) {
      throw storeError(error);
    }
  }

  #call({ sha }: Script, args: readonly Arg[]): Promise<unknown> {
    if (!this.#connection.usable) {
      return Promise.reject(new StoreDown(`Redis cannot be reached${this.#reason}`));
    }
    return this.#connection.call('EVALSHA', sha, this.#keys.length, ...this.#keys, ...args);
  }
}

function stampArguments(ring: RingStamp | undefined): [number, number, string] {
  if (ring === undefined) return [-1, -1, ''];
  return [ring.version.generation, ring.version.counter, ring.digest];
}
