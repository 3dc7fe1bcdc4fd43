import type { Timer } from '../protocol/clock.ts';
import { NORMAL, SILENT } from '../protocol/code-table.ts';
import type { ServerEvent, Welcome } from '../protocol/events.ts';
import { type ClientCommand, commandText, eventFromText } from '../protocol/json-text.ts';
import { ClientError } from './errors.ts';
import type { Settings } from './options.ts';
import type { SocketLike } from './platform.ts';
import type { Requests } from './requests.ts';
import { ROUTE_MS, routed, type Way } from './route.ts';
import { fetchToken, type Token, type TokenRequest } from './token.ts';
import { Watchdog } from './watchdog.ts';

/** How a link ended that its owner did not close. */
export interface LinkEnd {
  /** As in `StateChange`. */
  readonly reason: string;
  /** The code with which it was closed; 1006 when the network broke it. */
  readonly code?: number;
  /** Why it is of no use, where that is for the application to know. */
  readonly error?: ClientError;
}

/** What a link tells; nothing any more once it has ended or was closed. */
export interface LinkOwner {
  /** The socket is open, and `hello` is said next. */
  onOpen(link: Link): void;
  onWelcome(link: Link, welcome: Welcome): void;
  /** Everything but `welcome`. `size` is the length of the frame in characters. */
  onEvent(link: Link, event: ServerEvent<unknown>, size: number): void;
  onEnd(link: Link, end: LinkEnd): void;
}

export interface LinkParts extends Way {
  readonly settings: Settings;
  readonly requests: Requests;
  readonly owner: LinkOwner;
  /** The token of the `move` that leads there. */
  readonly move?: string;
}

/** One WebSocket, from the token that is fetched for it to its end; it is never opened again. */
export class Link {
  /** Where it leads; while it is not open, where it may. */
  url: string;
  readonly #parts: LinkParts;
  readonly #watchdog: Watchdog;
  /** Aborted when it is over. */
  readonly #scope = new AbortController();
  /** Aborted when it is over, or when it was asked for too long where it shall lead. */
  readonly #asking = new AbortController();
  #socket: SocketLike | undefined;
  #token: Token | undefined;
  #welcome: Welcome | undefined;
  #timer: Timer | undefined;

  constructor(parts: LinkParts) {
    const { clock, graceMs } = parts.settings;
    this.url = parts.url;
    this.#parts = parts;
    this.#watchdog = new Watchdog(
      {
        probe: () => this.send({ type: 'ping', at: 0 }),
        onSilence: () => this.#end({ reason: 'silent' }, SILENT),
      },
      clock,
      graceMs,
    );
  }

  /** With which it said hello. */
  get token(): Token | undefined {
    return this.#token;
  }

  /** With which it was answered. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Unless it was closed before. */
  start(): void {
    const { settings, routeUrl } = this.#parts;
    if (this.#scope.signal.aborted) return;
    this.#deadline();
    if (settings.token === undefined && routeUrl === undefined) this.#open();
    else {
      this.#prepare().catch((error: ClientError) => this.#fail(error));
    }
  }

  async #prepare(): Promise<void> {
    const { clock } = this.#parts.settings;
    this.#token = await this.fetchToken('connect');
    if (this.#scope.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = clock.after(ROUTE_MS, () => this.#asking.abort());
    this.url = await routed(this.#parts, this.#token?.token, this.#asking.signal);
    this.#open();
  }

  /** Rejects with a `ClientError`. */
  async fetchToken(why: TokenRequest['why']): Promise<Token | undefined> {
    const { token } = this.#parts.settings;
    if (token === undefined) return undefined;
    return fetchToken(token, { why, signal: this.#scope.signal });
  }

  send(command: ClientCommand): void {
    this.write(commandText(command));
  }

  /** A socket that is closing drops it: its close event follows. */
  write(text: string): void {
    this.#socket?.send(text);
  }

  /** The machine may have slept, or changed its network. */
  wake(): void {
    this.#watchdog.wake();
  }

  /** Without a code: the other side closed it. */
  close(code?: number): void {
    const socket = this.#socket;
    this.#scope.abort();
    this.#asking.abort();
    this.#socket = undefined;
    this.#timer?.cancel();
    this.#watchdog.stop();
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      if (code !== undefined) socket.close(code);
    } catch {
      // It was never open, or is closed: both is what we want.
    }
  }

  #deadline(): void {
    const { clock, connectTimeoutMs } = this.#parts.settings;
    this.#timer?.cancel();
    this.#timer = clock.after(connectTimeoutMs, () => this.#end({ reason: 'timeout' }, SILENT));
  }

  #open(): void {
    if (this.#scope.signal.aborted) return;
    this.#deadline();
    try {
      const socket = this.#parts.settings.webSocket(this.url, ['wscluster.v1']);
      this.#socket = socket;
      socket.onopen = () => this.#greet();
      socket.onmessage = ({ data }: { readonly data: unknown }) => this.#receive(data);
      socket.onclose = ({ code, reason }: CloseLike) =>
        this.#end({ reason: reason || 'closed', code });
      // A close event follows every error.
      socket.onerror = () => {};
    } catch (cause) {
      this.#fail(new ClientError('socket_failed', undefined, cause));
    }
  }

  #greet(): void {
    const { owner, settings, requests, move } = this.#parts;
    owner.onOpen(this);
    const token = this.#token?.token;
    this.send({
      type: 'hello',
      id: requests.next(),
      client: settings.name,
      features: ['move'],
      ...(token && { token }),
      ...(move && { move }),
    });
  }

  #receive(data: unknown): void {
    this.#watchdog.heard();
    const text = typeof data === 'string' ? data : '';
    const event = eventFromText(text);
    if (event === 'unknown_command') return;
    // What it said is lost; a new connection gets it again from the log.
    if (event === 'bad_frame') this.#fail(new ClientError(event));
    else if (event.type === 'welcome') this.#welcomed(event);
    else this.#parts.owner.onEvent(this, event, text.length);
  }

  #welcomed(welcome: Welcome): void {
    if (this.#welcome !== undefined) return;
    this.#welcome = welcome;
    this.#timer?.cancel();
    this.#watchdog.start(welcome.heartbeat);
    this.#parts.owner.onWelcome(this, welcome);
  }

  #fail(error: ClientError): void {
    this.#end({ reason: error.code, error }, NORMAL);
  }

  #end(end: LinkEnd, close?: number): void {
    if (this.#scope.signal.aborted) return;
    this.close(close);
    this.#parts.owner.onEnd(this, end);
  }
}

interface CloseLike {
  readonly code: number;
  readonly reason?: string;
}
