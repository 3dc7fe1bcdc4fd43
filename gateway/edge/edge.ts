import type { Server } from 'node:http';
import type { Timer } from '../../protocol/clock.ts';
import { closeCodes } from '../../protocol/codes.ts';
import type { StreamEvent } from '../stream/stream.ts';
import { admissionProblem, type Doors, refuse } from './admission.ts';
import { ClientsHere } from './clients-here.ts';
import { execute } from './commands.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { ConnectionState } from './connection-state.ts';
import { type EdgeContext, type EdgeParts, newContext } from './context.ts';
import type { Refused } from './counts.ts';
import { Departures } from './departures.ts';
import { Drain, type Drained, type DrainPhase } from './drain.ts';
import { encodingOf } from './encoding.ts';
import type { Health } from './health.ts';
import { Mover } from './mover.ts';
import { notify } from './notices.ts';
import { greetPlain, isForgotten } from './opening.ts';
import { isLoopbackAddress } from './origin.ts';
import { fromOneAddress } from './peers.ts';
import { keyOfRequest } from './placement.ts';
import { clientRequest } from './proxy/dial.ts';
import { CLIENT_ADDRESS, HOP, HOP_UPGRADE, HopDoor } from './proxy/hop-door.ts';
import { Proxying, type Served } from './proxy/proxying.ts';
import { acceptedId } from './request-id.ts';
import { Roster } from './roster.ts';
import type { SocketOwner } from './socket.ts';
import { type Admitted, type Arriving, type Upgraded, Upgrader } from './upgrade.ts';

export interface EdgeStatus {
  readonly connections: number;
  readonly states: Readonly<Partial<Record<ConnectionState, number>>>;
  readonly healths: Readonly<Partial<Record<Health, number>>>;
  /** Connections that have more unsent than they may. */
  readonly slow: number;
  /** Clients that were asked to move and have time to go; they may be elsewhere already. */
  readonly moving: number;
  /** Connections of clients that are known to be served elsewhere by now, and are about to end. */
  readonly moved: number;
  /** Clients that are passed on to their owners. They are none of `connections`. */
  readonly proxied: number;
  /** Bytes of them that one end sent and the other did not take yet. */
  readonly inTransit: number;
  /** Sessions with cursors that the server keeps, without those that went on elsewhere. */
  readonly sessions: number;
  readonly drain: DrainPhase;
  /** Milliseconds until the drain is over, whoever is left. */
  readonly drainRemainingMs: number | undefined;
  readonly movingAway: boolean;
  /** Of all connections, 0 to 1: those from the address that most come from. */
  readonly fromOneAddress: number;
}

/**
 * The clients' side of a gateway: takes upgrades, serves connections, lets them go. It owns the
 * connections; the hub owns who listens to what, the stream what was said.
 */
export class Edge {
  /** Who is connected here, for whoever asks over HTTP. */
  readonly clients: ClientsHere;
  readonly #context: EdgeContext;
  readonly #owner: ConnectionOwner;
  readonly #doors: Doors;
  readonly #upgrader: Upgrader;
  readonly #roster = new Roster();
  readonly #mover: Mover;
  readonly #drain: Drain;
  readonly #proxying: Proxying | undefined;
  readonly #hopDoor: HopDoor | undefined;
  #away: Departures<Connection> | undefined;
  #servers: { readonly server: Server; readonly onUpgrade: UpgradeListener }[] = [];
  #stopped: (() => void) | undefined;
  #stopTimer: Timer | undefined;

