import type { Clock, Random } from '../../../protocol/clock.ts';
import { type Bell, StoreDown } from '../log.ts';
import { decodePodMessage, decodeTopicMessage } from './entry-codec.ts';
import type { Keys } from './keys.ts';
import type { RedisAccess } from './redis-access.ts';
import { Connection, type ConnectionOwner } from './redis-connections.ts';

export interface SubscriberOptions {
  readonly settings: RedisAccess;
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: Keys;
  readonly pod: string;
  readonly bell: Bell;
  /** A message on one of our channels that we did not write. */
  readonly onForeign: () => void;
  readonly onProbed: (token: string) => void;
  /** See `ConnectionOptions`. */
  readonly onOutage?: (reason: string) => void;
  readonly owner: Pick<ConnectionOwner, 'failed'> & { up(): void; down(): void };
}

interface Listener {
  readonly topic: string;
  /** Ends the waiting of `listen`; undefined once it is in force. */
  settle: ((error?: StoreDown) => void) | undefined;
  readonly inForce: Promise<void>;
}

/** Channels of one SUBSCRIBE, so that no command grows without limit. */
const CHANNELS_PER_COMMAND = 1_000;

/**
 * The connection that hears live copies. What it is to hear is kept here: after a reconnect
 * everything is subscribed again before `up` rings.
 */
export class RedisSubscriber implements ConnectionOwner {
  readonly connection: Connection;
  readonly #options: SubscriberOptions;
  readonly #podChannel: string;
  readonly #listeners = new Map<string, Listener>();
  #joining: string[] = [];
  #leaving: string[] = [];
  #flushing = false;
  #prepared = false;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#podChannel = options.keys.podChannel(options.pod);
    const { settings, clock, random, pod, onOutage } = options;
    const name = `${pod}-bell`;
    this.connection = new Connection(this, { settings, clock, random, name, onOutage });
    this.connection.redis.on('messageBuffer', (channel: Buffer, message: Buffer) =>
      this.#heard(channel.toString('latin1'), message),
    );
  }

  async prepare(connection: Connection): Promise<void> {
    const channels = [this.#podChannel, ...this.#listeners.keys()];
    for (let at = 0; at < channels.length; at += CHANNELS_PER_COMMAND) {
      await connection.subscribe(channels.slice(at, at + CHANNELS_PER_COMMAND));
    }
    this.#prepared = true;
    this.#schedule();
    this.#options.owner.up();
    this.#options.bell.up();
  }

  lost(reason: string): void {
    this.#down();
    this.#options.owner.down();
    this.#options.bell.down(reason);
  }

  failed(reason: Error): void {
    this.#down();
    this.#options.owner.failed(reason);
  }

  /** What waits is told so; what is in force is subscribed again. */
  #down(): void {
    this.#prepared = false;
    this.#joining = [];
    this.#leaving = [];
    for (const [channel, { settle }] of this.#listeners) {
      if (settle === undefined) continue;
      this.#listeners.delete(channel);
      settle(new StoreDown('the connection for live copies broke'));
    }
  }

  listen(topic: string): Promise<void> {
    const channel = this.#options.keys.topicChannel(topic);
    const known = this.#listeners.get(channel);
    if (known !== undefined) return known.inForce;
    if (!this.#prepared) {
      return Promise.reject(new StoreDown('the connection for live copies is down'));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error?: StoreDown) => (error === undefined ? resolve() : reject(error));
    this.#listeners.set(channel, { topic, settle, inForce: promise });
    this.#joining.push(channel);
    this.#schedule();
    return promise;
  }

  unlisten(topic: string): void {
    const channel = this.#options.keys.topicChannel(topic);
    const listener = this.#listeners.get(channel);
    if (listener === undefined) return;
    this.#listeners.delete(channel);
    listener.settle?.(new StoreDown('no longer wanted'));
    if (!this.#prepared) return;
    this.#leaving.push(channel);
    this.#schedule();
  }

  close(): void {
    this.#down();
    this.connection.close();
  }

  /** What one turn asks for leaves together. */
  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (this.#prepared) this.#flush();
    });
  }

  #flush(): void {
    const [leaving, joining] = [this.#leaving, this.#joining];
    this.#leaving = [];
    this.#joining = [];
    // Left and wanted again within the turn: it must not be left after it was joined.
    const left = leaving.filter((channel) => !this.#listeners.has(channel));
    const joined = joining.filter((channel) => this.#listeners.has(channel));
    for (let at = 0; at < left.length; at += CHANNELS_PER_COMMAND) {
      const part = left.slice(at, at + CHANNELS_PER_COMMAND);
      this.connection.unsubscribe(part).catch((error: Error) => this.#broken(error));
    }
    for (let at = 0; at < joined.length; at += CHANNELS_PER_COMMAND) {
      void this.#join(joined.slice(at, at + CHANNELS_PER_COMMAND));
    }
  }

  async #join(channels: readonly string[]): Promise<void> {
    const asked = channels.map((channel) => this.#listeners.get(channel));
    try {
      await this.connection.subscribe(channels);
    } catch (error) {
      this.#broken(error);
      return;
    }
    for (const listener of asked) {
      listener?.settle?.();
      if (listener !== undefined) listener.settle = undefined;
    }
  }

  /** What is subscribed is no longer known: only a new connection makes it certain. */
  #broken(error: unknown): void {
    this.connection.break(error instanceof Error ? error.message : String(error));
  }

  #heard(channel: string, message: Buffer): void {
    if (channel === this.#podChannel) {
      this.#heardOwn(message);
      return;
    }
    const { bell, onForeign } = this.#options;
    const topic = this.#listeners.get(channel)?.topic;
    if (topic === undefined) return;
    const heard = decodeTopicMessage(message);
    if (heard?.type === 'entries') bell.entries(topic, heard.entries, heard.second);
    else if (heard?.type === 'announced') bell.announced(topic, heard);
    else onForeign();
  }
  #heardOwn(message: Buffer): void {
    const { bell, onForeign, onProbed } = this.#options;
    const heard = decodePodMessage(message);
    if (heard?.type === 'probed') {
      onProbed(heard.token);
      bell.probed(heard.token);
    } else if (heard?.type === 'superseded') bell.superseded(heard.key, heard.generation);
    else onForeign();
  }
}
