import type { Timer } from '../protocol/clock.ts';
import type { TopicRequest } from '../protocol/commands.ts';
import type { GapEvent, Msg } from '../protocol/events.ts';
import { formatPosition, type Position, parsePosition } from '../protocol/position.ts';
import { Backoff } from './backoff.ts';
import { deferred } from './deferred.ts';
import { ClientError } from './errors.ts';
import { Emitter, type Handler } from './events.ts';
import { type Gap, gapFrom, type Message, messageFrom } from './message.ts';
import { type Buffered, MessageBuffer } from './message-buffer.ts';
import type { Settings } from './options.ts';
import { SeenIds } from './seen-ids.ts';
import type { PositionKeeper } from './storage.ts';
import type {
  Resync,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  SubscriptionState,
} from './subscription.ts';

/** What a subscription needs of its client. */
export interface SubscriptionOwner {
  readonly settings: Settings;
  readonly keeper: PositionKeeper | undefined;
  /** Asks the gateway soon, if there is one. */
  ask(subscription: TopicSubscription): void;
  /** Tells the gateway that the topic is not wanted for now. */
  leave(topic: string): void;
  ended(subscription: TopicSubscription): void;
  /** A handler of the application threw. */
  readonly handlerFailed: (error: unknown) => void;
  readonly report: (error: ClientError) => void;
}

/** A subscription, with what its owner calls. */
export class TopicSubscription implements Subscription {
  readonly topic: string;
  readonly #owner: SubscriptionOwner;
  readonly #resync: Resync | undefined;
  readonly #events: Emitter<SubscriptionEvents>;
  readonly #buffer: MessageBuffer;
  readonly #backoff: Backoff;
  readonly #seen = new SeenIds();
  #state: SubscriptionState = 'waiting';
  readonly #ready = deferred<void>();
  /** The request whose answer is awaited. */
  #request: number | undefined;
  /** Everything up to here was received: where to continue. */
  #received: Position | undefined;
  #processed: Position | undefined;
  /** During a move: the request to the new connection; then the epoch in which it goes along. */
  #carried: number | string | undefined;
  /** Some of what was received came from another connection, which the one in use may not know. */
  #ahead = false;
  /** The gap before the next message. */
  #gap: Gap | undefined;
  #timer: Timer | undefined;
  #resyncScope: AbortController | undefined;
  /** A loop is reading; `#inHand` is the message that its body works on. */
  #reading = false;
  #inHand: Buffered | undefined;
  /** Why loops end; for good only in the states `failed` and `closed`. */
  #failure: ClientError | undefined;

