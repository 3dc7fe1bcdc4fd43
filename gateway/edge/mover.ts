import type { Clock, Random, Timer } from '../../protocol/clock.ts';
import type { MoveReason } from '../../protocol/code-table.ts';
import { closeCodes } from '../../protocol/codes.ts';
import { Budget } from './budget.ts';
import type { EdgeCounts } from './counts.ts';
import { Departures } from './departures.ts';
import type { Movable, MovableClient } from './movable.ts';
import type { MoveTokens } from './move-tokens.ts';
import { type Elsewhere, type Placement, urlWithKey } from './placement.ts';

export interface MoverParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Everybody who is here. */
  readonly roster: { all(): readonly MovableClient[] };
  readonly placement: Placement;
  /** Of clients that cannot be moved and find their way by coming back. Absent: there are none. */
  readonly places?: WeakMap<object, Movable>;
  /** Whether clients of the shard would be passed on to its owner. Absent: nobody is. */
  readonly reaches?: (shard: number) => boolean;
  /** Absent: nobody can be moved. */
  readonly tokens: MoveTokens | undefined;
  readonly counts: EdgeCounts;
}

export interface Question {
  readonly reason: MoveReason;
  /** Absent: wherever the client finds another gateway. */
  readonly to: string | undefined;
  /** Time to go, ms. */
  readonly within: number;
}

/** The longest that a client is given to go. */
export const WITHIN_MS = 20_000;
/**
 * So long a gateway that was to leave, and stays after all, waits to be in the ring again, before
 * it sends everybody away by the one that was made without it.
 */
const RETURN_MS = 30_000;
/** So often it is looked anew who belongs elsewhere. */
const LOOK_MS = 1_000;

/**
 * Sends clients to where they belong: at their hello, and when the ring has changed. Only those
 * that can go without a break, never faster than the budget, each asked once and again after a
 * while. Everybody else is served in place.
 */
export class Mover {
  /** What everything that disturbs clients here draws on. */
  readonly budget: Budget;
  readonly #parts: MoverParts;
  #departures: Departures<MovableClient> | undefined;
  /** Who belonged elsewhere when it was last looked. */
  #strangers: readonly MovableClient[] = [];
  /** Who was asked, and is here and has time to go. */
  readonly #moving = new Set<MovableClient>();
  /** Who was asked because the gateway between leaves. */
  readonly #freed = new WeakSet<MovableClient>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #held = false;
  /** Until a ring has this gateway again; undefined: it need not wait for one. */
  #returning: Timer | undefined;

  constructor(parts: MoverParts) {
    this.#parts = parts;
    this.budget = new Budget(parts.clock, () => parts.placement.share());
  }

  /** Clients that were asked and have time to go. */
  get moving(): number {
    return this.#moving.size;
  }

  /** A client was welcomed here. */
  welcomed(client: MovableClient): void {
    if (this.#held || !this.#isStranger(client)) return;
    // Who was sent here is asked when it has stayed for a while, if it still belongs elsewhere.
    const target = client.move && this.#targetOf(client);
    if (target !== undefined && this.budget.take()) {
      this.#parts.counts.moved('paced');
      this.ask(client, { reason: 'redirect', to: target.to, within: WITHIN_MS });
    }
    this.#begin();
  }

  /** Somebody owns something else now. */
  ringChanged(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    if (this.#returning !== undefined && this.#parts.placement.hasPlace) this.#resume();
    else if (!this.#held) this.#begin();
  }

  /** Everybody leaves, in another order: nobody is sent anywhere until it is released. */
  hold(): void {
    this.#held = true;
    this.#returning?.cancel();
    this.#returning = undefined;
    this.#end();
  }

  /** This gateway stays after all, and is in the ring again soon. */
  release(): void {
    const { clock, placement } = this.#parts;
    if (placement.hasPlace) this.#resume();
    else this.#returning = clock.after(RETURN_MS, () => this.#resume());
  }

  #resume(): void {
    this.#returning?.cancel();
    this.#returning = undefined;
    this.#held = false;
    this.ringChanged();
  }

  /** Asks one that can be moved. It stays until it has gone on at the other gateway. */
  ask(client: MovableClient, { reason, to, within }: Question): void {
    const { clock, tokens, counts, placement } = this.#parts;
    const { move, identity, sessionName: session } = client;
    if (move === undefined || identity === undefined || tokens === undefined) return;
    move.asked(clock.now(), within, placement.version);
    this.#moving.add(client);
    counts.asked(reason);
    const token = tokens.issue({ identity: identity.name, session, ring: placement.ring });
    const url = to && { to: urlWithKey(to, placement.key, move.key) };
    client.say({ type: 'move', ...url, within, reason, token });
  }

  /** Its connection is gone. */
  gone(client: MovableClient): void {
    this.#moving.delete(client);
    const { clock, counts } = this.#parts;
    const { move } = client;
    if (move?.everAsked) counts.departed(move.isMoving(clock.now()) ? 'in_time' : 'late');
  }

  /** The gateway that passes it on to this one has left the ring. */
  #isStranded({ alive, via }: MovableClient): boolean {
    return alive && via !== undefined && this.#parts.placement.hasLeft(via);
  }

  /** Whether it belongs to another gateway, be that one there or not. */
  #isStranger(client: MovableClient): boolean {
    const { placement } = this.#parts;
    const place = this.#placeOf(client);
    if (!client.alive || place === undefined) return false;
    if (place.staysUntil(placement.version) === Number.POSITIVE_INFINITY) return false;
    const { shard } = place;
    return placement.elsewhere(shard) !== undefined || !placement.isHere(shard);
  }

