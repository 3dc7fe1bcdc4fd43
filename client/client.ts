import type { Err, ServerEvent, Welcome } from '../protocol/events.ts';
import { parsePosition } from '../protocol/position.ts';
import { topicProblem } from '../protocol/topic.ts';
import {
  Connection,
  type ConnectionOwner,
  type ConnectionState,
  type Moved,
  type StateChange,
} from './connection.ts';
import { deferred } from './deferred.ts';
import { ClientError, PublishError } from './errors.ts';
import { Emitter, type Handler } from './events.ts';
import type { Staleness } from './message.ts';
import { type ClientOptions, type Settings, settingsFrom } from './options.ts';
import { Outbound, type Published, type PublishOptions } from './outbound.ts';
import { Requests } from './requests.ts';
import type { PositionKeeper } from './storage.ts';
import type { SubscribeOptions, Subscription } from './subscription.ts';
import { Subscriptions } from './subscriptions.ts';

export interface ClientEvents {
  state: StateChange;
  moved: Moved;
  stale: Staleness;
  /** What went wrong and has no caller to be told. The client goes on. */
  error: ClientError;
}

const closed = () => new ClientError('closed');

/**
 * A client of a WsCluster: one connection that is kept, subscriptions that are resumed, publishes
 * that are repeated without being written twice.
 *
 * It connects at the first `connect`, `subscribe` or `publish`. Nothing that it returns causes an
 * unhandled rejection when nobody waits for it.
 */
export class Client {
  readonly #settings: Settings;
  readonly #requests: Requests;
  readonly #connection: Connection;
  readonly #subscriptions: Subscriptions;
  readonly #outbound: Outbound;
  readonly #keeper: PositionKeeper | undefined;
  readonly #events: Emitter<ClientEvents>;
  /** Apart, since its handlers cannot be reported to themselves. */
  readonly #errors = new Emitter<ClientEvents>(rethrow);
  readonly #stopPlatform: () => void;
  /** Settles when the tries that are under way lead to a connection, or do not. */
  #connected = deferred<void>();
  #gaveUp: ClientError | undefined;
  #welcome: Welcome | undefined;
  #stale = false;
  #roundTripMs: number | undefined;

