import type { Handler } from './events.ts';
import type { Gap, Message } from './message.ts';

/**
 * `waiting`: for a connection, or to ask again. `subscribing`: asked. `subscribed`: messages come.
 * `behind`: the buffer is full; what came since is fetched from the log once it is read.
 * `resyncing`: the application fetches its state after a gap. `failed`: the gateway refused.
 * `closed`: by `unsubscribe()` or `client.close()`.
 */
export type SubscriptionState =
  | 'waiting'
  | 'subscribing'
  | 'subscribed'
  | 'behind'
  | 'resyncing'
  | 'failed'
  | 'closed';

export interface SubscriptionChange {
  readonly old: SubscriptionState;
  readonly new: SubscriptionState;
  /**
   * `asked`, `answered`, `lost`, `hole`, `buffer_full`, `read`, `gap`, `resynced`, `closed`,
   * `timeout`, or the error code of the gateway.
   */
  readonly reason: string;
}

export interface SubscriptionEvents<T = unknown> {
  message: Message<T>;
  gap: Gap;
  state: SubscriptionChange;
}

/**
 * Fetches the state that the application needs after a gap, and the position at which that state
 * was true, in one atomic read. No message is delivered meanwhile; then those after the position.
 * Without a position, what follows the gap is delivered.
 */
export type Resync = (
  gap: Gap,
  context: { readonly signal: AbortSignal },
) => string | undefined | Promise<string | undefined>;

export interface SubscribeOptions {
  /** Continue after this. Default: the saved position, otherwise from now on. */
  readonly position?: string;
  readonly resync?: Resync;
}

/** A topic that the application listens to. `T` is what it believes the data to be. */
export interface Subscription<T = unknown> extends AsyncIterable<Message<T>, void, undefined> {
  readonly topic: string;
  readonly state: SubscriptionState;
  /** Everything up to here was processed. Undefined: nothing is known yet. */
  readonly position: string | undefined;
  /** Settles when messages come for the first time; rejects when that will not happen. */
  readonly ready: Promise<void>;
  /** Returns what removes the handler again. */
  on<Name extends keyof SubscriptionEvents<T>>(
    name: Name,
    handler: Handler<SubscriptionEvents<T>[Name]>,
  ): () => void;
  /** Ends it: loops over it end, its saved position is forgotten. */
  unsubscribe(): void;
}