  #targetOf(client: MovableClient): Elsewhere | undefined {
    const shard = this.#shardOf(client);
    if (shard === undefined) return undefined;
    const { placement, reaches } = this.#parts;
    const target = placement.elsewhere(shard);
    // Who cannot be told where to go would be back here.
    const isPassedOn = client.move === undefined || target?.to === undefined;
    return isPassedOn && reaches?.(shard) === false ? undefined : target;
  }

  /** Undefined: it stays, whoever owns it. */
  #shardOf(client: MovableClient): number | undefined {
    const { placement, clock } = this.#parts;
    const place = this.#placeOf(client);
    if (!client.alive || place === undefined) return undefined;
    return clock.now() < place.staysUntil(placement.version) ? undefined : place.shard;
  }

  #placeOf(client: MovableClient): Movable | undefined {
    return client.move ?? this.#parts.places?.get(client);
  }

  #begin(): void {
    const { clock, random, counts } = this.#parts;
    this.#departures ??= new Departures<MovableClient>({
      ...{ clock, random, budget: this.budget, finishBy: undefined },
      leavers: () => this.#leavers(),
      ask: (client) => {
        if (this.#isStranded(client)) this.#free(client);
        else this.#rebalance(client);
      },
      count: (how) => counts.moved(how),
    });
  }

  #rebalance(client: MovableClient): void {
    const to = this.#targetOf(client)?.to;
    if (client.move === undefined) client.leave(closeCodes.moved);
    else this.ask(client, { reason: 'rebalance', to, within: WITHIN_MS });
  }

  /** It comes back by another gateway, which is not the one that leaves. */
  #free(client: MovableClient): void {
    const { placement } = this.#parts;
    const { move } = client;
    if (move === undefined || this.#freed.has(client)) {
      client.leave(closeCodes.drain);
      return;
    }
    this.#freed.add(client);
    const to = placement.redirects ? placement.refuge(move.shard)?.to : undefined;
    this.ask(client, { reason: 'drain', to, within: WITHIN_MS });
  }

  #end(): void {
    this.#departures?.stop();
    this.#departures = undefined;
    this.#strangers = [];
  }

  #leavers(): readonly MovableClient[] {
    const now = this.#parts.clock.now();
    if (now - this.#lookedAt >= LOOK_MS) this.#look(now);
    const { version } = this.#parts.placement;
    return this.#strangers.filter((client) => {
      if (client.move?.isMoving(now)) return false;
      if (this.#isStranded(client)) return true;
      const spared = this.#placeOf(client)?.isSpared(now, version) !== false;
      return !spared && this.#targetOf(client) !== undefined;
    });
  }

  #look(now: number): void {
    this.#lookedAt = now;
    const all = this.#parts.roster.all();
    // Also those whose gateway is not there: it may be back while the ring stays as it is.
    this.#strangers = all.filter((client) => this.#isStranded(client) || this.#isStranger(client));
    for (const client of this.#moving) {
      if (client.move?.isMoving(now)) continue;
      this.#moving.delete(client);
      // It goes on elsewhere, and forgot to say goodbye here.
      if (client.move?.taken) client.leave(closeCodes.moved);
    }
    if (this.#strangers.length === 0 && this.#moving.size === 0) this.#end();
  }
}
