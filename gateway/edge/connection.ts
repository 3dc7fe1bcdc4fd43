import { type CloseCode, closeCodes, type ErrorName } from '../../protocol/codes.ts';
import type { Command } from '../../protocol/commands.ts';
import type { ServerEvent } from '../../protocol/events.ts';
import type { Position } from '../../protocol/position.ts';
import type { Arrival } from './arrival.ts';
import { CLOSE_MS, type ConnectionState, NEVER, SETTLE_MS } from './connection-state.ts';
import type { EdgeContext } from './context.ts';
import type { Encoding } from './encoding.ts';
import { type About, errorOf } from './error-event.ts';
import { expiryDue, isExpired } from './expiry.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Identity } from './identity.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import type { Movable } from './movable.ts';
import { type Notice, Outbox, type OutboxOwner } from './outbox.ts';
import type { Session, SessionOwner } from './session.ts';
import type { Socket, SocketOwner } from './socket.ts';
import { freshen, type TickListener, tick } from './tick.ts';
import type { WheelEntry } from './wheel.ts';

/** Who serves a connection: it knows what is to be done, the connection when. */
export interface ConnectionOwner {
  /** The client asked for something, in its turn and within its limits. */
  onCommand(connection: Connection, command: Command): void;
  /** The hub has something for the client beside messages. */
  onNotice(connection: Connection, notice: Notice): void;
  /** The socket is gone. Called once. */
  onGone(connection: Connection): void;
}

/**
 * One client: its state, and the one deadline that the wheel keeps for it. What comes in is the
 * inbox's, what goes out the outbox's, whether it lives the heartbeat's, what commands do its
 * owner's. All fields are set here, in one order, so that ten thousand connections share one shape.
 */
