import type { Clock, Timer } from '../protocol/clock.ts';
import { afterClose, NORMAL } from '../protocol/code-table.ts';
import type { Move as MoveEvent, ServerEvent, Welcome } from '../protocol/events.ts';
import type { ClientCommand } from '../protocol/json-text.ts';
import { Backoff } from './backoff.ts';
import type { ClientError } from './errors.ts';
import { Link, type LinkEnd, type LinkOwner, type LinkParts } from './link.ts';
import { Move, type MoveOwner } from './move.ts';
import type { Settings } from './options.ts';
import type { Requests } from './requests.ts';
import { mayLead, type Way } from './route.ts';
import { TokenRenewal } from './token.ts';

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

/** The client went on at another gateway, and was connected all the time. */
export interface Moved {
  /** Names of gateways. */
  readonly from: string;
  readonly to: string;
  /** Why the first one asked for it. */
  readonly reason: MoveEvent['reason'];
  /** From its asking to the end of the connection to it. */
  readonly ms: number;
}

/** What a connection tells its client. */
export interface ConnectionOwner extends MoveOwner {
  onState(change: StateChange): void;
  onWelcome(welcome: Welcome): void;
  /**
   * Everything but `welcome` and `move`. `size` is the length of the frame in characters.
   * `carried`: of the connection that we are about to move to.
   */
  onEvent(event: ServerEvent<unknown>, size: number, carried: boolean): void;
  /** What was sent on the connection and not answered will not be. */
  onLost(): void;
  /** No more tries until `connect`. */
  onGaveUp(reason: string): void;
  onError(error: ClientError): void;
  /** Another connection has taken the place of the one before; what that did not answer is lost. */
  onMoved(welcome: Welcome, moved: Moved): void;
}

/** A connection that lasted this long was a success: the next backoff begins anew. */
const STABLE_MS = 10_000;

/**
 * The one connection of a client: opens it, keeps it, and opens it again. At most one try is under
 * way, and what an abandoned one still says is not heard. When the gateway asks it to, it moves to
 * another one: that is a second link for a while, of which nobody outside sees anything.
 */
export class Connection implements LinkOwner {
  readonly #owner: ConnectionOwner;
  readonly #settings: Settings;
  readonly #requests: Requests;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #renewal: TokenRenewal;
  #state: ConnectionState = 'idle';
  #url = 0;
  /** The try that is under way, or what became of it. */
  #link: Link | undefined;
  #move: Move | undefined;
  /** The wait for the next try. */
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
    this.#renewal = new TokenRenewal({
      clock,
      fetch: async () => this.#link?.fetchToken('refresh'),
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

  /** Whether what is published now leaves now. */
  get publishing(): boolean {
    return this.connected && !this.#move?.settling;
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
    const lost = this.connected;
    this.#drop();
    this.#set('closed', 'close');
    if (lost) this.#owner.onLost();
  }

  /** Only while connected; otherwise nothing is sent. */
  send(command: ClientCommand): void {
    if (this.connected) this.#link?.send(command);
  }

  /** A socket that is closing drops it: its close event follows. */
  write(text: string): void {
    this.#link?.write(text);
  }

  /** The machine may have slept, or changed its network. */
  wake(): void {
    this.#link?.wake();
    this.#move?.link?.wake();
  }