  constructor(parts: EdgeParts) {
    const context = newContext(parts);
    this.#context = context;
    this.clients = new ClientsHere(context, () => this.#roster.all());
    this.#owner = {
      onCommand: (connection, command) => execute(connection, context, command),
      onNotice: (connection, notice) => notify(connection, context, notice),
      onGone: (connection) => this.#gone(connection),
    };
    this.#doors = {
      configured: parts.authenticator.configured,
      allowedOrigins: parts.allowedOrigins,
      maxConnections: parts.settings.maxConnections,
    };
    this.#upgrader = new Upgrader(parts.settings.frameBytes);
    const { clock, random, counts, settings, moveTokens: tokens } = parts;
    const shared = { clock, random, counts, roster: this.#roster };
    const { placement } = context;
    this.#mover = new Mover({
      ...{ ...shared, placement, tokens, places: context.places },
      reaches: (shard) => this.#proxying?.reaches(shard) !== false,
    });
    context.welcomed = (client) => this.#mover.welcomed(client);
    this.#proxying = this.#newProxying(parts);
    this.#hopDoor = parts.proxy && new HopDoor(parts.proxy.proofs, counts);
    this.#drain = new Drain({
      ...{ ...shared, settings, placement, mover: this.#mover, passing: this.#proxying },
      cut: (connection) => connection.socket.terminate(),
    });
  }

  /** Takes the upgrades of a server. Make it with `httpLimits`. */
  attach(server: Server): void {
    const onUpgrade: UpgradeListener = (request, socket, head) =>
      this.#arrive({ request, socket, head, server });
    server.on('upgrade', onUpgrade);
    this.#servers.push({ server, onUpgrade });
  }

  /**
   * Takes a client whose handshake is done, whatever its socket is; those of a server come here by
   * `attach`. `hear` is called at once, with the one who is to be told what the socket brings.
   */
  admit(client: Admitted, hear: (owner: SocketOwner) => void): void {
    const { socket, plain, loopback, token, key } = client;
    const encoding = encodingOf(client.subprotocol);
    const serial = client.serial ?? this.#context.nextSerial();
    const { via } = client;
    const arrival = { socket, serial, encoding, loopback, token, via, plain: plain !== undefined };
    const connection = new Connection(arrival, this.#context, this.#owner);
    if (key !== undefined) this.#context.keys.set(connection, key);
    if (client.stay !== undefined) this.#context.staying.set(connection, client.stay);
    hear(connection);
    this.#roster.add(connection);
    if (client.late) connection.close(closeCodes.helloTimeout);
    else if (plain !== undefined) greetPlain(connection, this.#context, plain);
  }

  /** What the stream tells its listeners; the hub hears the same. */
  onStream(event: StreamEvent): void {
    if (event.type === 'confirmed') {
      this.#context.second = event.second;
    } else if (event.type === 'superseded') {
      this.#context.holders.superseded(event.session, event.generation);
    } else if (event.type === 'stale') {
      this.#context.stale = event.stale;
      for (const connection of this.#roster.all()) connection.tellStale(event.stale);
    }
  }

  /** Counted when asked, over all connections: for a status page, not for every metric. */
  status(): EdgeStatus {
    const states: Partial<Record<ConnectionState, number>> = {};
    const healths: Partial<Record<Health, number>> = {};
    let [slow, taken] = [0, 0];
    for (const { state, health, outbox, move } of this.#roster.all()) {
      states[state] = (states[state] ?? 0) + 1;
      healths[health] = (healths[health] ?? 0) + 1;
      if (outbox.slow) slow += 1;
      if (move?.taken) taken += 1;
    }
    return {
      connections: this.#roster.size,
      states,
      healths,
      slow,
      moving: this.#mover.moving,
      moved: taken,
      ...this.proxying,
      sessions: this.#context.holders.size - taken,
      drain: this.#drain.phase,
      drainRemainingMs: this.#drain.remainingMs,
      movingAway: this.#away !== undefined,
      fromOneAddress: fromOneAddress(this.#roster),
    };
  }

  /** Clients that are served here now. */
  get size(): number {
    return this.#roster.size;
  }

  /** Clients that are connected here now: served, or passed on to their owners. */
  get connected(): number {
    return this.#roster.size + (this.#proxying?.size ?? 0);
  }

  /** Clients that are passed on, and what is on its way. Counted when asked. */
  get proxying(): Pick<EdgeStatus, 'proxied' | 'inTransit'> {
    const { proxied = 0, inTransit = 0 } = this.#proxying ?? {};
    return { proxied, inTransit };
  }

  get drainPhase(): DrainPhase {
    return this.#drain.phase;
  }

  /** Whether new clients should come here, as far as the edge is concerned. */
  get ready(): boolean {
    return this.#drain.phase === 'serving' && this.#away === undefined;
  }

  /**
   * Leaves for good, in the order that `Drain` says. Resolves when nobody is left. `withinMs`:
   * sooner than its settings say.
   */
  drain(withinMs?: number): Promise<Drained> {
    return this.#drain.start(withinMs);
  }

  /** Calls the drain off: who is still here, stays. */
  cancelDrain(): void {
    this.#drain.cancel();
  }

  /** Somebody owns something else than before. */
  ringChanged(): void {
    this.#mover.ringChanged();
  }

  /**
   * This gateway is cut off from Redis and others are not: clients go, at the budget's pace, or so
   * fast that the last one goes when a drain would be over. What it knows of the ring is old, and a
   * gateway that no ring names yet has no share of the budget.
   */
  moveAway(): void {
    if (this.#away !== undefined) return;
    const { clock, random, counts, settings } = this.#context;
    const finishBy = clock.now() + settings.drainDeadlineMs;
    this.#away = new Departures<Connection>({
      ...{ clock, random, budget: this.#mover.budget, finishBy },
      leavers: () => this.#roster.all().filter(({ alive }) => alive),
      // Without Redis this gateway has nothing to say: nobody waits here for a better place.
      ask: (connection) => connection.leave(closeCodes.cutOff),
      count: (how) => counts.moved(how),
    });
  }

  /** It is not cut off any more, or nobody else is better off: who is still here, stays. */
  stay(): void {
    this.#away?.stop();
    this.#away = undefined;
  }

  /** Ends everything now. Clients see `going_away`; who does not answer at once is cut. */
  stop(): Promise<void> {
    for (const { server, onUpgrade } of this.#servers) server.off('upgrade', onUpgrade);
    this.#servers = [];
    this.stay();
    this.#mover.hold();
    for (const connection of this.#roster.all()) connection.close(closeCodes.goingAway);
    this.#proxying?.cut();
    return new Promise((resolve) => {
      this.#stopped = resolve;
      this.#stopTimer = this.#context.clock.after(STOP_MS, () => {
        for (const connection of this.#roster.all()) connection.socket.terminate();
      });
      this.#checkStopped();
    });
  }

  #newProxying(parts: EdgeParts): Proxying | undefined {
    if (parts.proxy === undefined) return undefined;
    const { clock, logger, counts, settings, authenticator, proxy } = parts;
    return new Proxying({
      ...{ clock, logger, counts, placement: this.#context.placement, ...proxy },
      ...{ configured: authenticator.configured, helloTimeoutMs: settings.helloTimeoutMs },
      ...{ heartbeatMs: settings.heartbeatMs, slowTimeoutMs: settings.slowTimeoutMs },
      onGone: () => this.#passed(),
    });
  }

  #arrive(arriving: ArrivingAt): void {
    const { request, socket, server, head } = arriving;
    const serial = this.#context.nextSerial();
    const connection = this.#context.connectionId(serial);
    const id = acceptedId(request.headers['x-request-id']) ?? connection;
    if (request.headers.upgrade === HOP_UPGRADE) {
      const wanted = this.#context.placement.proxies && this.ready;
      const opened = this.#hopDoor?.open(socket, request.headers[HOP], { server, wanted, head });
      if (opened !== true) this.#refuse(arriving, 'hop', id);
      return;
    }
    const problem = admissionProblem(request, this.#doors, {
      connections: this.#roster.size + (this.#proxying?.waiting ?? 0),
      leaving: this.#drain.phase === 'leaving' || this.#drain.phase === 'empty',
    });
    if (problem !== undefined) {
      this.#refuse(arriving, problem, id);
      return;
    }
    const via = this.#hopDoor?.from(socket);
    const hold = via === undefined && this.#proxying?.wanted === true;
    this.#upgrader.upgrade(arriving, {
      id,
      hold,
      wrong: () => this.#refuse(arriving, 'handshake', id),
      done: (upgraded) => this.#greet(upgraded, { request, serial, id, via, hold }),
    });
  }

  /** The handshake is done. */
  #greet(upgraded: Upgraded, { request, serial, id, via, hold }: Greeting): void {
    const { logger, placement } = this.#context;
    const key = keyOfRequest(request, placement.key);
    // Only a gateway is believed what it says of somebody else's address.
    const address =
      via === undefined ? upgraded.net.remoteAddress : String(request.headers[CLIENT_ADDRESS]);
    const connection = this.#context.connectionId(serial);
    logger.debug({ connection, request: id, address, via }, 'a client connected');
    const loopback = isLoopbackAddress(address);
    const serve = (served: Pick<Served, 'stay' | 'late'>) =>
      this.admit({ ...upgraded, serial, key, loopback, via, ...served }, (owner) =>
        upgraded.socket.attach(upgraded.net, owner),
      );
    const { net, head, token, plain, subprotocol } = upgraded;
    if (plain?.session !== undefined && isForgotten(this.#context.backlog.since, this.#context)) {
      upgraded.begin(head);
      serve({ late: true });
      return;
    }
    if (!hold || this.#proxying === undefined) {
      // Who passed it on may have an older ring, or a newer one.
      serve(via === undefined ? {} : { stay: 'for_a_while' });
      return;
    }
    void this.#proxying.place({
      ...{ net, head, token, plain, key, loopback },
      request: clientRequest(request, { subprotocol, address, id, placement }),
      serve: ({ taken, stay, late }) => {
        upgraded.begin(taken);
        serve({ ...(stay && { stay }), ...(late && { late }) });
      },
    });
  }

  #refuse({ socket }: Arriving, why: Refused, request: string): void {
    const { clock, counts, logger } = this.#context;
    counts.refused(why);
    logger.debug({ request, why }, 'an upgrade was refused');
    refuse(socket, why, { at: clock.wall(), request });
  }

  #gone(connection: Connection): void {
    this.#roster.remove(connection);
    this.#mover.gone(connection);
    this.#passed();
  }

  /** Somebody is not here any more. */
  #passed(): void {
    this.#drain.gone();
    this.#checkStopped();
  }

  #checkStopped(): void {
    if (this.#stopped === undefined || this.connected > 0) return;
    this.#stopTimer?.cancel();
    this.#drain.stop();
    this.#context.wheel.stop();
    this.#stopped();
  }
}

type UpgradeListener = (
  request: Arriving['request'],
  socket: Arriving['socket'],
  head: Arriving['head'],
) => void;

interface ArrivingAt extends Arriving {
  readonly server: Server;
}

interface Greeting {
  readonly request: Arriving['request'];
  readonly serial: number;
  /** Of the request; it stood in the answer. */
  readonly id: string;
  /** The gateway that passes it on to this one. */
  readonly via: string | undefined;
  /** It may have to be passed on. */
  readonly hold: boolean;
}

/** Time for the closing handshakes of `stop`. */
const STOP_MS = 1_000;
