import { Redis } from 'ioredis';
import type { RedisAccess } from './redis-access.ts';
import { sentinelAddress, sentinelRetry } from './redis-connections.ts';
import { reasonOf } from './redis-errors.ts';
import { Outage } from './redis-outage.ts';

export interface SentinelWatchOptions {
  readonly settings: SentinelSettings;
  /** `host:port`, as Sentinels call it, is our master no more, whatever it says itself. */
  readonly onSwitched: (from: string) => void;
  /**
   * Why a Sentinel (`sentinel host:port`) is not heard; each reason once per outage. The client
   * itself says only that a connection was closed.
   */
  readonly onOutage?: ((connection: string, reason: string) => void) | undefined;
}

type SentinelSettings = Pick<
  RedisAccess,
  | 'certificates'
  | 'sentinels'
  | 'sentinelName'
  | 'sentinelUser'
  | 'sentinelPassword'
  | 'sentinelTls'
  | 'connectTimeoutMs'
  | 'reconnectMaxMs'
>;

const CHANNEL = '+switch-master';

/**
 * Hears from every Sentinel that another master was chosen. The one before is told by them only
 * seconds later, and meanwhile goes on as a master if it can: frozen or not, it is to be left now.
 *
 * What is missed while a Sentinel cannot be reached stays missed. The client's own detector heeds
 * every master's switch and stops when its Sentinel is gone.
 */
export class SentinelWatch {
  readonly #clients: readonly Redis[];
  readonly #options: SentinelWatchOptions;

  constructor(options: SentinelWatchOptions) {
    this.#options = options;
    this.#clients = options.settings.sentinels.map((sentinel) => this.#client(sentinel));
  }

  open(): void {
    for (const client of this.#clients) {
      client.connect().catch(() => {
        // It tries again by itself; the event below says the reason.
      });
    }
  }

  /**
   * Cut, as it owes nothing. A TLS handshake that is ended in order can fail twice in a moment, by
   * its certificate and by the alert that answers the end; the client hears one of these errors,
   * and the other one would end the process.
   */
  close(): void {
    for (const client of this.#clients) {
      client.disconnect();
      client.stream?.destroy();
    }
  }

  /** From the next connection on. */
  usePassword(password: string): void {
    for (const { options } of this.#clients) options.password = password;
  }

  #client(sentinel: string): Redis {
    const { settings, onOutage } = this.#options;
    const outage = new Outage((reason) => onOutage?.(`sentinel ${sentinel}`, reason));
    const failed = (error: unknown) => outage.failed(reasonOf(error));
    const client = new Redis({
      ...sentinelAddress(sentinel),
      ...(settings.sentinelUser === undefined ? {} : { username: settings.sentinelUser }),
      ...(settings.sentinelPassword === undefined ? {} : { password: settings.sentinelPassword }),
      ...(settings.sentinelTls ? { tls: settings.certificates ?? {} } : {}),
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      disableClientInfo: true,
      keepAlive: 10_000,
      connectTimeout: settings.connectTimeoutMs,
      retryStrategy: sentinelRetry(settings),
    });
    client.on('error', failed);
    // Where it broke meanwhile, the next connection subscribes again.
    client.on('ready', () => void client.subscribe(CHANNEL).then(() => outage.over(), failed));
    client.on('message', (_channel: string, text: string) => this.#switched(text));
    return client;
  }

  /** `<name> <old host> <old port> <new host> <new port>` */
  #switched(text: string): void {
    const [name, host, port] = text.split(' ');
    const { settings, onSwitched } = this.#options;
    if (name === settings.sentinelName) onSwitched(`${host}:${port}`);
  }
}
