import type { Clock, Timer } from '../protocol/clock.ts';
import { afterClose, NORMAL, SILENT } from '../protocol/code-table.ts';
import type { Command } from '../protocol/commands.ts';
import type { ServerEvent, Welcome } from '../protocol/events.ts';
import { commandText, eventFromText } from '../protocol/json-text.ts';
import { Backoff } from './backoff.ts';
import { ClientError } from './errors.ts';
import type { Settings } from './options.ts';
import type { SocketLike } from './platform.ts';
import type { Requests } from './requests.ts';
import { fetchToken, type Token, TokenRenewal, type TokenRequest } from './token.ts';
import { Watchdog } from './watchdog.ts';

/**
 * `idle`: not connected and not trying: never asked to, or gave up. `connecting`: fetches a token
 * and opens a socket. `handshaking`: the socket is open, the gateway has not welcomed us yet.
 * `waiting`: for the next try. `closed`: for good.
 */
export type ConnectionState =
  | 'idle'
  | 'connecting'
  | 'handshaking'
  | 'connected'
  | 'waiting'
  | 'closed';

export interface StateChange {
  readonly old: ConnectionState;
  readonly new: ConnectionState;
  /**
   * What the gateway gave as the reason of its close, the name of its code; `closed` where it gave
   * none, as when the network broke; or what happened here: `connect`, `retry`, `open`, `welcome`,
   * `timeout`, `silent`, `bad_frame`, `token_failed`, `socket_failed`, `close`.
   */
  readonly reason: string;
  /** The close code, when the socket was closed by one. */
  readonly code?: number;
}

/** What a connection tells its client. */
export interface ConnectionOwner {
  onState(change: StateChange): void;
  onWelcome(welcome: Welcome): void;
  /** Everything but `welcome`. `size` is the length of the frame in characters. */
  onEvent(event: ServerEvent<unknown>, size: number): void;
  /** What was sent on the connection and not answered will not be. */
  onLost(): void;
  /** No more tries until `connect`. */
  onGaveUp(reason: string): void;
  onError(error: ClientError): void;
}

/** A connection that lasted this long was a success: the next backoff begins anew. */
const STABLE_MS = 10_000;
const nothing = () => {};

/**
 * The one connection of a client: opens it, keeps it, and opens it again. At most one try is under
 * way, and what an abandoned one still says is not heard.
 */
