import type { Clock, Timer } from '../protocol/clock.ts';
import type { Move as Asked, Welcome } from '../protocol/events.ts';
import type { Link } from './link.ts';

/** What a move needs of whoever asked for subscriptions and published. */
export interface MoveOwner {
  /** Asks the new connection for all that is subscribed; resolves when that is answered. */
  carry(link: Link, welcome: Welcome): Promise<void>;
  /** Whether everything that was asked and published is answered. */
  settled(): boolean;
}

export interface MoveParts {
  readonly asked: Asked;
  /** To the other gateway. */
  readonly link: Link;
  readonly clock: Clock;
  readonly withinMs: number;
  readonly owner: MoveOwner;
  /** The new connection has to take over. */
  readonly onReady: () => void;
  /** It did not come about in time. */
  readonly onLate: () => void;
}

/**
 * A move that is under way. The new connection is opened and asked for the subscriptions, while the
 * old one goes on as before. Then publishes wait until the old one has answered all that it got, so
 * that each is on one of them only; and when it has, or the time is over, the new one takes over.
 */
export class Move {
  readonly link: Link;
  readonly asked: Asked;
  readonly #parts: MoveParts;
  readonly #beganAt: number;
  readonly #timer: Timer;
  #stage: 'carrying' | 'settling' | 'over' = 'carrying';

  constructor(parts: MoveParts) {
    const { clock, withinMs, onReady, onLate } = parts;
    this.link = parts.link;
    this.asked = parts.asked;
    this.#parts = parts;
    this.#beganAt = clock.now();
    this.#timer = clock.after(withinMs, () => (this.settling ? onReady() : onLate()));
  }

  /** Publishes wait for the new connection. */
  get settling(): boolean {
    return this.#stage === 'settling';
  }

  /** How long it has been under way. */
  get ms(): number {
    return this.#parts.clock.now() - this.#beganAt;
  }

  /** The other gateway welcomed us. */
  async carry(welcome: Welcome): Promise<void> {
    await this.#parts.owner.carry(this.link, welcome);
    if (this.#stage === 'over') return;
    this.#stage = 'settling';
    this.check();
  }

  /** Something may have been answered. */
  check(): void {
    const { owner, onReady } = this.#parts;
    if (this.settling && owner.settled()) onReady();
  }

  /** What becomes of its link is for its owner to say. */
  end(): void {
    this.#stage = 'over';
    this.#timer.cancel();
  }
}
