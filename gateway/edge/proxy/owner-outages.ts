import type { Clock, Timer } from '../../../protocol/clock.ts';
import type { Owner } from '../placement.ts';

export interface OwnerOutagesParts {
  readonly clock: Clock;
  /** Whether the owner takes clients now. Never rejects. */
  readonly answers: (owner: Owner) => Promise<boolean>;
  /** So long an owner must have been there before clients go home to it, ms. Default: a minute. */
  readonly homeAfterMs?: number;
}

interface Outage {
  readonly owner: Owner;
  /** It answered when it was last asked. */
  answers: boolean;
  /** When somebody last wanted to know. */
  wantedAt: number;
  timer: Timer | undefined;
}

const HOME_AFTER_MS = 60_000;
/** Between two questions to an owner that does not answer. */
const ASK_MS = 1_000;
/** More than a ring has members. */
const OUTAGES_MAX = 2_000;

/**
 * Owners to which a client could not be passed on. They are asked without a client, so that none
 * waits for one that is gone: from its first answer on newcomers are passed on to it again. Who was
 * served elsewhere meanwhile goes home only when it has been there for a while, since that disturbs
 * clients, and an owner that flaps would do so again and again.
 */
export class OwnerOutages {
  readonly #parts: OwnerOutagesParts;
  readonly #outages = new Map<string, Outage>();

  constructor(parts: OwnerOutagesParts) {
    this.#parts = parts;
  }

  /** It could not be had. */
  began(owner: Owner): void {
    // Of the many that arrived together the first one says it all.
    if (this.lasts(owner)) return;
    this.#forget(owner.pod);
    if (this.#outages.size >= OUTAGES_MAX) this.clear();
    const wantedAt = this.#parts.clock.now();
    const outage: Outage = { owner, answers: false, wantedAt, timer: undefined };
    this.#outages.set(owner.pod, outage);
    this.#askIn(ASK_MS, outage);
  }

  /** Whether it has not answered since: nobody need try. */
  lasts(owner: Owner): boolean {
    return this.#wanted(owner)?.answers === false;
  }

  /** Whether it has been there for a while, or all the time. */
  isOver(owner: Owner): boolean {
    return this.#wanted(owner) === undefined;
  }

  clear(): void {
    for (const pod of this.#outages.keys()) this.#forget(pod);
  }

  #wanted({ pod, address }: Owner): Outage | undefined {
    const outage = this.#outages.get(pod);
    // At another address it is another one.
    if (outage === undefined || outage.owner.address !== address) return undefined;
    outage.wantedAt = this.#parts.clock.now();
    return outage;
  }

  #forget(pod: string): void {
    this.#outages.get(pod)?.timer?.cancel();
    this.#outages.delete(pod);
  }

  #askIn(delayMs: number, outage: Outage): void {
    outage.timer = this.#parts.clock.after(delayMs, () => void this.#ask(outage));
  }

  async #ask(outage: Outage): Promise<void> {
    const answers = await this.#parts.answers(outage.owner);
    const { pod } = outage.owner;
    if (this.#outages.get(pod) !== outage) return;
    const { clock, homeAfterMs = HOME_AFTER_MS } = this.#parts;
    const unwanted = clock.now() - outage.wantedAt > Math.max(homeAfterMs, ASK_MS);
    if (unwanted || (answers && outage.answers)) {
      this.#forget(pod);
      return;
    }
    outage.answers = answers;
    this.#askIn(answers ? homeAfterMs : ASK_MS, outage);
  }
}
