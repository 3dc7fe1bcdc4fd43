import type { Clock, Random, Timer } from '../../../protocol/clock.ts';
import { StoreDown } from '../../stream/log.ts';
import { redisKeys } from '../../stream/redis/keys.ts';
import type { RedisAccess } from '../../stream/redis/redis-access.ts';
import { Connection } from '../../stream/redis/redis-connections.ts';
import { storeError } from '../../stream/redis/redis-errors.ts';
import { checkLength, type PodWire, WIRE_BYTES, type WireListener } from '../pod-wire.ts';

export interface RedisWireOptions {
  readonly redis: RedisAccess;
  readonly cluster: string;
  readonly pod: string;
  /** The connection that says something: the one that hears may not. */
  readonly speaker: Speaker;
  readonly clock: Clock;
  readonly random: Random;
  /** The connection to Redis was lost. */
  readonly onLost?: () => void;
  /** Why it cannot be had; each reason once per outage. */
  readonly onOutage?: (reason: string) => void;
}

export interface Speaker {
  publish(channel: string, text: string): Promise<unknown>;
  /** Makes its connection anew. */
  reconnect(reason: string): void;
}

/** How often a pod says something to itself. */
const PROBE_MS = 5_000;
/** Begins a probe; everything else that pods say is JSON. */
const PROBE = 'p';
const LOST_PROBE = 'what was said did not come back';

/**
 * The wire through Redis: a channel of the cluster and one of each pod, heard on a connection of
 * its own, so that many answers hold up no live copies of messages.
 *
 * What is published and what is heard may be two servers: after a failover that one of the two
 * connections missed, or with a server that froze. So the pod says something to itself every
 * `PROBE_MS`, and when it does not hear that in time, both connections are made anew: which of them
 * is wrong, nobody knows.
 */
export class RedisWire implements PodWire {
  readonly #options: RedisWireOptions;
  readonly #all: string;
  readonly #connection: Connection;
  readonly #channelOf: (pod: string) => string;
  #listener: WireListener | undefined;
  #timer: Timer | undefined;
  /** Number of the newest probe, and of the newest that was heard. */
  #probe = 0;
  #heard = 0;

  constructor(options: RedisWireOptions) {
    this.#options = options;
    const { redis, clock, random, pod, cluster, onOutage } = options;
    const keys = redisKeys(redis.keyPrefix);
    this.#all = keys.clusterChannel(cluster);
    this.#channelOf = (name) => keys.clusterChannel(cluster, name);
    this.#connection = new Connection(
      {
        prepare: async (connection) => {
          await connection.subscribe([this.#all, this.#channelOf(pod)]);
          this.#rest();
          this.#plan();
          // It is usable only after this has returned.
          queueMicrotask(() => queueMicrotask(() => this.#up()));
        },
        lost: () => {
          this.#rest();
          options.onLost?.();
        },
        // It is tried again for ever; whoever asks meanwhile is told that it cannot be.
        failed: () => this.#rest(),
      },
      { settings: redis, clock, random, name: `${pod}-wire`, onOutage },
    );
    this.#connection.redis.on('messageBuffer', (channel: Buffer, message: Buffer) =>
      this.#hear(channel.toString('latin1'), message),
    );
  }

  open(listener: WireListener): void {
    this.#listener = listener;
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

  /** See `Connection.switched`: whoever listens to the Sentinels tells the wire too. */
  switched(from: string): void {
    this.#connection.switched(from);
  }

  toAll(text: string): Promise<void> {
    return this.#publish(this.#all, text);
  }

  toPod(pod: string, text: string): Promise<void> {
    return this.#publish(this.#channelOf(pod), text);
  }

  close(): void {
    this.#rest();
    this.#listener = undefined;
    this.#connection.close();
  }

  #up(): void {
    if (this.#connection.usable) this.#listener?.onUp();
  }

  async #publish(channel: string, text: string): Promise<void> {
    checkLength(text);
    // Whoever hears nothing would wait for answers in vain.
    if (!this.#connection.usable) throw new StoreDown('Redis cannot be reached');
    try {
      await this.#options.speaker.publish(channel, text);
    } catch (error) {
      throw storeError(error);
    }
  }

  #hear(channel: string, message: Buffer): void {
    if (message.length > WIRE_BYTES) return;
    const text = message.toString();
    if (channel === this.#all) this.#listener?.onAll(text);
    else if (text.startsWith(PROBE)) this.#heard = Number(text.slice(PROBE.length));
    else this.#listener?.onOwn(text);
  }

  /** No probe is due, and none that was sent counts. */
  #rest(): void {
    this.#timer?.cancel();
    this.#probe += 1;
  }

  #plan(): void {
    this.#timer = this.#options.clock.after(PROBE_MS, () => void this.#probeOnce());
  }

  /** Where nothing can be published, nothing is known of what is heard. Never rejects. */
  async #probeOnce(): Promise<void> {
    const { pod, clock, redis, speaker } = this.#options;
    this.#probe += 1;
    const probe = this.#probe;
    const sent = await this.toPod(pod, PROBE + probe).then(
      () => true,
      () => false,
    );
    if (probe !== this.#probe) return;
    if (!sent) {
      this.#plan();
      return;
    }
    this.#timer = clock.after(redis.socketTimeoutMs, () => {
      if (this.#heard === probe) {
        this.#plan();
        return;
      }
      this.#connection.break(LOST_PROBE);
      speaker.reconnect(LOST_PROBE);
    });
  }
}