export class Connection
  implements SocketOwner, InboxOwner, OutboxOwner, SessionOwner, TickListener, WheelEntry
{
  wheelAt = 0;
  wheelNext: WheelEntry | undefined = undefined;
  wheelPrevious: WheelEntry | undefined = undefined;
  /** Where the edge's list holds it. */
  index = -1;
  readonly socket: Socket;
  readonly #serial: number;
  readonly encoding: Encoding;
  readonly loopback: boolean;
  readonly plain: boolean;
  readonly via: string | undefined;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly heartbeat: Heartbeat;
  /** Forgotten once it was judged. */
  token: string | undefined;
  greeted = false;
  identity: Identity | undefined = undefined;
  /** When the client was known, by the wheel; and the name of its session, if it has one. */
  openedAt = 0;
  sessionName = '';
  /** Present only when the server keeps cursors for it. */
  session: Session | undefined = undefined;
  /** Present only when the client can be moved. */
  move: Movable | undefined = undefined;
  /** Subscriptions, asked for or in force. */
  topics = 0;
  /** Where the next partial tick begins among them. */
  tickFrom = 0;
  readonly #context: EdgeContext;
  readonly #owner: ConnectionOwner;
  #state: ConnectionState = 'opening';
  /** Of the state: hello, settling, closing. */
  #deadline: number;
  #leaving: CloseCode | undefined = undefined;
  #closing = 0;
  #refreshAt = NEVER;
  #toldStale = false;

  constructor(arrival: Arrival, context: EdgeContext, owner: ConnectionOwner) {
    const now = context.wheel.now();
    this.socket = arrival.socket;
    this.#serial = arrival.serial;
    this.encoding = arrival.encoding;
    this.loopback = arrival.loopback;
    this.plain = arrival.plain;
    this.via = arrival.via;
    this.token = arrival.token;
    this.#context = context;
    this.#owner = owner;
    this.heartbeat = new Heartbeat(context, now, context.random());
    this.inbox = new Inbox(this, context);
    this.outbox = new Outbox(this, { ...arrival, limit: context.settings.outboxBytes });
    this.#deadline = now + context.settings.helloTimeoutMs;
    context.counts.state(undefined, 'opening');
    this.plan();
  }

  /** What its log lines carry. Made when it is needed: a string each would cost memory. */
  get id(): string {
    return this.#context.connectionId(this.#serial);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get health(): Heartbeat['health'] {
    return this.heartbeat.health;
  }

  /** Whether it is served or about to be. */
  get alive(): boolean {
    return this.#state === 'opening' || this.#state === 'open';
  }

  /** The client is known. */
  open(identity: Identity, session: Session | undefined): void {
    const context = this.#context;
    const now = context.wheel.now();
    this.identity = identity;
    this.openedAt = now;
    this.inbox.shared = context.users.join(this, context.clock.now());
    this.#become('open');
    this.#deadline = NEVER;
    this.#refreshAt = now + context.retentionMs / 4;
    this.session = session;
    this.outbox.watched = session !== undefined;
    if (session !== undefined) context.holders.enter(session);
    this.plan();
  }

  onCommand(command: Command): void {
    this.#owner.onCommand(this, command);
  }

  /** Says something behind everything said before. It leaves at the end of the turn. */
  say(event: ServerEvent): void {
    if (this.#state === 'closed') return;
    this.outbox.push(event);
    this.#context.flusher.add(this.outbox);
  }

  /** Answers with an error, to a request or about a topic where it is known. */
  fail(code: ErrorName, message: string, about: About = {}): void {
    this.say({ ...errorOf(this, this.#context, { code, message }), ...about });
  }

  /** Something failed that must not: the client is told to come back. */
  broke(error: unknown): void {
    this.#context.logger.error({ connection: this.id, error }, 'serving a connection failed');
    this.close(closeCodes.internal);
  }

  tellStale(stale: boolean): void {
    if (this.#toldStale === stale || this.#state !== 'open') return;
    this.#toldStale = stale;
    this.say({ type: 'stale', stale, at: this.#context.clock.wall() });
  }

  /** Closes at once: what was said leaves first, nothing is waited for. */
  close(code: CloseCode): void {
    if (!this.alive && this.#leaving === undefined) return;
    this.#leaving = undefined;
    if (this.#state !== 'draining') this.#stopServing();
    this.outbox.flushNow();
    this.outbox.close();
    this.session?.end(this.#context.wheel.now());
    this.#closing = code.code;
    this.#deadline = this.#context.wheel.now() + CLOSE_MS;
    this.plan();
    this.socket.close(code.code, code.name);
  }

  /** Closes once publishes are answered and cursors are saved, or when that takes too long. */
  leave(code: CloseCode): void {
    if (!this.alive) return;
    const now = this.#context.wheel.now();
    this.outbox.flushNow();
    this.session?.settle(now);
    this.#leaving = code;
    this.#stopServing();
    this.#deadline = now + SETTLE_MS;
    this.plan();
    this.onSettled();
  }

  /** Something that `leave` waits for may have ended: a publish, the session's last save. */
  onSettled(): void {
    if (this.#leaving === undefined || this.inbox.publishes > 0) return;
    if (this.session?.settled !== false) this.close(this.#leaving);
  }

  /** Sets the wheel to the earliest of its deadlines. */
  plan(): void {
    if (this.#state !== 'closed') this.#context.wheel.schedule(this, this.#due());
  }

  onTime(now: number): void {
    if (this.#state === 'closed') return;
    if (now >= this.#deadline) this.#overdue();
    else if (isExpired(this.identity, this.#context)) this.close(closeCodes.tokenExpired);
    else this.#work(now);
    this.plan();
  }

  onMessage(data: Uint8Array, binary: boolean): void {
    if (!this.alive) return;
    const now = this.#context.wheel.now();
    this.heartbeat.traffic(now);
    this.#heard(now);
    try {
      this.inbox.receive(data, binary);
    } catch (error) {
      this.broke(error);
    }
  }

  onPing(): boolean {
    const now = this.#context.wheel.now();
    this.#heard(now);
    return this.inbox.control();
  }

  onPong(payload: Uint8Array): void {
    const now = this.#context.wheel.now();
    const answer = this.heartbeat.pong(payload, now);
    this.#heard(now);
    this.inbox.control();
    if (answer === undefined) return;
    if (answer.roundTripMs !== undefined) this.#context.counts.roundTrip(answer.roundTripMs);
    this.session?.answered(answer.counter, now);
    this.onSettled();
  }

  onDrain(): void {
    if (!this.outbox.drained()) return;
    this.#context.counts.slow('ended');
    if (this.alive) this.#context.hub.drained(this.outbox);
  }

  onViolation(code: number): void {
    this.#context.counts.violation(code);
    this.#fall(code);
  }

  onClose(code: number): void {
    if (this.#state === 'closed') return;
    const { hub, holders, counts, users, logger, clock, wheel } = this.#context;
    if (this.alive) hub.leave(this.outbox);
    this.#become('closed');
    wheel.cancel(this);
    this.inbox.close();
    this.outbox.close();
    this.session?.end(wheel.now());
    if (this.session !== undefined) holders.leave(this.session);
    const ended = this.#closing === 0 ? code : this.#closing;
    if (this.identity !== undefined) users.leave(this, { code: ended, at: clock.wall() });
    this.heartbeat.end();
    counts.closed(ended);
    logger.debug({ connection: this.id, code: ended }, 'a connection is gone');
    this.#owner.onGone(this);
  }

  onNotice(notice: Notice): void {
    this.#owner.onNotice(this, notice);
  }

  onSlow(): void {
    this.#context.counts.slow('began');
    this.outbox.watch(this.#context.wheel.now() + this.#context.settings.slowTimeoutMs);
    this.plan();
  }

  onOverflow(): void {
    this.#context.counts.slow('closed');
    this.#cut(closeCodes.slow);
  }

  onWritten(): void {
    this.session?.written(this.#context.wheel.now());
  }

  onLast(): void {
    this.#context.flusher.addLast(this.outbox);
  }

  positions(): Map<string, Position> {
    return this.#context.hub.positions(this.outbox);
  }

  mark(): number {
    this.outbox.flushNow();
    return this.heartbeat.ping(this.socket);
  }

  onTaken(): void {
    // While it moves, the one who took the session is the same client.
    if (this.move?.isMoving(this.#context.clock.now())) this.move.taken = true;
    else this.close(closeCodes.sessionTaken);
  }

  /** A plain client sees messages only, and a slow one has enough to read. */
  get #getsTicks(): boolean {
    return this.#state === 'open' && !this.plain && !this.outbox.slow;
  }

  #become(state: ConnectionState): void {
    this.#context.counts.state(this.#state, state);
    this.#state = state;
  }

  #stopServing(): void {
    this.#become('draining');
    this.#context.hub.leave(this.outbox);
    this.inbox.close();
  }

  /** Ends it without a handshake, which the peer would not read. */
  #cut(code: CloseCode): void {
    this.#fall(code.code);
    this.socket.terminate();
  }

  /** Nothing is served or said any more; the end of the socket follows. */
  #fall(code: number): void {
    this.#closing = code;
    this.#leaving = undefined;
    if (this.alive) this.#stopServing();
    this.outbox.close();
    this.#deadline = this.#context.wheel.now() + CLOSE_MS;
    this.plan();
  }

  #due(): number {
    if (this.#state === 'draining' && this.#leaving === undefined) return this.#deadline;
    return Math.min(
      this.#deadline,
      this.heartbeat.due,
      this.inbox.due,
      this.session?.due ?? NEVER,
      this.#refreshAt,
      this.outbox.due,
      expiryDue(this.identity, this.#context),
    );
  }

  /** The time of its state is over. */
  #overdue(): void {
    if (this.#state === 'opening') {
      this.close(this.greeted ? closeCodes.tryLater : closeCodes.helloTimeout);
    } else if (this.#leaving !== undefined) {
      this.close(this.#leaving);
    } else {
      this.socket.terminate();
    }
  }

  #work(now: number): void {
    this.inbox.onTime(now);
    this.session?.onTime(now);
    if (now >= this.outbox.due) this.#judgeSlow(now);
    this.#beat(now);
    if (now < this.#refreshAt) return;
    this.#refreshAt = now + this.#context.retentionMs / 4;
    if (this.#getsTicks) freshen(this, this.#context);
  }

  #beat(now: number): void {
    if (!this.alive) return;
    if (this.outbox.spoke) this.heartbeat.traffic(now);
    this.outbox.spoke = false;
    const { socket } = this;
    const beat = this.heartbeat.beat(now, { socket, paused: this.inbox.paused });
    this.outbox.last = this.health === 'zombie';
    if (beat === 'waits') return;
    if (beat === 'dead') {
      this.#cut(closeCodes.silent);
      return;
    }
    if (beat === 'interval') {
      this.session?.refresh(now);
      this.inbox.look(now);
    }
    // Looked at twice an interval: so no silence is longer than a whole one.
    if (!this.outbox.wrote && this.#getsTicks) tick(this, this.#context);
    this.outbox.wrote = false;
  }

  /** A slow client that reads anything at all keeps its connection. */
  #judgeSlow(now: number): void {
    if (this.outbox.watch(now + this.#context.settings.slowTimeoutMs)) return;
    this.#context.counts.slow('closed');
    this.close(closeCodes.slow);
  }

  /** A frame of any kind came. */
  #heard(now: number): void {
    this.heartbeat.heard(now);
    this.outbox.last = false;
  }
}
