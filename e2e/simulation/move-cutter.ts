import type { Random } from '../../protocol/clock.ts';
import { pickOne } from '../../protocol/testing/chance.ts';
import type { Line } from './line.ts';
import { type Leg, type Legs, type MoveStep, moveSteps } from './move-trace.ts';
import type { Nemesis } from './nemesis.ts';
import type { Cutter, Scene } from './scene.ts';
import type { SimulatedGateway } from './simulated-gateway.ts';

const deeds = [
  'breaks',
  'swallows',
  'gateway dies',
  'gateway gone silently',
  'gateway freezes',
  'gateway drains',
  'store restarts',
  'store loses its end',
  'epoch ends, and the old one is late',
] as const;
const victims = ['old', 'next', 'both'] as const;

interface Trap {
  readonly step: MoveStep;
  readonly deed: (typeof deeds)[number];
  readonly victim: (typeof victims)[number];
}

export interface MoveCutterParts {
  readonly world: Scene;
  readonly nemesis: Nemesis;
  readonly random: Random;
  /** While things go wrong. */
  readonly troubled: () => boolean;
}

/** The new connection tells of another epoch before the old one does, which is not done yet. */
const delicate = { step: 'carried', deed: 'epoch ends, and the old one is late' } as const;
const DELICATE_SHARE = 0.25;
const SLOW_BYTES_PER_MS = 0.05;
const SOON_MS = 20;
const LATE_MS = 1_000;
/** Traps that are set at a time. */
const TRAPS_MAX = 4;
/** So many of all moves have publishes under way from some step on. */
const PUBLISHING = 0.15;

/** Cuts moves, each at one step: the trap is armed before, and the first move there is caught. */
export class MoveCutter implements Cutter {
  readonly #world: Scene;
  readonly #nemesis: Nemesis;
  readonly #random: Random;
  readonly #troubled: () => boolean;
  #traps: Trap[] = [];

  constructor({ world, nemesis, random, troubled }: MoveCutterParts) {
    this.#world = world;
    this.#nemesis = nemesis;
    this.#random = random;
    this.#troubled = troubled;
  }

  /** The next move at some step is cut there. */
  arm(): boolean {
    if (this.#traps.length >= TRAPS_MAX) return false;
    const random = this.#random;
    const trap = {
      ...{ step: pickOne(moveSteps, random), deed: pickOne(deeds, random) },
      victim: pickOne(victims, random),
    };
    this.#traps.push(random() < DELICATE_SHARE ? { ...trap, ...delicate } : trap);
    return true;
  }

  disarm(): void {
    this.#traps = [];
  }

  /** A client is at a step of its move. */
  onStep(client: string, step: MoveStep, legs: Legs): void {
    this.#world.tally.add(`move ${step}`);
    if (legs.old !== undefined && legs.old.tries > 1) this.#world.tally.add(`move ${step} again`);
    if (this.#troubled() && this.#random() < PUBLISHING) this.#publish(client);
    const at = this.#traps.findIndex((trap) => trap.step === step);
    const [trap] = at < 0 ? [] : this.#traps.splice(at, 1);
    if (trap === undefined) return;
    this.#world.happened(`move cut when ${step}`);
    this.#world.note(`${client} has ${step}, and ${trap.victim} ${trap.deed}`);
    if (trap.deed === 'store restarts') this.#nemesis.restartStore();
    else if (trap.deed === 'store loses its end') this.#nemesis.loseEnd();
    else if (trap.deed === delicate.deed) this.#endEpoch(client, legs.old?.line);
    else {
      if (trap.victim !== 'next') this.#cut(legs.old, trap.deed);
      if (trap.victim !== 'old') this.#cut(legs.next, trap.deed);
    }
  }

  /** Its last publish is under way for as long as the line is slow. */
  #endEpoch(client: string, line: Line | undefined): void {
    if (line === undefined) return;
    this.#publish(client);
    line.down.bytesPerMs = SLOW_BYTES_PER_MS;
    this.#world.time.after(SOON_MS, () => this.#nemesis.loseEnd());
    this.#nemesis.undoAfter(LATE_MS, () => line.down.hasten());
  }

  #publish(client: string): void {
    const subscriber = this.#world.subscribers.find(({ name }) => name === client);
    if (subscriber === undefined) return;
    this.#world.publishBy(subscriber, pickOne(this.#world.topics, this.#random));
  }

  #cut(leg: Leg | undefined, deed: Trap['deed']): void {
    const { line } = leg ?? {};
    if (line === undefined) return;
    if (deed === 'breaks') line.break();
    else if (deed === 'swallows') line.swallow(pickOne(['up', 'down', 'both'], this.#random));
    else
      this.#harm(
        this.#world.gateways.find(({ process }) => line.belongsTo(process)),
        deed,
      );
  }

  #harm(gateway: SimulatedGateway | undefined, deed: Trap['deed']): void {
    if (gateway === undefined || !this.#nemesis.able.includes(gateway)) return;
    if (deed === 'gateway freezes') this.#nemesis.freezeGateway(gateway);
    else if (deed === 'gateway drains') this.#nemesis.drain(gateway);
    else this.#nemesis.kill(deed === 'gateway gone silently', gateway);
  }
}