  /** @throws OptionsError that names every option that is wrong. */
  constructor(options: ClientOptions) {
    const settings = settingsFrom(options);
    const { clock, storage, saveIntervalMs: intervalMs } = settings;
    this.#settings = settings;
    const handlerFailed = (error: unknown) => this.#handlerFailed(error);
    const report = (error: ClientError) => this.#errors.emit('error', error);
    const requests = new Requests(clock, settings.requestTimeoutMs);
    const wire = new Connection(this.#connectionOwner(report), settings, requests);
    const keeper = storage?.({
      clock,
      intervalMs,
      positions: () => this.#subscriptions.all,
      onError: report,
    });
    this.#events = new Emitter(handlerFailed);
    this.#requests = requests;
    this.#connection = wire;
    this.#keeper = keeper;
    this.#subscriptions = new Subscriptions({
      wire,
      settings,
      requests,
      keeper,
      handlerFailed,
      report,
    });
    this.#outbound = new Outbound(wire, settings, requests);
    this.#stopPlatform = settings.platform({
      onWake: () => wire.wake(),
      onOnline: () => wire.hurry(),
      onHide: () => void keeper?.save(),
    });
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** What the gateway said of itself and of us; undefined while not connected. */
  get welcome(): Welcome | undefined {
    return this.state === 'connected' ? this.#welcome : undefined;
  }

  /** Whether the gateway is cut off from the log: what is seen may be old. */
  get stale(): boolean {
    return this.#stale;
  }

  /** The round-trip time that `ping` measured last, in ms. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Returns what removes the handler again. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    handler: Handler<ClientEvents[Name]>,
  ): () => void {
    return (name === 'error' ? this.#errors : this.#events).on(name, handler);
  }

  /**
   * Begins to connect, also after the client gave up. Resolves when it is connected; rejects with
   * a `ClientError` when it gave up or was closed first.
   */
  connect(): Promise<void> {
    const done = this.#connected;
    if (this.state === 'closed') done.reject(closed());
    if (this.#gaveUp !== undefined) {
      this.#gaveUp = undefined;
      for (const subscription of this.#subscriptions.all) subscription.onGaveUp(undefined);
    }
    this.#start();
    return done.promise;
  }

  /**
   * Listens to a topic. The subscription of a topic is one object: a second call returns the same.
   *
   * @throws ClientError `bad_topic`, `bad_position`, `closed`, or `already_subscribed` when options
   * are given for a topic that is subscribed.
   */
  subscribe<T = unknown>(topic: string, options?: SubscribeOptions): Subscription<T> {
    const problem = topicProblem(topic);
    if (problem !== undefined) throw new ClientError('bad_topic', problem);
    if (this.state === 'closed') throw closed();
    const position = options?.position;
    if (position !== undefined && parsePosition(position) === undefined) {
      throw new ClientError('bad_position');
    }
    const known = this.#subscriptions.get(topic);
    if (known !== undefined && known.state !== 'failed') {
      if (options === undefined) return known as Subscription<T>;
      throw new ClientError('already_subscribed', topic);
    }
    const subscription = this.#subscriptions.add(topic, options ?? {});
    if (this.#gaveUp === undefined) this.#start();
    else subscription.onGaveUp(this.#gaveUp);
    return subscription as Subscription<T>;
  }

  /**
   * Publishes JSON data, which is read at once: later changes to it are not published. While there
   * is no connection it waits in a queue. Rejects with a `PublishError`, whose `outcome` tells
   * `failed` (certainly not written) from `unknown`.
   */
  publish(topic: string, data: unknown, options: PublishOptions = {}): Promise<Published> {
    const over = this.state === 'closed' ? closed() : this.#gaveUp;
    if (over !== undefined) return rejected(new PublishError('failed', over));
    const published = this.#outbound.publish(topic, data, options);
    this.#start();
    return published;
  }

  /** Measures the round-trip time, in ms. Rejects with a `ClientError` without a connection. */
  ping(): Promise<number> {
    if (!this.#connection.connected) {
      return rejected(new ClientError('disconnected'));
    }
    const { clock } = this.#settings;
    const at = this.#requests.next();
    const sent = clock.now();
    const measured = this.#requests.expect(at).then(() => {
      this.#roundTripMs = clock.now() - sent;
      return this.#roundTripMs;
    });
    measured.catch(() => {});
    this.#connection.send({ type: 'ping', at });
    return measured;
  }

  /**
   * Ends everything, for good: loops end, publishes are settled, the socket is closed. Resolves
   * when the positions are saved; never rejects.
   */
  close(): Promise<void> {
    if (this.state === 'closed') return Promise.resolve();
    const saved = this.#keeper?.save();
    this.#stopPlatform();
    this.#connection.close();
    this.#requests.lost();
    const error = closed();
    this.#outbound.end(error);
    for (const subscription of this.#subscriptions.all) subscription.close(error.message);
    this.#connected.reject(error);
    return saved ?? Promise.resolve();
  }

  #start(): void {
    // Without the saved positions a subscription would begin now, and miss what was before.
    if (this.#keeper === undefined) this.#connection.connect();
    else void this.#keeper.load().then(() => this.#connection.connect());
  }

  #connectionOwner(onError: (error: ClientError) => void): ConnectionOwner {
    return {
      onState: (change) => this.#events.emit('state', change),
      onWelcome: (welcome) => this.#onWelcome(welcome),
      onEvent: (event, size, carried) => this.#onEvent(event, size, carried),
      onLost: () => {
        this.#connected = deferred();
        this.#requests.lost();
        for (const subscription of this.#subscriptions.all) subscription.onLost();
        this.#outbound.onLost();
      },
      onGaveUp: (reason) => this.#onGaveUp(reason),
      onError,
      carry: (link, { limits }) => this.#subscriptions.carry(link, limits.frameBytes),
      settled: () => this.#requests.idle && this.#outbound.idle,
      onMoved: (welcome, moved) => {
        this.#requests.lost();
        this.#outbound.onLost();
        this.#subscriptions.onMoveEnd(true);
        this.#onWelcome(welcome);
        this.#events.emit('moved', moved);
      },
      onMoveFailed: (reason, cause) => {
        this.#subscriptions.onMoveEnd(false);
        this.#outbound.flush();
        if (reason) onError(new ClientError('move_failed', reason, cause));
      },
    };
  }

  #onWelcome(welcome: Welcome): void {
    const before = this.#welcome;
    this.#welcome = welcome;
    if (before && before.identity !== welcome.identity) {
      // To publish it now would be to publish it as somebody else.
      this.#outbound.end({ code: 'identity_changed' });
    }
    this.#setStale(false, this.#settings.clock.wall());
    const { frameBytes } = welcome.limits;
    this.#subscriptions.onWelcome(frameBytes);
    this.#outbound.onWelcome(frameBytes);
    this.#connected.resolve();
  }

  #onEvent(event: ServerEvent<unknown>, size: number, carried: boolean): void {
    switch (event.type) {
      case 'msg':
        this.#subscriptions.get(event.topic)?.onMessage(event, size, carried);
        break;
      case 'gap':
        this.#subscriptions.get(event.topic)?.onGap(event, carried);
        break;
      case 'tick':
        if (!carried) this.#subscriptions.onTick(event);
        break;
      case 'subbed':
        this.#subscriptions.onSubbed(event);
        break;
      case 'stale':
        this.#setStale(event.stale, event.at);
        break;
      case 'pong':
        this.#requests.answer(event.at, event);
        break;
      case 'acked':
        if (!this.#outbound.onAnswer(event)) this.#requests.answer(event.id, event);
        break;
      case 'err':
        this.#onErr(event, carried);
        break;
      default:
    }
  }

  #onErr(event: Err, carried: boolean): void {
    const { id, topic, code, message } = event;
    if (this.#outbound.onAnswer(event)) return;
    if (id !== undefined && this.#requests.answer(id, event)) return;
    const error = new ClientError(code, message);
    const ended = id === undefined && topic !== undefined && this.#subscriptions.get(topic);
    if (!ended) this.#errors.emit('error', error);
    else if (carried) ended.part();
    else ended.onRefused(undefined, error);
  }

  #setStale(stale: boolean, at: number): void {
    if (this.#stale === stale) return;
    this.#stale = stale;
    this.#events.emit('stale', { stale, at });
  }

  #onGaveUp(reason: string): void {
    const error = new ClientError('gave_up', reason);
    this.#gaveUp = error;
    this.#outbound.end(error);
    for (const subscription of this.#subscriptions.all) subscription.onGaveUp(error);
    this.#connected.reject(error);
    this.#connected = deferred();
    this.#errors.emit('error', error);
  }

  /** A mistake of the application: it must not go unseen, and must not break the client. */
  #handlerFailed(cause: unknown): void {
    if (this.#errors.has('error')) {
      this.#errors.emit('error', new ClientError('handler_failed', undefined, cause));
    } else rethrow(cause);
  }
}

/** To the platform's handler of uncaught errors, outside of our own call stack. */
function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function rejected<T>(error: ClientError): Promise<T> {
  const done = deferred<T>();
  done.reject(error);
  return done.promise;
}
