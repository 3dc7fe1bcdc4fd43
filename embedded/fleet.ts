import { compareStamps } from '../gateway/ring/pod-board.ts';
import type { HeldRing } from '../gateway/ring/ring-keeper.ts';
import type { BoardLine } from './board-line.ts';
import type { Action, Condition, FleetView, GatewayView, RingStamp } from './contract.ts';
import { GATEWAYS_MAX } from './contract.ts';
import { GatewaySockets } from './gateway-sockets.ts';
import { type Controlled, Refused } from './page-server.ts';

/** A gateway that runs in this process, as far as the fleet needs it. */
export interface RunningGateway {
  /** WebSocket connections now. */
  connections(): number;
  /** The ring that it goes by. */
  ring(): HeldRing | undefined;
  /** Its way to the board of the ring. */
  readonly board: Pick<BoardLine, 'freeze' | 'thaw' | 'cut'>;
  /** Asks its clients to go; resolves when they have. */
  drain(): Promise<unknown>;
  /** Ends it; its port is free afterwards. */
  stop(): Promise<void>;
}

export interface Place {
  readonly name: string;
  readonly port: number;
}

/** Starts one gateway. Rejects with the error of the system, EADDRINUSE among them. */
export type Launch = (place: Place) => Promise<RunningGateway>;

export interface FleetParts {
  readonly launch: Launch;
  /** Gateway `id` listens on `basePort + id`. */
  readonly basePort: number;
  readonly store: FleetView['store'];
}

interface Member {
  readonly id: number;
  readonly place: Place;
  condition: Condition;
  sockets: GatewaySockets | undefined;
  running: RunningGateway | undefined;
}

/** The gateways of this process, and what can happen to them. */
export class Fleet implements Controlled {
  readonly #parts: FleetParts;
  readonly #members: Member[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #startedAt = Date.now();

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  view(): FleetView {
    return {
      run: String(this.#startedAt),
      startedAt: this.#startedAt,
      store: this.#parts.store,
      gateways: this.#members.map(viewOf),
      ring: stampOf(this.#ring()),
      mayStart: this.#members.length < GATEWAYS_MAX,
    };
  }

  ringDocument(): string | undefined {
    return this.#ring()?.document;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts another gateway. Rejects, and forgets it, when it cannot be started. */
  async start(): Promise<void> {
    if (this.#members.length >= GATEWAYS_MAX) {
      throw new Refused(409, `There are ${GATEWAYS_MAX} gateways already.`);
    }
    const id = this.#members.length + 1;
    const place = { name: `gateway-${id}`, port: this.#parts.basePort + id };
    const member: Member = {
      id,
      place,
      condition: 'starting',
      sockets: undefined,
      running: undefined,
    };
    this.#members.push(member);
    try {
      await this.#launch(member);
    } catch (error) {
      this.#members.splice(this.#members.indexOf(member), 1);
      this.#changed();
      throw error;
    }
  }

  async act(id: number, action: Action): Promise<void> {
    const member = this.#members.find((candidate) => candidate.id === id);
    if (member === undefined) throw new Refused(404, `There is no gateway ${id}.`);
    switch (action) {
      case 'kill':
        return this.#kill(expect(member, ['running', 'frozen', 'draining']));
      case 'freeze':
        return this.#freeze(expect(member, ['running']));
      case 'thaw':
        return this.#thaw(expect(member, ['frozen']));
      case 'drain':
        return this.#drain(expect(member, ['running']));
      case 'revive':
        return this.#launch(expect(member, ['killed', 'left']));
    }
  }

  /** Ends every gateway, all at once. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.running?.stop()));
  }

  async #launch(member: Member): Promise<void> {
    const before = member.condition;
    this.#set(member, 'starting');
    const sockets = new GatewaySockets(member.place.port);
    try {
      member.running = await this.#parts.launch(member.place);
    } catch (error) {
      sockets.destroy();
      this.#set(member, before);
      throw error;
    }
    member.sockets = sockets;
    this.#set(member, 'running');
  }

  async #kill(member: Member): Promise<void> {
    const { running } = member;
    member.running = undefined;
    // Nobody hears of it: clients and board are cut off before the gateway can say goodbye.
    running?.board.cut();
    member.sockets?.destroy();
    member.sockets = undefined;
    this.#set(member, 'killed');
    await running?.stop();
  }

  /** Begins it: the rest is seen in the condition. */
  #drain(member: Member): void {
    const { running } = member;
    if (running === undefined) return;
    this.#set(member, 'draining');
    const ended = this.#untilEmpty(member, running);
    ended.catch((error: unknown) => process.stderr.write(`a drain failed: ${String(error)}\n`));
  }

  async #untilEmpty(member: Member, running: RunningGateway): Promise<void> {
    const { sockets } = member;
    await running.drain();
    // Killed meanwhile, and perhaps started again.
    if (member.running !== running) return;
    member.running = undefined;
    await running.stop();
    sockets?.destroy();
    this.#set(member, 'left');
  }

  #freeze(member: Member): void {
    member.running?.board.freeze();
    member.sockets?.freeze();
    this.#set(member, 'frozen');
  }

  #thaw(member: Member): void {
    member.sockets?.thaw();
    member.running?.board.thaw();
    this.#set(member, 'running');
  }

  /** The newest of those that answer. */
  #ring(): HeldRing | undefined {
    const rings = this.#members
      .filter(({ condition }) => condition === 'running' || condition === 'draining')
      .flatMap(({ running }) => running?.ring() ?? []);
    return rings.toSorted(compareStamps).at(-1);
  }

  #set(member: Member, condition: Condition): void {
    member.condition = condition;
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function expect(member: Member, conditions: readonly Condition[]): Member {
  if (conditions.includes(member.condition)) return member;
  throw new Refused(409, `${member.place.name} is ${member.condition}.`);
}

function stampOf(ring: HeldRing | undefined): RingStamp | undefined {
  return ring && { ...ring.version, digest: ring.digest };
}

function viewOf({ id, place, condition, running }: Member): GatewayView {
  return { id, ...place, condition, connections: running?.connections() ?? 0 };
}
