import { WITHIN_MS } from '../../gateway/edge/mover.ts';
import type { PackageSubscriber } from './package-subscriber.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedGateway } from './simulated-gateway.ts';
import type { Movable, RingMember, WorldRing } from './world-ring.ts';

export interface Everybody {
  readonly ring: WorldRing;
  readonly time: SimulatedClock;
  readonly clients: readonly PackageSubscriber[];
  /** Those that live. */
  readonly gateways: () => readonly SimulatedGateway[];
}

/** Who was asked and did not go is left in peace for so long: see `Movable`. */
const PEACE_MS = WITHIN_MS * 1.25 + 60_000;
/** A gateway looks so often who belongs elsewhere. */
const LOOK_MS = 1_000;
/** Of the budget, for clients at a gateway that hands nothing over. */
const ARRIVALS_SHARE = 0.1;
/** For so long somebody is waited for: most go at once, and a few have to be asked again. */
const PATIENCE_MS = 150_000;
const IMPATIENCE_MS = 10_000;
const STEP_MS = 3_000;
const GLANCE_MS = 50;

/**
 * From the moment at which all agree on a ring, whoever can move is at its owner within: the peace
 * that it is left in when it was asked and did not go, one look of its gateway, two heartbeats in
 * which that hears that the owner is there, and its place in the queue of the smallest share.
 */
function homeMs({ ring, clients, gateways }: Everybody): number {
  const { heartbeatMs, movesPerSecond } = ring.settings;
  const slowest = (movesPerSecond * ARRIVALS_SHARE) / gateways().length;
  return PEACE_MS + LOOK_MS + 2 * heartbeatMs + (clients.length / slowest) * 1_000;
}

/** Lets time pass until all agree and everybody is at home, or writes down who is not in time. */
export class Homecoming {
  readonly #everybody: Everybody;
  readonly #beganAt: number;
  /** When a gateway came, went or began to leave last, and who was there. */
  #changedAt: number;
  #present = '';
  #agreedAt: number | undefined;

  constructor(everybody: Everybody) {
    this.#everybody = everybody;
    this.#beganAt = everybody.time.now();
    this.#changedAt = this.#beganAt;
  }

  /** `each` is called again and again meanwhile. */
  async wait(each: () => void): Promise<void> {
    const { time } = this.#everybody;
    while (!(await this.#isOver())) {
      each();
      await time.run(
        time.now() + STEP_MS,
        everySoOften(time, () => this.#isHome()),
      );
    }
  }

  async #isOver(): Promise<boolean> {
    const { ring, time } = this.#everybody;
    const now = time.now();
    if (this.#agrees()) {
      this.#agreedAt ??= now;
      return this.#isHome() || this.#isTooLate(now - this.#agreedAt);
    }
    this.#agreedAt = undefined;
    const waitedMs = now - this.#changedAt;
    if (waitedMs <= (await ring.agreeMs(this.#members))) return false;
    ring.broke('ring', `no agreement ${Math.round(waitedMs)} ms after a gateway came or went`);
    return true;
  }

  #isTooLate(waitedMs: number): boolean {
    const { ring, time } = this.#everybody;
    if (waitedMs > homeMs(this.#everybody)) {
      for (const { name } of this.#strangers) {
        ring.broke('home', `not at its owner ${Math.round(waitedMs)} ms after all agreed`, name);
      }
      return true;
    }
    const { patient } = ring.settings;
    return time.now() - this.#beganAt > (patient ? PATIENCE_MS : IMPATIENCE_MS);
  }

  #agrees(): boolean {
    const members = this.#members;
    const present = members.map(({ ring: { pod }, leaving }) => `${pod} ${leaving}`).join();
    if (present !== this.#present) this.#changedAt = this.#everybody.time.now();
    this.#present = present;
    return this.#everybody.ring.agreed(members);
  }

  #isHome(): boolean {
    return this.#everybody.ring.agreed(this.#members) && this.#strangers.length === 0;
  }

  get #members(): readonly RingMember[] {
    return this.#everybody
      .gateways()
      .flatMap(({ ring, leaving }) => (ring === undefined ? [] : [{ ring, leaving }]));
  }

  get #strangers(): readonly Movable[] {
    const ring = this.#members[0]?.ring.keeper.current?.ring;
    const clients = this.#everybody.clients.map(({ name, trace }) => ({ name, home: trace?.home }));
    return ring === undefined ? clients : this.#everybody.ring.strangers(ring, clients);
  }
}

/** Looks at a condition every few milliseconds of simulated time. */
export function everySoOften(time: SimulatedClock, holds: () => boolean): () => boolean {
  let next = time.now() + GLANCE_MS;
  return () => {
    if (time.now() < next) return false;
    next = time.now() + GLANCE_MS;
    return holds();
  };
}