  /** There is a network again: no need to wait for all of the backoff. */
  hurry(): void {
    this.wake();
    if (this.#state !== 'waiting') return;
    // Not at once: everybody behind one router comes back in the same moment.
    const soon = this.#settings.random() * this.#settings.backoffBaseMs;
    this.#retryAfter(Math.min(soon, this.#retryAt - this.#clock.now()));
  }

  onOpen(link: Link): void {
    if (link === this.#link) this.#set('handshaking', 'open');
  }

  onWelcome(link: Link, welcome: Welcome): void {
    if (link !== this.#link) {
      void this.#move?.carry(link, welcome);
      return;
    }
    this.#use(link);
    this.#set('connected', 'welcome');
    if (link === this.#link) this.#owner.onWelcome(welcome);
  }

  onEvent(link: Link, event: ServerEvent<unknown>, size: number): void {
    const carried = link !== this.#link;
    if (event.type === 'move') this.#onMove(event, link);
    else if (!carried || event.type !== 'stale') this.#owner.onEvent(event, size, carried);
    // A gateway that is cut off from the log is no place to go to.
    else if (event.stale) this.#move?.failed('stale');
    this.#move?.check();
  }

  onEnd(link: Link, end: LinkEnd): void {
    const { code, reason, error } = end;
    if (link !== this.#link) {
      this.#move?.failed(reason, error, this.#isFinal(code));
      return;
    }
    if (error !== undefined) this.#owner.onError(error);
    // Its handlers may have closed the client.
    if (link !== this.#link) return;
    if (this.#move?.link?.welcome) this.#takeOver();
    else this.#ended(end);
  }

  #set(state: ConnectionState, reason: string, code?: number): void {
    const old = this.#state;
    this.#state = state;
    this.#owner.onState({ old, new: state, reason, ...(code && { code }) });
  }

  #attempt(reason: string): void {
    // Nobody may be any more where we belong: after a failure it is our own address that is tried.
    const routeUrl = this.#failures % 2 ? undefined : this.#settings.routeUrl;
    const link = this.#linkTo({ url: this.#address(), routeUrl });
    this.#link = link;
    this.#set('connecting', reason);
    link.start();
  }

  #address(): string {
    const { url } = this.#settings;
    return url[this.#url % url.length] as string;
  }

  #linkTo(way: Way & Pick<LinkParts, 'move'>): Link {
    return new Link({ settings: this.#settings, requests: this.#requests, owner: this, ...way });
  }

  /** A link that was welcomed is the connection from now on. */
  #use(link: Link): void {
    this.#connectedAt = this.#clock.now();
    if (typeof this.#settings.token === 'function') this.#renewal.start(link.token);
  }

  #offer(token: string): Promise<void> {
    const id = this.#requests.next();
    const answered = this.#requests.expect(id);
    this.send({ type: 'auth', id, token });
    return answered;
  }

  /** Another gateway shall serve us than the one that says so. */
  #onMove(asked: MoveEvent, link: Link, at = this.#clock.now()): void {
    if (this.#move?.link === link) {
      // It asks once, and there is no way on before we are there.
      this.#move.next = () => this.#onMove(asked, link, at);
      return;
    }
    // A later target counts as long as the earlier one did not answer.
    if (!this.connected || this.#move?.link?.welcome) return;
    this.#move?.end();
    const { to, token } = asked;
    const { url } = link;
    if (to && !mayLead(url, to)) {
      this.#owner.onMoveFailed('bad address');
      return;
    }
    this.#move = new Move({
      ...{ settings: this.#settings, owner: this.#owner, asked, at },
      open: () => this.#linkTo({ url: to ?? this.#nextAddress(url), move: token }),
      onReady: () => this.#takeOver(),
    });
    this.#move.start();
  }

  /** Of ours, and another one than the link leads to, if there is one. */
  #nextAddress(url: string): string {
    this.#url += 1;
    // A move may have led to one of ours that is not its turn.
    if (this.#address() === url) this.#url += 1;
    return this.#address();
  }

  /** The link of the move is the one in use from now on. */
  #takeOver(): void {
    const move = this.#move;
    const link = move?.link;
    const from = this.#link?.welcome?.pod;
    if (!move || !link?.welcome || !from) return;
    const { asked, ms, next } = move;
    move.link = undefined;
    move.end();
    this.#link?.close(NORMAL);
    this.#link = link;
    this.#use(link);
    this.#owner.onMoved(link.welcome, { from, to: link.welcome.pod, ms, reason: asked.reason });
    next?.();
  }

  /** Whether who was closed with it would be closed with it again. */
  #isFinal(code: number | undefined): boolean {
    const then = code && afterClose(code);
    const fixed = typeof this.#settings.token !== 'function' && then === 'refresh-token';
    return fixed || then === 'stay-away';
  }

  #ended({ reason, code }: LinkEnd): void {
    const lost = this.connected;
    this.#drop();
    this.#url += 1;
    this.#failures = lost ? 0 : this.#failures + 1;
    if (lost && this.#clock.now() - this.#connectedAt >= STABLE_MS) this.#backoff.reset();
    const tired = this.#failures >= this.#settings.maxAttempts;
    const away = tired || this.#isFinal(code);
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

  /** Ends the wait, the try or the connection, with the move that it was in. */
  #drop(): void {
    this.#move?.end();
    this.#link?.close(NORMAL);
    this.#link = undefined;
    this.#timer?.cancel();
    this.#renewal.stop();
  }
}