  constructor(owner: SubscriptionOwner, topic: string, options: SubscribeOptions) {
    this.topic = topic;
    this.#owner = owner;
    this.#resync = options.resync;
    this.#received = parsePosition(options.position);
    this.#processed = this.#received;
    this.#events = new Emitter(owner.handlerFailed);
    this.#buffer = new MessageBuffer(owner.settings);
    this.#backoff = new Backoff(owner.settings);
    owner.ask(this);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get position(): string | undefined {
    return this.#processed && formatPosition(this.#processed);
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  on<Name extends keyof SubscriptionEvents>(
    name: Name,
    handler: Handler<SubscriptionEvents[Name]>,
  ): () => void {
    // What waits to be read goes to the first handler, once the caller has its `off`.
    if (name === 'message') queueMicrotask(() => this.#drain());
    return this.#events.on(name, handler);
  }

  unsubscribe(): void {
    if (this.#state === 'closed') return;
    this.close('unsubscribed');
    this.#owner.leave(this.topic);
    this.#owner.ended(this);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    if (this.#reading) throw new ClientError('already_reading');
    this.#reading = true;
    try {
      for (;;) {
        const item = this.#take();
        if (item !== undefined) {
          this.#inHand = item;
          yield item.message;
          this.#process(item);
        } else if (this.#state === 'closed') return;
        else if (this.#failure !== undefined) throw this.#failure;
        else await this.#buffer.arrival();
      }
    } finally {
      this.#reading = false;
      if (this.#inHand !== undefined) this.#process(this.#inHand);
    }
  }

  // What follows is for the owner.

  /** The owner sends this now; the answer carries `request`. */
  request(request: number): TopicRequest {
    this.#cancel();
    this.#received ??= parsePosition(this.#owner.keeper?.position(this.topic));
    this.#request = request;
    this.#set('subscribing', 'asked');
    this.#ahead = false;
    return this.#wanted;
  }

  /** The owner asks the connection that it moves to, as well. */
  carry(request: number): TopicRequest {
    this.#carried = request;
    return this.#wanted;
  }

  get #wanted(): TopicRequest {
    const position = this.#received;
    return { topic: this.topic, ...(position && { position }) };
  }

  onSubbed(request: number, position: Position): void {
    if (request === this.#carried) this.#carried = position.epoch;
    if (request !== this.#request) return;
    this.#request = undefined;
    const last = this.#received;
    // Ours may be newer where the number is the same, and is higher where it is not.
    if (last?.epoch !== position.epoch || last.seq === position.seq) this.#advance(position);
    this.#set('subscribed', 'answered');
    this.#ready.resolve();
  }

  /** The gateway refused, or it ended what it had granted (without a request). */
  onRefused(request: number | undefined, error: ClientError): void {
    if (request !== undefined && request !== this.#request) return;
    if (this.#state !== 'subscribing' && this.#state !== 'subscribed') return;
    if (error.retry) this.#again(error.code);
    else this.#fail(error);
  }

  /** `carried`: it comes from the connection that we move to. */
  onMessage(event: Msg<unknown>, size: number, carried: boolean): void {
    const { position, id } = event;
    if (!(carried ? this.#goesAlong(position) : this.#follows(position))) return;
    if (!this.#emitting && !this.#buffer.fits(size)) {
      this.#owner.leave(this.topic);
      this.#set('behind', 'buffer_full');
      return;
    }
    this.#ahead = carried;
    this.#backoff.reset();
    if (id !== undefined && this.#seen.repeats(id, position.epoch)) {
      this.#advance(position);
      return;
    }
    const message = messageFrom(event, this.#gap);
    this.#gap = undefined;
    this.#received = position;
    this.#deliver({ message, position, size });
  }

  onGap(event: GapEvent, carried: boolean): void {
    if (carried) this.part();
    if (carried || this.#state !== 'subscribed') return;
    if (this.#ahead) {
      // What another connection brought may be in it: asked from where we are, it is exact.
      this.#again('gap');
      return;
    }
    const gap = gapFrom(event);
    this.#gap = gap;
    this.#advance(event.position);
    if (this.#resync === undefined) {
      this.#events.emit('gap', gap);
      return;
    }
    this.#owner.leave(this.topic);
    this.#set('resyncing', 'gap');
    this.#events.emit('gap', gap);
    this.#startResync(gap, this.#resync);
  }

  /** The gateway says where we are. */
  onPosition(position: Position): void {
    const last = this.#received;
    if (this.#state !== 'subscribed' || last === undefined) return;
    if (position.seq === last.seq) this.#advance(position);
    else if (position.seq > last.seq) this.#again('hole');
  }

  onLost(): void {
    this.#request = undefined;
    if (this.#state === 'subscribing' || this.#state === 'subscribed') this.#set('waiting', 'lost');
  }

  /** The connection that we move to does not go along any more: it is asked when we have moved. */
  part(): void {
    this.#carried = undefined;
  }

  onMoveEnd(moved: boolean): void {
    const carried = this.#state === 'subscribed' && this.#carried === this.#received?.epoch;
    this.part();
    if (moved && carried) this.#ahead = true;
    else if (moved) this.onLost();
  }

  /** The client does not try to connect any more; undefined: it does again. */
  onGaveUp(error: ClientError | undefined): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    this.#failure = error;
    if (error === undefined) return;
    this.#ready.reject(error);
    this.#buffer.wake();
  }

  /** Ends it here; the gateway is not told. */
  close(why: string): void {
    if (this.#state === 'closed') return;
    this.#end('closed', new ClientError('closed', why));
    this.#buffer.clear();
  }

  #set(state: SubscriptionState, reason: string): void {
    const old = this.#state;
    this.#state = state;
    if (state !== 'subscribed') this.part();
    if (old !== state) this.#events.emit('state', { old, new: state, reason });
  }

  #fail(error: ClientError): void {
    this.#end('failed', error);
    this.#owner.report(error);
  }

  #end(state: 'failed' | 'closed', error: ClientError): void {
    this.#cancel();
    this.#request = undefined;
    this.#failure = error;
    this.#ready.reject(error);
    this.#set(state, error.code);
    this.#buffer.wake();
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#resyncScope?.abort();
  }

  /** Whether this is the next message. What came before is dropped; a hole is asked for again. */
  #follows(position: Position): boolean {
    const last = this.#received;
    if (this.#state !== 'subscribed' || last === undefined) return false;
    if (position.epoch === last.epoch && position.seq <= last.seq) return false;
    if (position.seq === last.seq + 1) return true;
    this.#again('hole');
    return false;
  }

  /**
   * As `#follows`, of the connection that we move to: only what continues our epoch. Whatever else
   * it says, that the one in use will be told, or we shall be when we ask again.
   */
  #goesAlong(position: Position): boolean {
    const last = this.#received;
    if (last === undefined || this.#carried !== last.epoch) return false;
    const known = position.epoch === last.epoch && position.seq <= last.seq + 1;
    if (!known) this.part();
    return known && position.seq > last.seq;
  }

  /** Asks again from where we are, after a while. */
  #again(reason: string): void {
    this.#request = undefined;
    this.#later(() => this.#owner.ask(this));
    this.#set('waiting', reason);
  }

  #later(task: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#owner.settings.clock.after(this.#backoff.next(), task);
  }

  /** Whether messages go to handlers alone. */
  get #emitting(): boolean {
    return !this.#reading && this.#events.has('message');
  }

  #deliver(item: Buffered): void {
    const emitting = this.#emitting;
    if (!emitting) this.#buffer.push(item);
    this.#events.emit('message', item.message);
    if (emitting) this.#process(item);
  }

  #drain(): void {
    while (this.#emitting) {
      const item = this.#take();
      if (item === undefined) return;
      this.#events.emit('message', item.message);
      this.#process(item);
    }
  }

  #take(): Buffered | undefined {
    const item = this.#buffer.shift();
    if (this.#state === 'behind' && this.#buffer.roomy) {
      this.#owner.ask(this);
      this.#set('waiting', 'read');
    }
    return item;
  }

  #process(item: Buffered): void {
    if (this.#inHand === item) this.#inHand = undefined;
    this.#processed = this.#idle ? this.#received : item.position;
    this.#owner.keeper?.changed();
  }

  get #idle(): boolean {
    return this.#buffer.length === 0 && this.#inHand === undefined;
  }

  /** Everything up to `position` needs no processing. */
  #advance(position: Position): void {
    this.#received = position;
    if (!this.#idle) return;
    this.#processed = position;
    this.#owner.keeper?.changed();
  }

  #startResync(gap: Gap, resync: Resync): void {
    if (this.#state !== 'resyncing') return;
    const scope = new AbortController();
    const { signal } = scope;
    const { clock, resyncTimeoutMs } = this.#owner.settings;
    this.#resyncScope = scope;
    const failed = (cause: unknown) => {
      if (signal.aborted) return;
      this.#cancel();
      this.#later(() => this.#startResync(gap, resync));
      this.#owner.report(new ClientError('resync_failed', this.topic, cause));
    };
    this.#timer = clock.after(resyncTimeoutMs, () => failed(new ClientError('timeout')));
    new Promise<string | undefined>((resolve) => resolve(resync(gap, { signal })))
      .then((text) => {
        if (!signal.aborted) this.#resynced(text);
      })
      .catch(failed);
  }

  #resynced(text: string | undefined): void {
    const position = text === undefined ? this.#received : parsePosition(text);
    if (position === undefined) throw new ClientError('bad_position');
    this.#cancel();
    // The state that the application has now includes, or replaces, all of it.
    this.#buffer.clear();
    this.#seen.clear();
    this.#gap = undefined;
    this.#advance(position);
    this.#owner.ask(this);
    this.#set('waiting', 'resynced');
  }
}
