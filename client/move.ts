import type { Timer } from '../protocol/clock.ts';
import { NORMAL } from '../protocol/code-table.ts';
import type { Move as Asked, Welcome } from '../protocol/events.ts';
import { Backoff } from './backoff.ts';
import type { ClientError } from './errors.ts';
import type { Link } from './link.ts';
import type { Settings } from './options.ts';

/** What a move needs of whoever asked for subscriptions and published. */
export interface MoveOwner {
  /** Asks the new connection for all that is subscribed; resolves when that is answered. */
  carry(link: Link, welcome: Welcome): Promise<void>;
  /** Whether everything that was asked and published is answered. */
  settled(): boolean;
  /** The old connection goes on alone: for good, with why; or until another try. */
  onMoveFailed(reason?: string, cause?: ClientError): void;
}

export interface MoveParts {
  readonly asked: Asked;
  /** When that was, by the clock. */
  readonly at: number;
  readonly settings: Settings;
  readonly owner: MoveOwner;
  /** A link to the other gateway, for one try. */
  readonly open: () => Link;
  /** The new connection has to take over. */
  readonly onReady: () => void;
}

/**
 * A move, from the question to its end. The new connection is opened and asked for the
 * subscriptions, while the old one goes on as before. Then publishes wait until the old one has
 * answered all that it got, so that each is on one of them only; and when it has, or the time is
 * over, the new one takes over. When the new one fails, another is tried after a while, as long as
 * there is time.
 */
export class Move {
  /** Of the try that is under way; ends with the move, unless it is taken out before. */
  link: Link | undefined;
  /** Follows what the other gateway asked for while the link to it was not the one in use. */
  next: (() => void) | undefined;
  /** Publishes wait for the new connection. */
  settling = false;
  readonly asked: Asked;
  readonly #parts: MoveParts;
  readonly #backoff: Backoff;
  #timer: Timer | undefined;

  constructor(parts: MoveParts) {
    this.asked = parts.asked;
    this.#parts = parts;
    this.#backoff = new Backoff(parts.settings);
  }

  /** How long it has been under way. */
  get ms(): number {
    return this.#parts.settings.clock.now() - this.#parts.at;
  }

  /** Begins a try. */
  start(): void {
    const { settings, open, onReady } = this.#parts;
    const withinMs = Math.min(settings.connectTimeoutMs, this.asked.within - this.ms);
    this.#timer = settings.clock.after(withinMs, () => {
      if (this.settling) onReady();
      else this.failed('timeout');
    });
    this.link = open();
    this.link.start();
  }

  /** The other gateway welcomed us. */
  async carry(link: Link, welcome: Welcome): Promise<void> {
    await this.#parts.owner.carry(link, welcome);
    if (link === this.link) this.settling = true;
    this.check();
  }

  /** Something may have been answered. */
  check(): void {
    const { owner, onReady } = this.#parts;
    if (this.settling && owner.settled()) onReady();
  }

  /** The try came to nothing; `final`: another one would, too. */
  failed(reason: string, cause?: ClientError, final = false): void {
    const { settings, owner } = this.#parts;
    this.end();
    const waitMs = this.#backoff.next();
    if (final || waitMs >= this.asked.within - this.ms) owner.onMoveFailed(reason, cause);
    else {
      this.#timer = settings.clock.after(waitMs, () => this.start());
      owner.onMoveFailed();
    }
  }

  /** Nothing is tried any more. */
  end(): void {
    this.#timer?.cancel();
    this.link?.close(NORMAL);
    this.link = this.next = undefined;
    this.settling = false;
  }
}