export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #settings: Settings;
  readonly #requests: Requests;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #watchdog: Watchdog;
  readonly #renewal: TokenRenewal;
  #state: ConnectionState = 'idle';
  #url = 0;
  /** Aborted when the try or the connection that it belongs to is over. */
  #scope = new AbortController();
  #socket: SocketLike | undefined;
  #token: Token | undefined;
  /** The deadline of a try, or the wait for the next one. */
  #timer: Timer | undefined;
  #retryAt = 0;
  #connectedAt = 0;
  /** Tries in a row that did not lead to a connection. */
  #failures = 0;

  constructor(owner: ConnectionOwner, settings: Settings, requests: Requests) {
    const { clock } = settings;
    this.#owner = owner;
    this.#settings = settings;
    this.#requests = requests;
    this.#clock = clock;
    this.#backoff = new Backoff(settings);
    this.#watchdog = new Watchdog(
      {
        probe: () => this.send({ type: 'ping', at: 0 }),
        onSilence: () => this.#abandon('silent', SILENT),
      },
      clock,
      settings.graceMs,
    );
    this.#renewal = new TokenRenewal({
      clock,
      fetch: () => this.#fetch('refresh'),
      offer: (token) => this.#offer(token),
      onError: (error) => owner.onError(error),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get connected(): boolean {
    return this.#state === 'connected';
  }

  /** Begins to try, unless it does already. */
  connect(): void {
    if (this.#state !== 'idle') return;
    this.#backoff.reset();
    this.#failures = 0;
    this.#attempt('connect');
  }

  /** For good. */
  close(): void {
    if (this.#state === 'closed') return;
    const lost = this.#drop(NORMAL);
    this.#set('closed', 'close');
    if (lost) this.#owner.onLost();
  }

  /** Only while connected; otherwise nothing is sent. */
  send(command: Command<unknown>): void {
    if (this.connected) this.write(commandText(command));
  }

  /** A socket that is closing drops it: its close event follows. */
  write(text: string): void {
    this.#socket?.send(text);
  }

  /** The machine may have slept, or changed its network. */
  wake(): void {
    this.#watchdog.wake();
  }

  /** There is a network again: no need to wait for all of the backoff. */
  hurry(): void {
    this.wake();
    if (this.#state !== 'waiting') return;
    // Not at once: everybody behind one router comes back in the same moment.
    const soon = this.#settings.random() * this.#settings.backoffBaseMs;
    this.#retryAfter(Math.min(soon, Math.max(0, this.#retryAt - this.#clock.now())));
  }

  #set(state: ConnectionState, reason: string, code?: number): void {
    const old = this.#state;
    this.#state = state;
    const change = { old, new: state, reason };
    this.#owner.onState(code === undefined ? change : { ...change, code });
  }

  #attempt(reason: string): void {
    const scope = new AbortController();
    this.#scope = scope;
    this.#deadline();
    this.#set('connecting', reason);
    if (scope.signal.aborted) return;
    if (this.#settings.token === undefined) {
      this.#open();
      return;
    }
    this.#fetch('connect').then(
      (token) => {
        if (scope.signal.aborted) return;
        this.#token = token;
        this.#open();
      },
      (error: ClientError) => {
        if (!scope.signal.aborted) this.#failed(error);
      },
    );
  }

  #deadline(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(this.#settings.connectTimeoutMs, () =>
      this.#abandon('timeout', SILENT),
    );
  }

  #fetch(why: TokenRequest['why']): Promise<Token | undefined> {
    const { token } = this.#settings;
    if (token === undefined) return Promise.resolve(undefined);
    return fetchToken(token, { why, signal: this.#scope.signal });
  }

  #open(): void {
    const { url, webSocket } = this.#settings;
    this.#deadline();
    try {
      const socket = webSocket(url[this.#url % url.length] as string, ['wscluster.v1']);
      this.#socket = socket;
      socket.onopen = () => this.#greet();
      socket.onmessage = ({ data }: { readonly data: unknown }) => this.#receive(data);
      socket.onclose = (event: CloseLike) => this.#closed(event);
      // A close event follows every error.
      socket.onerror = nothing;
    } catch (cause) {
      this.#failed(new ClientError('socket_failed', 'no WebSocket', cause));
    }
  }

  #greet(): void {
    const { signal } = this.#scope;
    this.#set('handshaking', 'open');
    if (signal.aborted) return;
    const { token } = this.#token ?? {};
    this.write(
      commandText({
        type: 'hello',
        id: this.#requests.next(),
        client: this.#settings.name,
        ...(token === undefined ? {} : { token }),
      }),
    );
  }

  #receive(data: unknown): void {
    this.#watchdog.heard();
    const text = typeof data === 'string' ? data : '';
    const decoded = eventFromText(text);
    if (decoded.ok) {
      if (decoded.value.type === 'welcome') this.#welcomed(decoded.value);
      else this.#owner.onEvent(decoded.value, text.length);
    } else if (decoded.code !== 'unknown_command') {
      // What it said is lost; a new connection gets it again from the log.
      this.#failed(new ClientError('bad_frame', decoded.message));
    }
  }

  #welcomed(welcome: Welcome): void {
    if (this.#state !== 'handshaking') return;
    const { signal } = this.#scope;
    this.#timer?.cancel();
    this.#connectedAt = this.#clock.now();
    this.#watchdog.start(welcome.heartbeat);
    if (typeof this.#settings.token === 'function') this.#renewal.start(this.#token);
    this.#set('connected', 'welcome');
    if (!signal.aborted) this.#owner.onWelcome(welcome);
  }

  #offer(token: string): Promise<void> {
    const id = this.#requests.next();
    const answered = this.#requests.expect(id);
    this.send({ type: 'auth', id, token });
    return answered.then(() => {});
  }

  /** The other side closed, or the network did. */
  #closed({ code, reason }: CloseLike): void {
    const then = afterClose(code);
    const fixed = then === 'refresh-token' && typeof this.#settings.token !== 'function';
    const lost = this.#drop(undefined);
    this.#ended(lost, { reason: reason || 'closed', code, stay: then === 'stay-away' || fixed });
  }

  #failed(error: ClientError): void {
    const { signal } = this.#scope;
    this.#owner.onError(error);
    // Its handlers may have closed the client.
    if (!signal.aborted) this.#abandon(error.code, NORMAL);
  }

  /** We end it, since it is of no use. */
  #abandon(reason: string, close: number): void {
    this.#ended(this.#drop(close), { reason, stay: false });
  }

  #ended(lost: boolean, { reason, code, stay }: Ending): void {
    this.#url += 1;
    this.#failures = lost ? 0 : this.#failures + 1;
    if (lost && this.#clock.now() - this.#connectedAt >= STABLE_MS) this.#backoff.reset();
    const away = stay || this.#failures >= this.#settings.maxAttempts;
    if (!away) this.#retryAfter(this.#backoff.next());
    this.#set(away ? 'idle' : 'waiting', reason, code);
    if (lost) this.#owner.onLost();
    if (away && this.#state === 'idle') this.#owner.onGaveUp(reason);
  }

  #retryAfter(delayMs: number): void {
    this.#timer?.cancel();
    this.#retryAt = this.#clock.now() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => this.#attempt('retry'));
  }

  /** Ends the try, the wait or the connection. Returns whether it had been connected. */
  #drop(close: number | undefined): boolean {
    const socket = this.#socket;
    this.#scope.abort();
    this.#socket = undefined;
    this.#token = undefined;
    this.#timer?.cancel();
    this.#watchdog.stop();
    this.#renewal.stop();
    if (socket !== undefined) {
      socket.onopen = null;
      socket.onmessage = null;
      socket.onclose = null;
      try {
        if (close !== undefined) socket.close(close);
      } catch {
        // It was never open, or is closed: both is what we want.
      }
    }
    return this.connected;
  }
}

interface CloseLike {
  readonly code: number;
  readonly reason?: string;
}

interface Ending {
  readonly reason: string;
  readonly code?: number;
  /** Do not try again. */
  readonly stay: boolean;
}
