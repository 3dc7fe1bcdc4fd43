import type { Clock, Timer } from '../protocol/clock.ts';
import type { Move as Asked, Welcome } from '../protocol/events.ts';
import type { Link } from './link.ts';

export interface MoveOwner {
  /** Asks the new connection for all that is subscribed; resolves when that is answered. */
  carry(link: Link, welcome: Welcome): Promise<void>;
  /** Whether everything that was asked and published is answered. */
  settled(): boolean;
  /** The new connection has to take over. */
  onReady(): void;
  /** It did not come about in time. */
  onLate(): void;
}

export interface MoveParts {
  readonly asked: Asked;
  /** To the other gateway. */
  readonly link: Link;
  readonly clock: Clock;
  readonly withinMs: number;
  readonly owner: MoveOwner;
}

/**
 * A move that is under way. The new connection is opened and asked for the subscriptions, while the
 * old one goes on as before. Then publishes wait until the old one has answered all that it got, so
 * that each is on one of them only; and when it has, or the time is over, the new one takes over.
 */
export class Move {
  readonly link: Link;
  readonly asked: Asked;
  readonly #clock: Clock;
  readonly #owner: MoveOwner;
  readonly #beganAt: number;
  readonly #timer: Timer;
  #stage: 'carrying' | 'settling' | 'over' = 'carrying';

  constructor(parts: MoveParts) {
    const { clock, withinMs, owner } = parts;
    this.link = parts.link;
    this.asked = parts.asked;
    this.#clock = clock;
    this.#owner = owner;
    this.#beganAt = clock.now();
    this.#timer = clock.after(withinMs, () => (this.settling ? owner.onReady() : owner.onLate()));
  }

  /** Publishes wait for the new connection. */
  get settling(): boolean {
    return this.#stage === 'settling';
  }

  /** How long it has been under way. */
  get ms(): number {
    return this.#clock.now() - this.#beganAt;
  }

  /** The other gateway welcomed us. */
  async carry(welcome: Welcome): Promise<void> {
    await this.#owner.carry(this.link, welcome);
    if (this.#stage === 'over') return;
    this.#stage = 'settling';
    this.check();
  }

  /** Something may have been answered. */
  check(): void {
    if (this.settling && this.#owner.settled()) this.#owner.onReady();
  }

  /** What becomes of its link is for its owner to say. */
  end(): void {
    this.#stage = 'over';
    this.#timer.cancel();
  }
}
